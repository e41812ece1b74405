"""EDICT: exact inversion by a pair of states that take turns.

Wallace, Gokul & Naik 2022, *EDICT: exact diffusion inversion via coupled transformations*, equations 14 and 15: with
the DDIM step `z_t = a z_s + b e` between two nodes and mixing weight `p`,

    x' = a x + b e(y),   y' = a y + b e(x'),   x'' = p x' + (1 - p) y',   y'' = p y' + (1 - p) x''.

Each line can be solved for its old state, so the pair is inverted exactly, at two evaluations a step.
"""

from typing import Any, ClassVar

from ..core import Paper, check_number
from . import _papers
from ._adams_bashforth import noise_level
from ._grid import AbstractGrid, LogSNR
from ._method import AbstractInvertible, Path
from ._trace import Node, Tracer


class EDICT(AbstractInvertible):
    """Coupled pair of DDIM samplers with an exact inverse, two evaluations a step.

    **Arguments:** `steps`: network evaluations that may be spent; `mixing`: the weight `p` in (0, 1]; `grid`: where the
    steps are.

    **Returns:** a frozen method for `diffusion.sample`, `diffusion.invert` and `diffusion.edit`.

    **Raises:** `ValueError` when `mixing` is out of range or `steps` is too small.

    Source: Wallace et al. 2022, equations 14 and 15, `mixing = 0.93` as recommended there.

    >>> import jax
    >>> from perturbax import diffusion
    >>> problem = diffusion.Sampling(lambda x, t: 0.5 * x, diffusion.VPLinear(), shape=(2,))
    >>> diffusion.sample(problem, diffusion.EDICT(steps=11), key=jax.random.key(0)).stats["evaluations"]
    11
    """

    steps: int = 40
    mixing: float = 0.93
    grid: AbstractGrid = LogSNR()

    papers: ClassVar[tuple[Paper, ...]] = (_papers.EDICT,)

    def __check_init__(self):
        if check_number("mixing", self.mixing, minimum=0.0, maximum=1.0) == 0.0:
            raise ValueError("mixing must be in (0, 1], got 0: the pair could not be told apart again")

    @property
    def minimum_steps(self) -> int:
        return 2 + self.grid.denoises

    @property
    def latent_states(self) -> int:
        return 2

    def amplification(self, nodes: list[Node]) -> float:
        # The mixing shrinks the difference of the pair by p^2 a step, so that undoing it stretches by as much.
        return self.mixing ** (-2.0 * (len(nodes) - 1))

    def nodes(self, path: Path) -> list[Node]:
        return path.nodes(path.evaluations // 2)

    def integrate(self, x: Any, evaluate: Tracer, path: Path) -> Any:
        return self.resume([x, x], evaluate, path)

    def resume(self, states: list[Any], evaluate: Tracer, path: Path) -> Any:
        x, y = states
        p, nodes = self.mixing, self.nodes(path)
        for i in range(len(nodes) - 1):
            a, b = _coefficients(nodes[i], nodes[i + 1])
            x = a * x + b * evaluate.noise(y, nodes[i])
            y = a * y + b * evaluate.noise(x, nodes[i])
            x = evaluate.keep(p * x + (1.0 - p) * y)
            y = p * y + (1.0 - p) * x
        return x

    def ascend(self, x: Any, evaluate: Tracer, path: Path) -> list[Any]:
        y = x
        p, nodes = self.mixing, self.nodes(path)[::-1]
        for i in range(len(nodes) - 1):
            a, b = _coefficients(nodes[i + 1], nodes[i])
            y = (y - (1.0 - p) * x) / p
            x = (x - (1.0 - p) * y) / p
            y = (y - b * evaluate.noise(x, nodes[i + 1])) / a
            x = (x - b * evaluate.noise(y, nodes[i + 1])) / a
        return [x, y]


def _coefficients(s: Node, t: Node) -> tuple[float, float]:
    """`a`, `b` of the DDIM step from `s` to `t`."""
    return float(t.alpha / s.alpha), float(t.alpha * (noise_level(t) - noise_level(s)))
