"""IPO: the squared loss of preference optimisation, whose optimum is at a finite margin.

Azar et al. 2024 replace the logistic loss of DPO, which drives margins of pairs that are never contradicted to
infinity, by `(h - 1 / (2 beta))^2` with the difference `h` of log-likelihood ratios. With Diffusion-DPO's bound of
these ratios by denoising errors `h = -m / 2`,

    m = (E^w - E_ref^w) - (E^l - E_ref^l),        L = mean (-m / 2 - 1 / (2 beta))^2.                            (17)
"""

from typing import ClassVar

from jaxtyping import Array, Float

from ..core import Paper, check_instance, check_number
from . import _papers, losses
from ._align import AbstractAlignmentMethod
from ._captions import AbstractCaptions, Prompts
from .losses import Errors


class IPO(AbstractAlignmentMethod):
    """Identity preference optimisation with denoising errors: margins stop growing at `1 / beta`.

    **Arguments:**

    - `captions`: what the images of a pair are denoised under.
    - `beta`: inverse of the wanted margin `-m`. As in `DCPO` it holds the number of time steps; no paper gives a value
      for diffusion models, so that it should be chosen from the errors of the model.

    **Returns:** a frozen method for `diffusion.align`.

    **Raises:** `ValueError` or `TypeError` that names the argument.

    Source: Azar et al. 2024, equation 17.

    >>> from perturbax import diffusion
    >>> diffusion.IPO(beta=100.0).captions
    Prompts()
    """

    captions: AbstractCaptions = Prompts()
    beta: float = 500.0

    papers: ClassVar[tuple[Paper, ...]] = (_papers.IPO, _papers.DIFFUSION_DPO)

    def __check_init__(self):
        check_number("beta", self.beta, minimum=0.0, exclusive=True)
        check_instance("captions", self.captions, AbstractCaptions, "captions such as Prompts()")

    def loss(self, errors: Errors) -> Float[Array, ""]:
        return losses.ipo(*errors, beta=self.beta)
