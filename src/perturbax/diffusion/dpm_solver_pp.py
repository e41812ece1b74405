"""DPM-Solver++: exponential integrators of the diffusion ODE and SDE in the data prediction.

Lu, Zhou, Bao, Chen, Li & Zhu 2022, *DPM-Solver++: fast solver for guided sampling of diffusion probabilistic models*,
arXiv 2211.01095. With `h = lambda_t - lambda_s`, the data prediction `m` after correction, and the newest predictions
`m_0, m_1` of earlier steps,

    order 1   x_t = (sigma_t / sigma_s) x_s + alpha_t (1 - e^-h) m_0                            (= DDIM)
    2M        x_t = order 1 + alpha_t (1 - e^-h) D1 / 2,     D1 = (m_0 - m_1) h / h_0
    SDE       x_t = (sigma_t / sigma_s) e^-h x_s + alpha_t (1 - e^-2h) m_0 + sigma_t sqrt(1 - e^-2h) z.

The weights stay bounded as `h` grows, which is what makes these solvers stable under strong guidance.
"""

from typing import ClassVar, Literal

from ..core import Paper
from . import _papers
from ._exponential import Expansion
from ._grid import AbstractGrid, LogSNR
from ._stepping import AbstractExponential, AbstractStepping, Multistep


class DPMSolverPP(AbstractExponential):
    """Exponential integrator of order 1, 2 or 3 in the data prediction; the default sampler.

    Also known as DPM++ 2M (`order=2`, the default), 3M (`order=3`), 2S and 3S (`stepping=Singlestep()`), 2M SDE
    (`stochastic=1`).

    **Arguments:**

    - `steps`: network evaluations that may be spent, at least `order` (and one more when the grid ends at zero).
    - `order`: 1, 2 or 3.
    - `stepping`: `Multistep()` takes one evaluation a step and holds the choice of the third-order formula,
      `Singlestep()` and `FixedSinglestep()` restart at every step.
    - `grid`: where the steps are.
    - `solver_type`: `"midpoint"` (the paper's) or `"taylor"` (called "heun" in diffusers) weights.
    - `stochastic`: noise level of the reverse SDE: 0 is the ODE, 1 the time reversal of the process.

    **Returns:** a frozen method for `diffusion.sample`.

    **Raises:** `ValueError` for an order outside 1 to 3, too few steps, or noise with singlestep steps.

    Source: Lu et al. 2022b, algorithms 1 and 2, section 4.3 for the SDE.

    >>> import jax
    >>> from perturbax import diffusion
    >>> problem = diffusion.Sampling(lambda x, t: 0.5 * x, diffusion.VPLinear(), shape=(2,))
    >>> diffusion.sample(problem, diffusion.DPMSolverPP(steps=10), key=jax.random.key(0)).x.shape
    (1, 2)
    """

    steps: int = 20
    order: int = 2
    stepping: AbstractStepping = Multistep()
    grid: AbstractGrid = LogSNR()
    solver_type: Literal["midpoint", "taylor"] = "midpoint"
    stochastic: float = 0.0

    expansion: ClassVar[Expansion] = Expansion(data=True)
    papers: ClassVar[tuple[Paper, ...]] = (_papers.DPM_SOLVER_PP,)
