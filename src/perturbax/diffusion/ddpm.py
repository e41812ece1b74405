"""DDPM: ancestral sampling, one draw from the reverse transition per evaluation.

Ho, Jain & Abbeel 2020, *Denoising diffusion probabilistic models*, equations 6, 7 and 11, for any process: the mean of
`x_t` given `x_s` and `x_0` with the data prediction in the place of `x_0`, plus noise.
"""

import itertools
from typing import Any, ClassVar, Literal

import numpy as np

from ..core import Paper, check_choice
from . import _papers
from ._grid import AbstractGrid, TimeUniform
from ._method import AbstractPlanned, Path, posterior_std
from ._trace import Tracer


class DDPM(AbstractPlanned):
    """Ancestral sampler. Needs many steps; the stochastic baseline of the fast samplers.

    **Arguments:**

    - `steps`: network evaluations.
    - `variance`: `"posterior"` (`beta~` of the paper, also "fixed small") or `"forward"` (`beta`, also "fixed large").
    - `grid`: where the steps are.

    **Returns:** a frozen method for `diffusion.sample`.

    **Raises:** `ValueError` for another `variance` or too few steps.

    Source: Ho et al. 2020, section 3.2.

    >>> import jax
    >>> from perturbax import diffusion
    >>> problem = diffusion.Sampling(lambda x, t: 0.5 * x, diffusion.VPLinear(), shape=(2,))
    >>> diffusion.sample(problem, diffusion.DDPM(steps=30), key=jax.random.key(0)).x.shape
    (1, 2)
    """

    steps: int = 1000
    variance: Literal["posterior", "forward"] = "posterior"
    grid: AbstractGrid = TimeUniform()

    papers: ClassVar[tuple[Paper, ...]] = (_papers.DDPM,)

    def __check_init__(self):
        check_choice("variance", self.variance, ("posterior", "forward"))

    def integrate(self, x: Any, evaluate: Tracer, path: Path) -> Any:
        nodes = path.nodes(path.evaluations)
        for s, t in itertools.pairwise(nodes):
            m = evaluate.data(x, s)
            posterior = posterior_std(s, t)
            keep = np.sqrt(t.sigma**2 - posterior**2) / s.sigma
            noise = posterior if self.variance == "posterior" else posterior * s.sigma / t.sigma
            x = keep * x + (t.alpha - keep * s.alpha) * m + noise * evaluate.draw()
        return x
