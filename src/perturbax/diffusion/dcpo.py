"""DCPO: Diffusion-DPO with a caption of its own for each image of a pair.

Saeidi et al. 2025: a prompt often describes neither image, or both about equally well, and then says little about why
one is preferred. With captions `z^w` and `z^l`, and the errors `E^w = E(x^w, z^w)`, `E^l = E(x^l, z^l)` at one time and
one noise,

    m = (E^w - E_ref^w) - (E^l - E_ref^l),        L = -mean log sigmoid(-beta m / 2),

which raises `p(x^w | z^w)` and lowers `p(x^l | z^l)`. The captions come from a captioner `Q` (route c), from a
perturbation `f` of the prompt (p), or from a perturbation of the loser's caption (h).

The derivation of DPO compares two rewards under one condition. Here they are under two, and the Bradley-Terry model of
their difference is an assumption: the objective is a heuristic.
"""

from typing import ClassVar

from jaxtyping import Array, Float

from ..core import Paper, check_instance, check_number
from . import _papers, losses
from ._align import AbstractAlignmentMethod
from ._captions import AbstractCaptions
from .losses import Errors


class DCPO(AbstractAlignmentMethod):
    """Dual caption preference optimisation. With equal captions it is `DiffusionDPO`, bit for bit.

    **Arguments:**

    - `captions`: where the two captions come from: `Captioned(captioner)`, `Perturbed(perturbation)` or
      `Hybrid(perturbation, captioner)`.
    - `beta`: strength of the pull to the reference; 500 in the paper's training command, 5000 in its code.

    **Returns:** a frozen method for `diffusion.align`.

    **Raises:** `ValueError` or `TypeError` that names the argument.

    Source: Saeidi et al. 2025.

    >>> from perturbax import diffusion, perturb
    >>> diffusion.DCPO(diffusion.Hybrid(perturb.WordDrop(0.6))).beta
    500.0
    """

    captions: AbstractCaptions
    beta: float = 500.0

    papers: ClassVar[tuple[Paper, ...]] = (_papers.DCPO, _papers.DIFFUSION_DPO)

    def __check_init__(self):
        check_instance("captions", self.captions, AbstractCaptions, "captions such as Hybrid(perturbation)")
        check_number("beta", self.beta, minimum=0.0, exclusive=True)

    def loss(self, errors: Errors) -> Float[Array, ""]:
        return losses.dpo(*errors, beta=self.beta)
