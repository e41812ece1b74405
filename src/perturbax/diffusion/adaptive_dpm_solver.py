"""DPM-Solver with step-size control: DPM-Solver-12 and DPM-Solver-23.

Lu et al. 2022, appendix C ("adaptive step size"): a step with two embedded solvers of orders `k - 1` and `k`; with

    E = max over the batch of rms((x_high - x_low) / max(atol, rtol max(|x_low|, |x_prev|)))

it is accepted when `E <= 1`, and the next step is `h <- min(safety h E^(-1/k), lambda_end - lambda)`.
"""

from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp

from ..core import Paper, Result, check_integer, check_number
from . import _papers
from ._denoise import Denoiser, conversion_row
from ._exponential import INNER_RATIOS, Expansion, advance, singlestep, with_inner
from ._method import AbstractUnplanned, Outcome
from ._prediction import AbstractPrediction
from ._process import AbstractProcess
from ._trace import Node


class AdaptiveDPMSolver(AbstractUnplanned):
    """Step-size controlled DPM-Solver of order 2 ("12") or 3 ("23"), in the noise or the data prediction.

    All samples of a batch share the steps. Every evaluation is counted, of accepted and of rejected steps.

    **Arguments:**

    - `order`: 2 or 3.
    - `data`: expand the data prediction (as DPM-Solver++) instead of the noise prediction.
    - `rtol`, `atol`: tolerances; 0.0078 is two steps of an 8-bit image in [-1, 1].
    - `first_step`: first step in half log-SNR.
    - `safety`: factor on the proposed step.
    - `max_evaluations`: budget; when it is spent the solution is returned with `Result.max_evaluations`.

    **Returns:** a frozen method for `diffusion.sample`. `stats` has `evaluations`, `accepted` and `rejected`.

    **Raises:** `ValueError` for another order or a non-positive tolerance.

    Source: Lu et al. 2022, appendix C; defaults of the official code.

    >>> import jax
    >>> from perturbax import diffusion
    >>> problem = diffusion.Sampling(lambda x, t: 0.5 * x, diffusion.VPLinear(), shape=(2,))
    >>> samples = diffusion.sample(problem, diffusion.AdaptiveDPMSolver(), key=jax.random.key(0))
    >>> int(samples.stats["evaluations"]) == 3 * int(samples.stats["accepted"] + samples.stats["rejected"])
    True
    """

    order: int = 3
    data: bool = False
    rtol: float = 0.05
    atol: float = 0.0078
    first_step: float = 0.05
    safety: float = 0.9
    max_evaluations: int = 500

    papers: ClassVar[tuple[Paper, ...]] = (_papers.DPM_SOLVER,)

    def __check_init__(self):
        if check_integer("order", self.order) not in (2, 3):
            raise ValueError(f"order must be 2 or 3, got {self.order}")
        for name in ("rtol", "atol", "first_step", "safety"):
            check_number(name, getattr(self, name), minimum=0.0, exclusive=True)
        check_integer("max_evaluations", self.max_evaluations, minimum=self.order)

    def solve(
        self,
        denoiser: Denoiser,
        prediction: AbstractPrediction,
        process: AbstractProcess,
        x: Any,
        start: float,
        condition: Any,
    ) -> Outcome:
        settings = jnp.asarray([self.rtol, self.atol, self.first_step, self.safety], x.dtype)
        ends = jnp.asarray([process.half_log_snr(start), process.half_log_snr(process.t_min)], x.dtype)
        x, accepted, rejected, result, time = _control(
            self.order, self.data, self.max_evaluations, settings, ends, denoiser, prediction, process, x, condition
        )
        stats = {"evaluations": self.order * (accepted + rejected), "accepted": accepted, "rejected": rejected}
        return Outcome(x, result, stats, time)


# A step that is this share of the whole way and still gives NaN or infinity will not be mended by a shorter one.
_SHORTEST = 1e-4


class _Network(eqx.Module):
    """Evaluates a real network where the tracer would write a stage down."""

    denoiser: Denoiser
    prediction: AbstractPrediction
    process: AbstractProcess
    condition: Any

    def _evaluate(self, x: Any, node: Node, data: bool) -> Any:
        model_time = self.process.model_time(node.time)
        row = conversion_row(self.prediction, node.time, model_time, node.alpha, node.sigma, data)
        return self.denoiser(x, row, self.condition)[0]

    def data(self, x: Any, node: Node, order: int = 1) -> Any:
        return self._evaluate(x, node, True)

    def noise(self, x: Any, node: Node, order: int = 1) -> Any:
        return self._evaluate(x, node, False)


@eqx.filter_jit
def _control(
    order: int,
    data: bool,
    max_evaluations: int,
    settings: Any,
    ends: Any,
    denoiser: Denoiser,
    prediction: AbstractPrediction,
    process: AbstractProcess,
    x: Any,
    condition: Any,
) -> tuple[Any, Any, Any, Result, Any]:
    rtol, atol, first_step, safety = settings
    first, last = ends
    expansion = Expansion(data)
    network = _Network(denoiser, prediction, process, condition)
    # DPM-Solver-23 takes its second-order solution from the inner node of the third-order one, at a third of the step.
    ratios = INNER_RATIOS[order]

    def node(half_log_snr: Any) -> Node:
        return Node.at(process, process.time_of_half_log_snr(half_log_snr))

    def attempt(x: Any, s: Node, t: Node) -> tuple[Any, Any]:
        nodes = with_inner(process, s, t, ratios)
        f = expansion.evaluate(network, x, s, order)
        high, inner = singlestep(expansion, order, nodes, x, f, True, network)
        derivatives = () if order == 2 else ((inner[0] - f) / ratios[0],)
        return advance(expansion.weights(s, t), x, f, derivatives, True), high

    def open_(state: Any) -> Any:
        _, _, position, _, accepted, rejected, lost = state
        spent = order * (accepted + rejected)
        return (last - position > 1e-5) & (spent + order <= max_evaluations) & ~lost

    def step(state: Any) -> Any:
        x, previous, position, h, accepted, rejected, _ = state
        low, high = attempt(x, node(position), node(position + h))
        scale = jnp.maximum(atol, rtol * jnp.maximum(jnp.abs(low), jnp.abs(previous)))
        error = jnp.max(jnp.sqrt(jnp.mean(((high - low) / scale).reshape(x.shape[0], -1) ** 2, axis=1)))
        good = error <= 1.0
        position = jnp.where(good, position + h, position)
        # A non-finite error halves the step, for a shorter one may stay where the model is finite; an exact zero is
        # held off.
        lost = ~jnp.isfinite(error) & (h < _SHORTEST * (last - first))
        growth = jnp.where(jnp.isfinite(error), jnp.maximum(error, 1e-10) ** (-1.0 / order), 0.5)
        return (
            jnp.where(good, high, x),
            jnp.where(good, low, previous),
            position,
            jnp.minimum(safety * h * growth, last - position),
            accepted + good,
            rejected + ~good,
            lost,
        )

    zero = jnp.asarray(0, jnp.int32)
    h = jnp.minimum(first_step, last - first)
    state = (x, x, first, h, zero, zero, jnp.asarray(False))
    x, _, position, _, accepted, rejected, lost = jax.lax.while_loop(open_, step, state)
    result = Result.where(
        lost,
        Result.nonfinite,
        Result.where(last - position > 1e-5, Result.max_evaluations, Result.successful),
    )
    return x, accepted, rejected, result, process.time_of_half_log_snr(position)
