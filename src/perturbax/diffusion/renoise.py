"""The sampler of DDS, which mixes old and new noise.

Chung, Lee & Ye 2024 (arXiv 2303.05754). With the data prediction `x_0` (corrected, where there is a
corrector) and the noise prediction `e` from before the correction, at the next point of the grid

    x_t = alpha_t x_0 + sqrt(sigma_t^2 - b^2) e + b z,    z ~ N(0, I),

where `b` is `eta sigma_t` in the official code; `eta` times DDIM's ancestral deviation is the other convention.
"""

import itertools
from typing import Any, ClassVar

from ..core import Paper, check_instance
from . import _papers
from ._grid import AbstractGrid, TimeUniform
from ._method import AbstractPlanned, Path
from ._renoising import AbstractRenoising, MixedNoise
from ._trace import Tracer


class Renoise(AbstractPlanned):
    """The sampler of DDS: the corrected data prediction under a mixture of the old noise and a new one.

    **Arguments:** `steps`: network evaluations; `noise`: `MixedNoise(eta)` or `AncestralNoise(eta)`; `grid`: where the
    evaluations are.

    **Returns:** a frozen method for `diffusion.sample`.

    **Raises:** `TypeError` when `noise` is something else, `ValueError` when `steps` is too small.

    Source: Chung, Lee & Ye 2024, and their code. Without a corrector, `AncestralNoise(eta)` is DDIM.

    >>> import jax
    >>> from perturbax import diffusion
    >>> problem = diffusion.Sampling(lambda x, t: 0.5 * x, diffusion.VPLinear(), shape=(2,))
    >>> diffusion.sample(problem, diffusion.Renoise(steps=9), key=jax.random.key(0)).stats["evaluations"]
    9
    """

    steps: int = 50
    noise: AbstractRenoising = MixedNoise()
    grid: AbstractGrid = TimeUniform()

    papers: ClassVar[tuple[Paper, ...]] = (_papers.DDS,)

    def __check_init__(self):
        check_instance("noise", self.noise, AbstractRenoising, "MixedNoise(...) or AncestralNoise(...)")

    def integrate(self, x: Any, evaluate: Tracer, path: Path) -> Any:
        for s, t in itertools.pairwise(path.nodes(path.evaluations)):
            data, e = evaluate.split(x, s)
            x = t.alpha * data + self.noise.kept(s, t) * e
            if self.noise.eta > 0.0:
                x = x + self.noise.fresh(s, t) * evaluate.draw()
        return x
