"""Annealed Langevin dynamics.

Song & Ermon 2019, 2020 (NCSN, NCSNv2), algorithm 1: at every noise level `sigma_i`, from large to small, a few steps

    x <- x + a_i s(x, sigma_i) + sqrt(2 a_i) z,     a_i = rate sigma_i^2,     s = -(noise prediction) / sigma_i,

which leave the law at that level as it is when they are small; between levels nothing is done in `x / alpha`. The
paper's step `epsilon` is `rate sigma_min^2`.
"""

import itertools
from typing import Any, ClassVar

import numpy as np

from ..core import Paper, check_integer, check_number
from ._grid import AbstractGrid, LogSNR
from ._method import AbstractPlanned, Path
from ._trace import Tracer


class AnnealedLangevin(AbstractPlanned):
    """Langevin steps at falling noise levels: the sampler of noise-conditional score networks.

    Many evaluations, and an error that does not vanish with them at a fixed `rate`; kept as the baseline that it is.

    **Arguments:**

    - `steps`: network evaluations; `each` for a level, the last one to zero noise one.
    - `each`: Langevin steps at a level.
    - `rate`: step size over the variance of the level.
    - `grid`: where the levels are; geometric by default.

    **Returns:** a frozen method for `diffusion.sample`.

    **Raises:** `ValueError` when `steps` is too small for two levels, or `rate` is not positive.

    Source: Song & Ermon 2020, algorithm 1; `each` and `rate` from its settings for CIFAR-10.

    >>> import jax
    >>> from perturbax import diffusion
    >>> problem = diffusion.Sampling(lambda x, t: 0.5 * x, diffusion.VPLinear(), shape=(2,))
    >>> diffusion.sample(problem, diffusion.AnnealedLangevin(steps=51), key=jax.random.key(0)).x.shape
    (1, 2)
    """

    steps: int = 51
    each: int = 5
    rate: float = 0.062
    grid: AbstractGrid = LogSNR()

    papers: ClassVar[tuple[Paper, ...]] = (
        Paper(
            title="Improved Techniques for Training Score-Based Generative Models",
            authors=("Yang Song", "Stefano Ermon"),
            year=2020,
            arxiv="2006.09011",
            venue="Advances in Neural Information Processing Systems",
        ),
    )

    def __check_init__(self):
        check_integer("each", self.each, minimum=1)
        check_number("rate", self.rate, minimum=0.0, exclusive=True)

    @property
    def minimum_steps(self) -> int:
        """Two levels."""
        return 2 * self.each + self.grid.denoises

    def integrate(self, x: Any, evaluate: Tracer, path: Path) -> Any:
        nodes = path.nodes(path.evaluations // self.each - 1)
        for node, following in itertools.zip_longest(nodes, nodes[1:]):
            for _ in range(self.each):
                drift = self.rate * node.sigma * evaluate.noise(x, node)
                x = x - drift + np.sqrt(2.0 * self.rate) * node.sigma * evaluate.draw()
            if following is not None:
                x = following.alpha / node.alpha * x
        return x
