"""Heavy-ball momentum inside DPM-Solver++ 2M.

Wizadwongsa et al. 2024, section 3.2, applied to the data prediction `m`: with `h = lambda_t - lambda_s` and the
direction of the second-order multistep solver, `D = m_0 + (m_0 - m_1) h / (2 h_0)`,

    v_{n+1} = (1 - beta) v_n + beta D_n,    x_t = (sigma_t / sigma_s) x_s + alpha_t (1 - e^-h) v_{n+1},    v_0 = D_0.
"""

import itertools
from typing import Any, ClassVar

from ..core import Paper, check_number
from . import _papers
from ._exponential import Expansion, backward_differences
from ._grid import AbstractGrid, LogSNR
from ._method import AbstractPlanned, Path
from ._stepping import Multistep
from ._trace import Tracer


class HeavyBallPP(AbstractPlanned):
    """DPM-Solver++ 2M with Polyak's heavy-ball momentum: calmer under strong guidance, of order 1.

    **Arguments:**

    - `steps`: network evaluations.
    - `beta`: damping in (0, 1]; 1 is `DPMSolverPP()`.
    - `lower_order_final`: take a first-order direction at the last step when there are fewer than 10 steps, as
      `Multistep` does.
    - `grid`: where the steps are.

    **Returns:** a frozen method for `diffusion.sample`.

    **Raises:** `ValueError` when an argument is out of range.

    Source: Wizadwongsa et al. 2024, section 3.2; Lu et al. 2022b, algorithm 2.

    >>> import jax
    >>> from perturbax import diffusion
    >>> problem = diffusion.Sampling(lambda x, t: 0.5 * x, diffusion.VPLinear(), shape=(2,))
    >>> diffusion.sample(problem, diffusion.HeavyBallPP(steps=10), key=jax.random.key(0)).x.shape
    (1, 2)
    """

    steps: int = 20
    beta: float = 0.8
    lower_order_final: bool = True
    grid: AbstractGrid = LogSNR()

    papers: ClassVar[tuple[Paper, ...]] = (_papers.MOMENTUM, _papers.DPM_SOLVER_PP)

    def __check_init__(self):
        if check_number("beta", self.beta, minimum=0.0, maximum=1.0) == 0.0:
            raise ValueError("beta must be in (0, 1], got 0: the velocity would never change")

    def integrate(self, x: Any, evaluate: Tracer, path: Path) -> Any:
        nodes, expansion = path.nodes(path.evaluations), Expansion(data=True)
        lowers = self.lower_order_final and self.steps < Multistep.lower_order_below and not path.grid.denoises
        history: list[Any] = []
        v = None
        for n, (s, t) in enumerate(itertools.pairwise(nodes)):
            order = 1 if n == 0 or (lowers and n == len(nodes) - 2) else 2
            history = [*history, evaluate.data(x, s, order)][-2:]
            direction = 1.0 * history[-1]
            for change in backward_differences(nodes[max(0, n - 1) : n + 1], t, history, order, 1.0):
                direction = direction + 0.5 * change
            v = evaluate.keep(direction if v is None else (1.0 - self.beta) * v + self.beta * direction)
            weights = expansion.weights(s, t)
            x = weights.decay * x + weights.first * v
        return x
