"""The sampler of DDS, which mixes old and new noise.

Chung, Lee & Ye 2024 (arXiv 2303.05754), algorithm 1 as in the official code. With the data prediction `x_0` (corrected,
where there is a corrector) and the noise prediction `e` from before the correction, at the next point of the grid

    x_t = alpha_t x_0 + sigma_t (eta z + sqrt(1 - eta^2) e),    z ~ N(0, I).
"""

import itertools
import math
from typing import Any, ClassVar

from ..core import Paper, check_number
from . import _papers
from ._grid import AbstractGrid, TimeUniform
from ._method import AbstractPlanned, Path
from ._trace import Tracer


class Renoise(AbstractPlanned):
    """The sampler of DDS: the corrected data prediction under a mixture of the old noise and a new one,

        x_t = alpha_t x_0 + sigma_t (eta z + sqrt(1 - eta^2) e),

    with the noise prediction `e` from before the correction.

    **Arguments:** `steps`: network evaluations; `eta`: share of new noise, in [0, 1]; `grid`: where they are.

    **Returns:** a frozen method for `diffusion.sample`.

    **Raises:** `ValueError` when `eta` lies outside of [0, 1] or `steps` is too small.

    Source: Chung, Lee & Ye 2024, official code (`eta = 0.85`). Without a corrector and with `eta = 0` it is DDIM.

    >>> import jax
    >>> from perturbax import diffusion
    >>> problem = diffusion.Sampling(lambda x, t: 0.5 * x, diffusion.VPLinear(), shape=(2,))
    >>> diffusion.sample(problem, diffusion.Renoise(steps=9), key=jax.random.key(0)).stats["evaluations"]
    9
    """

    steps: int = 50
    eta: float = 0.85
    grid: AbstractGrid = TimeUniform()

    papers: ClassVar[tuple[Paper, ...]] = (_papers.DDS,)

    def __check_init__(self):
        check_number("eta", self.eta, minimum=0.0, maximum=1.0)

    def integrate(self, x: Any, evaluate: Tracer, path: Path) -> Any:
        nodes = path.nodes(path.evaluations)
        kept = math.sqrt(1.0 - self.eta**2)
        for s, t in itertools.pairwise(nodes):
            data, noise = evaluate.split(x, s)
            x = t.alpha * data + t.sigma * kept * noise
            if self.eta > 0.0:
                x = x + t.sigma * self.eta * evaluate.draw()
        return x
