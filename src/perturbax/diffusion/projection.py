"""Projection onto the measurements at every step.

Song, Shen, Xing & Ermon 2022 (score-MRI) and Wang, Yu & Zhang 2023 (DDNM): the data prediction becomes the
nearest image that meets the measurements,

    x_0 <- x_0 + A^+ (y - A x_0).
"""

from typing import ClassVar

from ..core import Paper, check_instance
from ._consistency import Projected, run_consistent
from ._method import AbstractPlanned
from ._restore import AbstractRestoration, InverseProblem, Restored, Run


class Projection(AbstractRestoration):
    """Exact agreement with the measurements at every step; carries their noise into the image.

    **Arguments:** `sampler`: any planned sampler, `Renoise(steps=50)` when `None`; `consistency`: how the projection is
    computed.

    **Returns:** a frozen method for `diffusion.restore`. Works with networks of any framework.

    **Raises:** `TypeError` for other objects.

    Source: Wang, Yu & Zhang 2023, arXiv 2212.00490.

    >>> from perturbax import diffusion
    >>> diffusion.Projection(diffusion.Renoise(steps=20)).sampler.steps
    20
    """

    sampler: AbstractPlanned | None = None
    consistency: Projected = Projected()

    papers: ClassVar[tuple[Paper, ...]] = (
        Paper(
            title="Zero-Shot Image Restoration Using Denoising Diffusion Null-Space Model",
            authors=("Yinhuai Wang", "Jiwen Yu", "Jian Zhang"),
            year=2023,
            arxiv="2212.00490",
            venue="ICLR",
        ),
    )

    def __check_init__(self):
        check_instance("consistency", self.consistency, Projected, "Projected(...)")
        check_instance("sampler", self.sampler, AbstractPlanned | None, "a sampler such as Renoise(steps=50)")

    def solve(self, problem: InverseProblem, run: Run) -> Restored:
        """See `diffusion.restore`."""
        return run_consistent(problem, self.consistency, self.sampler, run)
