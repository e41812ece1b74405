"""Euler's method in the noise level, with churn.

Karras, Aittala, Aila & Laine 2022, algorithm 2 without its second-order correction: in `y = x / alpha` and the noise
level `s = sigma / alpha` the ODE is `dy/ds = e`, so that a step is `y_t = y_s + (s_t - s_s) e`.
"""

import itertools
from typing import Any, ClassVar

from ..core import Paper
from . import _papers
from ._churn import AbstractChurn, check_churn, stir
from ._grid import AbstractGrid, Karras
from ._method import AbstractPlanned, Path
from ._trace import Tracer


class Euler(AbstractPlanned):
    """First-order sampler in the noise level; without churn the same steps as `DDIM`.

    **Arguments:** `steps`: network evaluations; `churn`: noise to add before the steps, or `None`; `grid`: where the
    steps are.

    **Returns:** a frozen method for `diffusion.sample`.

    **Raises:** `ValueError` for too few steps.

    Source: Karras et al. 2022, algorithm 2.

    >>> import jax
    >>> from perturbax import diffusion
    >>> problem = diffusion.Sampling(lambda x, t: 0.0 * x, diffusion.EDM(), shape=(2,), prediction=diffusion.Data())
    >>> diffusion.sample(problem, diffusion.Euler(steps=8), key=jax.random.key(0)).x.shape
    (1, 2)
    """

    steps: int = 50
    churn: AbstractChurn | None = None
    grid: AbstractGrid = Karras()

    papers: ClassVar[tuple[Paper, ...]] = (_papers.EDM,)

    def __check_init__(self):
        check_churn(self.churn)

    def integrate(self, x: Any, evaluate: Tracer, path: Path) -> Any:
        nodes = path.nodes(path.evaluations)
        intervals = len(nodes) - 1 + path.grid.denoises
        for s, t in itertools.pairwise(nodes):
            x, s = stir(self.churn, path.process, x, s, intervals, evaluate)
            e = evaluate.noise(x, s)
            x = t.alpha / s.alpha * x + t.alpha * (t.sigma / t.alpha - s.sigma / s.alpha) * e
        return x
