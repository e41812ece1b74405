"""O-BELM: the variable-step leapfrog with an exact inverse.

Wang, Yin, Zhang & Feng 2024, *BELM: bidirectional explicit linear multi-step sampler for exact inversion in diffusion
models*: among the two-step formulas that use one evaluation, the one of least local error. In `y = x / alpha` and the
noise level `s` it is the parabola through `y_{i+1}` and `y_i` with slope `e_i`:

    r = (s_{i-1} - s_i) / (s_{i+1} - s_i)
    y_{i-1} = y_i + (s_{i-1} - s_i) e_i + r^2 (y_{i+1} - y_i - (s_{i+1} - s_i) e_i).
"""

from typing import Any, ClassVar

from ..core import Paper
from . import _papers
from ._adams_bashforth import noise_level, step
from ._grid import AbstractGrid, LogSNR
from ._method import AbstractInvertible, Path
from ._trace import Node, Tracer


class BELM(AbstractInvertible):
    """Second-order two-state sampler with an exact inverse, one evaluation a step.

    On grids whose steps in the noise level grow towards the noise it damps the alternating mode, so that sampling is
    stable and inversion amplifies rounding.

    **Arguments:** `steps`: network evaluations; `grid`: where the steps are; to invert, one with `final="eps"`.

    **Returns:** a frozen method for `diffusion.sample`, `diffusion.invert` and `diffusion.edit`.

    **Raises:** `ValueError` when `steps` is too small.

    Source: Wang et al. 2024, equation 19 (O-BELM).

    >>> import jax
    >>> from perturbax import diffusion
    >>> problem = diffusion.Sampling(lambda x, t: 0.5 * x, diffusion.VPLinear(), shape=(2,))
    >>> diffusion.sample(problem, diffusion.BELM(steps=10), key=jax.random.key(0)).stats["evaluations"]
    10
    """

    steps: int = 20
    grid: AbstractGrid = LogSNR()

    papers: ClassVar[tuple[Paper, ...]] = (_papers.BELM,)

    @property
    def latent_states(self) -> int:
        return 2

    def nodes(self, path: Path) -> list[Node]:
        return path.nodes(path.evaluations)

    def amplification(self, nodes: list[Node]) -> float:
        levels = [noise_level(node) for node in nodes]
        return max(1.0, ((levels[0] - levels[1]) / (levels[-2] - levels[-1])) ** 2)

    def integrate(self, x: Any, evaluate: Tracer, path: Path) -> Any:
        nodes = self.nodes(path)
        following = step(x, nodes[0], nodes[1], evaluate.noise(x, nodes[0]))
        return self._down(x, following, evaluate, nodes)

    def resume(self, states: list[Any], evaluate: Tracer, path: Path) -> Any:
        return self._down(states[0], states[1], evaluate, self.nodes(path))

    def _down(self, previous: Any, x: Any, evaluate: Tracer, nodes: list[Node]) -> Any:
        for noisier, here, cleaner in zip(nodes[:-2], nodes[1:-1], nodes[2:], strict=True):
            previous, x = x, _leap(previous, x, evaluate.noise(x, here), noisier, here, cleaner)
        return x

    def ascend(self, x: Any, evaluate: Tracer, path: Path) -> list[Any]:
        here, noisier = self.nodes(path)[:-3:-1]
        return self.ascend_pair(x, step(x, here, noisier, evaluate.noise(x, here)), evaluate, path)

    def ascend_pair(self, x: Any, before: Any, evaluate: Tracer, path: Path) -> list[Any]:
        up = self.nodes(path)[::-1]
        previous, x = x, before
        for cleaner, here, noisier in zip(up[:-2], up[1:-1], up[2:], strict=True):
            previous, x = x, _leap(previous, x, evaluate.noise(x, here), cleaner, here, noisier)
        return [x, previous]


def _leap(previous: Any, x: Any, e: Any, behind: Node, here: Node, ahead: Node) -> Any:
    """The parabola's value ahead; with the neighbours exchanged this is its own inverse."""
    ratio = (noise_level(ahead) - noise_level(here)) / (noise_level(behind) - noise_level(here))
    missed = previous - step(x, here, behind, e)
    return step(x, here, ahead, e) + (ratio**2 * ahead.alpha / behind.alpha) * missed
