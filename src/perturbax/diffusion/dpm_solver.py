"""DPM-Solver: exponential integrators of the diffusion ODE in the noise prediction.

Lu, Zhou, Bao, Chen, Li & Zhu 2022, *DPM-Solver: a fast ODE solver for diffusion probabilistic model sampling in around
10 steps*, arXiv 2206.00927. With `h = lambda_t - lambda_s` and the noise prediction `e`,

    order 1   x_t = (alpha_t / alpha_s) x_s - sigma_t (e^h - 1) e(x_s, s)                      (= DDIM)
    order 2   u at lambda_s + h/2 by order 1;  x_t = order 1 - sigma_t (e^h - 1) (e(u) - e(x_s))
    order 3   two inner nodes at 1/3 and 2/3 of the step;  x_t = order 1 - sigma_t phi_2(h) (3/2) (e(u_2) - e(x_s))

and, with `solver_type="taylor"`, the weights of the Taylor expansion instead of the midpoint rule's.
"""

from typing import ClassVar, Literal

from ..core import Paper
from . import _papers
from ._exponential import Expansion
from ._grid import AbstractGrid, LogSNR
from ._stepping import AbstractExponential, AbstractStepping, Singlestep


class DPMSolver(AbstractExponential):
    """Exponential integrator of order 1, 2 or 3 in the noise prediction.

    At few evaluations per step the singlestep solvers can be worse than DDIM at equal cost, and under strong guidance
    they are unstable: `DPMSolverPP` is then the method of choice.

    **Arguments:**

    - `steps`: network evaluations that may be spent, at least `order` (and one more when the grid ends at zero).
    - `order`: 1, 2 or 3.
    - `stepping`: `Singlestep()` spends the budget exactly ("DPM-Solver-fast"), `FixedSinglestep()` takes full-order
      steps only, `Multistep()` takes one evaluation a step.
    - `grid`: where the steps are.
    - `solver_type`: `"midpoint"` (the paper's) or `"taylor"` weights.
    - `stochastic`: noise level of the reverse SDE, 0 for the ODE (needs `Multistep`). Unstable for `h` above about 1.

    **Returns:** a frozen method for `diffusion.sample`.

    **Raises:** `ValueError` for an order outside 1 to 3, too few steps, or noise with singlestep steps.

    Source: Lu et al. 2022, algorithms 1 and 2; SDE variant Lu et al. 2022b, section 4.3.

    >>> import jax
    >>> from perturbax import diffusion
    >>> problem = diffusion.Sampling(lambda x, t: 0.5 * x, diffusion.VPLinear(), shape=(2,))
    >>> diffusion.sample(problem, diffusion.DPMSolver(steps=12), key=jax.random.key(0)).stats["evaluations"]
    12
    """

    steps: int = 20
    order: int = 3
    stepping: AbstractStepping = Singlestep()
    grid: AbstractGrid = LogSNR()
    solver_type: Literal["midpoint", "taylor"] = "midpoint"
    stochastic: float = 0.0

    expansion: ClassVar[Expansion] = Expansion(data=False)
    papers: ClassVar[tuple[Paper, ...]] = (_papers.DPM_SOLVER,)
