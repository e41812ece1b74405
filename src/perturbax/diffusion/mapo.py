"""MaPO: preference optimisation without a reference, from the odds of both images and the error of the winner.

Hong et al. 2024: with `o(E) = s E / (e^{s E} - 1)`, which falls from 1 at `E = 0`,

    L = mean E^w - beta mean log sigmoid(T (o(E^w) - o(E^l))).
"""

from typing import ClassVar

from jaxtyping import Array, Float

from ..core import Paper, check_instance, check_integer, check_number
from . import _papers, losses
from ._align import AbstractAlignmentMethod
from ._captions import AbstractCaptions, Prompts
from .losses import Errors


class MaPO(AbstractAlignmentMethod):
    """Margin-aware preference optimisation. No reference is kept or evaluated, which halves memory and evaluations.

    **Arguments:**

    - `captions`: what the images of a pair are denoised under.
    - `beta`: weight of the margin.
    - `scale`: the factor `s` of errors.
    - `timesteps`: the number `T` of time steps that the model was trained with.

    **Returns:** a frozen method for `diffusion.align`.

    **Raises:** `ValueError` or `TypeError` that names the argument.

    Source: Hong et al. 2024; the defaults are those of its code.

    >>> from perturbax import diffusion
    >>> diffusion.MaPO().timesteps
    1000
    """

    captions: AbstractCaptions = Prompts()
    beta: float = 0.1
    scale: float = 0.5
    timesteps: int = 1000

    papers: ClassVar[tuple[Paper, ...]] = (_papers.MAPO,)
    needs_reference: ClassVar[bool] = False

    def __check_init__(self):
        check_number("beta", self.beta, minimum=0.0)
        check_number("scale", self.scale, minimum=0.0, exclusive=True)
        check_integer("timesteps", self.timesteps, minimum=1)
        check_instance("captions", self.captions, AbstractCaptions, "captions such as Prompts()")

    def loss(self, errors: Errors) -> Float[Array, ""]:
        return losses.mapo(errors.winner, errors.loser, beta=self.beta, scale=self.scale, timesteps=self.timesteps)
