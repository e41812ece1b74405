"""DDIM with an inversion by fixed-point iteration.

Pan et al. 2023, *Effective real image editing with accelerated iterative diffusion inversion*, algorithm 1 without its
acceleration: a DDIM step down from `z_t` to `z_s` takes the noise prediction at `z_t`. Going up, `z_t` is the solution
of an implicit equation, which is iterated from the prediction of the step before:

    z_t = alpha_t (z_s / alpha_s + (sigma_t / alpha_t - sigma_s / alpha_s) e(z_t, t)).
"""

import itertools
from typing import Any, ClassVar

from ..core import Paper, check_integer
from . import _papers
from ._adams_bashforth import step
from ._grid import AbstractGrid, LogSNR
from ._method import AbstractInvertible, Path
from ._trace import Node, Tracer


class FixedPointDDIM(AbstractInvertible):
    """DDIM, run backwards by solving each of its steps for the state that it came from.

    Exact in the limit of many iterations where they contract, that is where a step is short for the model; an
    inversion takes `iterations` evaluations a step, and one more.

    **Arguments:** `steps`: network evaluations of sampling; `iterations`: of each step of an inversion; `grid`: where
    the steps are; to invert, one with `final="eps"`.

    **Returns:** a frozen method for `diffusion.sample`, `diffusion.invert` and `diffusion.edit`.

    **Raises:** `ValueError` when `steps` or `iterations` is too small.

    Source: Pan et al. 2023, algorithm 1.

    >>> import jax
    >>> from perturbax import diffusion
    >>> problem = diffusion.Sampling(lambda x, t: 0.5 * x, diffusion.VPLinear(), shape=(2,))
    >>> diffusion.sample(problem, diffusion.FixedPointDDIM(steps=10), key=jax.random.key(0)).stats["evaluations"]
    10
    """

    steps: int = 50
    iterations: int = 5
    grid: AbstractGrid = LogSNR()

    papers: ClassVar[tuple[Paper, ...]] = (_papers.FIXED_POINT_INVERSION, _papers.DDIM)

    def __check_init__(self):
        check_integer("iterations", self.iterations, minimum=1)

    @property
    def latent_states(self) -> int:
        return 1

    def amplification(self, nodes: list[Node]) -> float:
        return 1.0

    def nodes(self, path: Path) -> list[Node]:
        return path.nodes(path.evaluations)

    def integrate(self, x: Any, evaluate: Tracer, path: Path) -> Any:
        for s, t in itertools.pairwise(self.nodes(path)):
            x = step(x, s, t, evaluate.noise(x, s))
        return x

    def resume(self, states: list[Any], evaluate: Tracer, path: Path) -> Any:
        return self.integrate(states[0], evaluate, path)

    def ascend(self, x: Any, evaluate: Tracer, path: Path) -> list[Any]:
        up = self.nodes(path)[::-1]
        e = evaluate.noise(x, up[0])
        for s, t in itertools.pairwise(up):
            below = evaluate.keep(1.0 * x)
            for _ in range(self.iterations):
                e = evaluate.noise(step(below, s, t, e), t)
            x = step(below, s, t, e)
        return [x]
