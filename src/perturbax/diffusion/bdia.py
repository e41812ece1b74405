"""BDIA: bi-directional integration approximation, a sampler that can be run backwards exactly.

Zhang, Lewis & Kleijn 2023, *Exact diffusion inversion via bi-directional integration approximation*: with the states
`D_{i-1}` and `D_{i+1}` that a one-step integrator reaches from `z_i` at its cleaner and noisier neighbour,

    z_{i-1} = D_{i-1} + gamma (z_{i+1} - D_{i+1}),                      z_{N-1} = D_{N-1} from z_N,
    z_{i+1} = D_{i+1} + (z_{i-1} - D_{i-1}) / gamma,                    exactly, for everything else depends on z_i.

The pair `(z_N, z_{N-1})` is the latent of `z_0`. For `gamma = 0` this is the integrator itself. Going up, a
perturbation of the alternating mode grows by `1 / gamma` a step.
"""

from typing import Any, ClassVar

from ..core import Paper, check_instance, check_integer, check_number
from . import _papers
from ._grid import AbstractGrid, LogSNR
from ._increment import AbstractIncrement, DDIMIncrement
from ._method import AbstractInvertible, Path
from ._trace import Node, Tracer


class BDIA(AbstractInvertible):
    """Two-state sampler with an exact inverse, one evaluation a step with the DDIM increment.

    **Arguments:**

    - `steps`: network evaluations that may be spent.
    - `gamma`: weight of the backward increment, in [0, 1]; 1 inverts best, about 0.5 samples best at 10 steps. An
      inversion amplifies rounding by `gamma^-(N-1)`, so `gamma >= 0.95` for 50 steps.
    - `increment`: the one-step integrator, `DDIMIncrement()`, `MidpointIncrement()` or `HeunIncrement()`.
    - `grid`: where the steps are; to invert, one with `final="eps"`.

    **Returns:** a frozen method for `diffusion.sample`, `diffusion.invert` and `diffusion.edit`.

    **Raises:** `ValueError` when `gamma` is outside [0, 1] or `steps` is too small.

    Source: Zhang et al. 2023, equations 13 to 18.

    >>> import jax
    >>> from perturbax import diffusion
    >>> problem = diffusion.Sampling(lambda x, t: 0.5 * x, diffusion.VPLinear(), shape=(2,))
    >>> diffusion.sample(problem, diffusion.BDIA(steps=10), key=jax.random.key(0)).stats["evaluations"]
    10
    """

    steps: int = 20
    gamma: float = 1.0
    increment: AbstractIncrement = DDIMIncrement()
    grid: AbstractGrid = LogSNR()

    papers: ClassVar[tuple[Paper, ...]] = (_papers.BDIA,)

    def __check_init__(self):
        check_number("gamma", self.gamma, minimum=0.0, maximum=1.0)
        check_instance("increment", self.increment, AbstractIncrement, "an increment such as DDIMIncrement()")
        check_integer("steps", self.steps, minimum=self.minimum_steps)

    @property
    def minimum_steps(self) -> int:
        return self.increment.evaluations + self.grid.denoises

    @property
    def latent_states(self) -> int:
        return 2

    def amplification(self, nodes: list[Node]) -> float:
        return self.gamma ** -(len(nodes) - 2.0) if self.gamma > 0.0 else float("inf")

    def nodes(self, path: Path) -> list[Node]:
        return path.nodes(path.evaluations // self.increment.evaluations)

    def integrate(self, x: Any, evaluate: Tracer, path: Path) -> Any:
        return self._down(None, x, evaluate, path, self.nodes(path), 0)

    def resume(self, states: list[Any], evaluate: Tracer, path: Path) -> Any:
        previous, x = states
        return self._down(previous, x, evaluate, path, self.nodes(path), 1)

    def _down(self, previous: Any, x: Any, evaluate: Tracer, path: Path, nodes: list[Node], first: int) -> Any:
        for i in range(first, len(nodes) - 1):
            noisier = nodes[i - 1] if previous is not None else None
            forward, backward = self.increment(path.process, x, evaluate, nodes[i], nodes[i + 1], noisier)
            following = forward if previous is None else forward + self.gamma * (previous - backward)
            previous, x = x, following
        return x

    def ascend(self, x: Any, evaluate: Tracer, path: Path) -> list[Any]:
        here, noisier = self.nodes(path)[:-3:-1]
        _, before = self.increment(path.process, x, evaluate, here, None, noisier)
        return self.ascend_pair(x, before, evaluate, path)

    def ascend_pair(self, x: Any, before: Any, evaluate: Tracer, path: Path) -> list[Any]:
        if self.gamma == 0.0:
            raise ValueError("gamma must be positive to invert: with gamma = 0 the step has no exact inverse")
        up = self.nodes(path)[::-1]
        previous, x = x, before
        for i in range(1, len(up) - 1):
            forward, backward = self.increment(path.process, x, evaluate, up[i], up[i - 1], up[i + 1])
            previous, x = x, backward + (previous - forward) / self.gamma
        return [x, previous]
