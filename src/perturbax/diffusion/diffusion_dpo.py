"""Diffusion-DPO: direct preference optimisation with denoising errors in the place of log-likelihoods.

Wallace et al. 2024: with the implicit reward `r(x, c) = beta log p(x | c) / p_ref(x | c)` of DPO (Rafailov et al.
2023), Bradley and Terry's `P(w > l) = sigmoid(r(x^w, c) - r(x^l, c))`, and the ratio of likelihoods bounded through
denoising errors at one time and one noise,

    m = (E^w - E_ref^w) - (E^l - E_ref^l),        L = -mean log sigmoid(-beta m / 2).                           (14)
"""

from typing import ClassVar

from jaxtyping import Array, Float

from ..core import Paper, check_number
from . import _papers, losses
from ._align import AbstractAlignmentMethod
from ._captions import AbstractCaptions, Prompts
from .losses import Errors


class DiffusionDPO(AbstractAlignmentMethod):
    """Both images of a pair under their prompt. The baseline, and the better choice where what is preferred is what
    fits the prompt.

    **Arguments:**

    - `beta`: strength of the pull to the reference; the number of time steps of the derivation is inside. The paper's
      for Stable Diffusion 1.5; 5000 for SDXL.

    **Returns:** a frozen method for `diffusion.align`.

    **Raises:** `ValueError` or `TypeError` that names the argument.

    Source: Wallace et al. 2024.

    >>> from perturbax import diffusion
    >>> diffusion.DiffusionDPO().beta
    2000.0
    """

    beta: float = 2000.0

    captions: ClassVar[AbstractCaptions] = Prompts()
    papers: ClassVar[tuple[Paper, ...]] = (_papers.DIFFUSION_DPO,)

    def __check_init__(self):
        check_number("beta", self.beta, minimum=0.0, exclusive=True)

    def loss(self, errors: Errors) -> Float[Array, ""]:
        return losses.dpo(*errors, beta=self.beta)
