"""Supervised fine-tuning on the winners: the loss of training, on the preferred images alone.

L = mean E^w
"""

from typing import ClassVar

from jaxtyping import Array, Float

from ..core import Paper, check_instance
from . import _papers
from ._align import AbstractAlignmentMethod
from ._captions import AbstractCaptions, Prompts
from .losses import Errors


class SFT(AbstractAlignmentMethod):
    """Fine-tuning on the winners. The baseline that learns nothing from the losers.

    **Arguments:**

    - `captions`: what the winners are denoised under: `Prompts()`, or `Captioned()` for captions that fit.

    **Returns:** a frozen method for `diffusion.align`.

    **Raises:** `TypeError` that names the argument.

    Source: Wallace et al. 2024 (the baseline); Ho et al. 2020 (the loss).

    >>> from perturbax import diffusion
    >>> diffusion.SFT(diffusion.Captioned()).captions
    Captioned()
    """

    captions: AbstractCaptions = Prompts()

    papers: ClassVar[tuple[Paper, ...]] = (_papers.DIFFUSION_DPO, _papers.DDPM)
    needs_reference: ClassVar[bool] = False

    def __check_init__(self):
        check_instance("captions", self.captions, AbstractCaptions, "captions such as Prompts()")

    def loss(self, errors: Errors) -> Float[Array, ""]:
        return errors.winner.mean()
