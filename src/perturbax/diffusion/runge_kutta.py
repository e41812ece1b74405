"""Black-box Runge-Kutta integration of the probability-flow ODE.

Song et al. 2021, *Score-based generative modeling through SDEs*, section 4.3: with the noise prediction `e`,

    dx/dt = (d log alpha / dt) x - sigma (d lambda / dt) e(x, t),

integrated from noise to data by a solver of Diffrax with step-size control.
"""

from typing import Any, ClassVar

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp

from ..core import Paper, Result, check_integer, check_number
from . import _papers
from ._denoise import Denoiser, conversion_row
from ._method import AbstractUnplanned, Outcome
from ._prediction import AbstractPrediction
from ._process import AbstractProcess


class RungeKutta(AbstractUnplanned):
    """Adaptive Dormand-Prince 5(4) on the probability-flow ODE. Also known as "RK45".

    It knows nothing of the diffusion and so needs many evaluations: the black-box baseline. All samples of a batch
    share the steps.

    **Arguments:** `rtol`, `atol`: tolerances; `max_evaluations`: budget.

    **Returns:** a frozen method for `diffusion.sample`. `stats` has `evaluations`, `accepted` and `rejected`.

    **Raises:** `ValueError` when a tolerance is not positive.

    Source: Song et al. 2021, section 4.3 and appendix D.4, with its tolerances.

    >>> import jax
    >>> from perturbax import diffusion
    >>> problem = diffusion.Sampling(lambda x, t: 0.5 * x, diffusion.VPLinear(), shape=(2,))
    >>> diffusion.sample(problem, diffusion.RungeKutta(), key=jax.random.key(0)).x.shape
    (1, 2)
    """

    rtol: float = 1e-5
    atol: float = 1e-5
    max_evaluations: int = 5000

    papers: ClassVar[tuple[Paper, ...]] = (_papers.SCORE_SDE,)

    def __check_init__(self):
        check_number("rtol", self.rtol, minimum=0.0, exclusive=True)
        check_number("atol", self.atol, minimum=0.0, exclusive=True)
        check_integer("max_evaluations", self.max_evaluations, minimum=7)

    def solve(
        self,
        denoiser: Denoiser,
        prediction: AbstractPrediction,
        process: AbstractProcess,
        x: Any,
        start: float,
        condition: Any,
    ) -> Outcome:
        tolerances = jnp.asarray([self.rtol, self.atol], x.dtype)
        ends = jnp.asarray([start, process.t_min], x.dtype)
        # Dormand-Prince reuses its last slope: one evaluation to begin with and six for every step tried.
        max_steps = (self.max_evaluations - 1) // 6
        x, accepted, rejected, result, time = _integrate(
            tolerances, ends, max_steps, denoiser, prediction, process, x, condition
        )
        stats = {"evaluations": 1 + 6 * (accepted + rejected), "accepted": accepted, "rejected": rejected}
        return Outcome(x, result, stats, time)


# The first and the shortest step as shares of the whole way. In float32 a shorter one would not change the time.
_FIRST, _SHORTEST = 1e-2, 1e-7


@eqx.filter_jit
def _integrate(
    tolerances: Any,
    ends: Any,
    max_steps: int,
    denoiser: Denoiser,
    prediction: AbstractPrediction,
    process: AbstractProcess,
    x: Any,
    condition: Any,
) -> tuple[Any, Any, Any, Result, Any]:
    def slope(t: Any, x: Any, args: Any) -> Any:
        t = jnp.asarray(t, x.dtype)
        alpha, sigma = process.alpha(t), process.sigma(t)
        row = conversion_row(prediction, t, process.model_time(t), alpha, sigma, False)
        e = denoiser(x, row, condition)[0]
        return jax.grad(process.log_alpha)(t) * x - sigma * jax.grad(process.half_log_snr)(t) * e

    rtol, atol = tolerances
    solution = diffrax.diffeqsolve(
        diffrax.ODETerm(slope),
        diffrax.Dopri5(),
        ends[0],
        ends[1],
        _FIRST * (ends[1] - ends[0]),
        x,
        # Of the shortest length a step is taken whatever its error, and the event then stops at NaN and infinity.
        stepsize_controller=diffrax.PIDController(rtol=rtol, atol=atol, dtmin=_SHORTEST * (ends[0] - ends[1])),
        event=diffrax.Event(lambda t, y, args, **_: ~jnp.all(jnp.isfinite(y))),
        max_steps=max_steps,
        throw=False,
    )
    assert solution.ts is not None
    assert solution.ys is not None
    result = Result.where(
        solution.result == diffrax.RESULTS.successful,
        Result.successful,
        Result.where(solution.result == diffrax.RESULTS.event_occurred, Result.nonfinite, Result.max_evaluations),
    )
    stats = solution.stats
    return solution.ys[0], stats["num_accepted_steps"], stats["num_rejected_steps"], result, solution.ts[0]
