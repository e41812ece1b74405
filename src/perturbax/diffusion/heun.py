"""Heun's method in the noise level: the EDM sampler, deterministic or with churn.

Karras, Aittala, Aila & Laine 2022, algorithms 1 and 2: in `y = x / alpha` and the noise level `s = sigma / alpha` the
ODE is `dy/ds = e`; an Euler step, then the mean of the slopes at both ends. The last step to `sigma = 0` is Euler's.
"""

import itertools
from typing import Any, ClassVar

from ..core import Paper
from . import _papers
from ._churn import AbstractChurn, check_churn, stir
from ._grid import AbstractGrid, Karras
from ._method import AbstractPlanned, Path
from ._trace import Tracer


class Heun(AbstractPlanned):
    """Second-order sampler in the noise level, two evaluations a step. Also known as the EDM sampler.

    **Arguments:**

    - `steps`: network evaluations that may be spent; an interval of the grid costs two, the step to zero one, so that
      35 evaluations are the paper's 18 steps.
    - `churn`: noise to add before the steps, or `None` for the deterministic sampler.
    - `grid`: where the steps are.

    **Returns:** a frozen method for `diffusion.sample`.

    **Raises:** `ValueError` for too few steps.

    Source: Karras et al. 2022, algorithms 1 and 2.

    >>> import jax
    >>> from perturbax import diffusion
    >>> problem = diffusion.Sampling(lambda x, t: 0.0 * x, diffusion.EDM(), shape=(2,), prediction=diffusion.Data())
    >>> diffusion.sample(problem, diffusion.Heun(steps=35), key=jax.random.key(0)).stats["evaluations"]
    35
    """

    steps: int = 35
    churn: AbstractChurn | None = None
    grid: AbstractGrid = Karras()

    papers: ClassVar[tuple[Paper, ...]] = (_papers.EDM,)

    def __check_init__(self):
        check_churn(self.churn)

    @property
    def minimum_steps(self) -> int:
        return 2 + self.grid.denoises

    def integrate(self, x: Any, evaluate: Tracer, path: Path) -> Any:
        nodes = path.nodes(path.evaluations // 2)
        intervals = len(nodes) - 1 + path.grid.denoises
        for s, t in itertools.pairwise(nodes):
            x, s = stir(self.churn, path.process, x, s, intervals, evaluate)
            step = t.alpha * (t.sigma / t.alpha - s.sigma / s.alpha)
            e = evaluate.noise(x, s, 2)
            predicted = t.alpha / s.alpha * x + step * e
            x = t.alpha / s.alpha * x + 0.5 * step * (e + evaluate.noise(predicted, t, 2))
        return x
