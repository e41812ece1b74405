"""Least squares without a learned prior.

x = argmin |y - A x|^2 + weight |x|^2;   weight 0 is the pseudo-inverse, and where A A* is a projection zero-filling.
"""

from typing import ClassVar

from ..core import Paper, check_integer, check_number
from ._restore import AbstractRestoration, InverseProblem, Restored, Run, no_network


class Tikhonov(AbstractRestoration):
    """Regularised least squares by conjugate gradients from 0: the baseline without a diffusion model.

    **Arguments:** `weight`: of the squared norm, 0 for the pseudo-inverse; `max_steps`: of conjugate gradients.

    **Returns:** a frozen method for `diffusion.restore`; the same for all keys.

    **Raises:** `ValueError` when one is out of range.

    Source: Tikhonov 1963; Hestenes & Stiefel 1952.

    >>> from perturbax import diffusion
    >>> diffusion.Tikhonov(weight=0.1).max_steps
    100
    """

    weight: float = 0.0
    max_steps: int = 100

    papers: ClassVar[tuple[Paper, ...]] = (
        Paper(
            title="Solution of Incorrectly Formulated Problems and the Regularization Method",
            authors=("Andrey N. Tikhonov",),
            year=1963,
            venue="Soviet Mathematics Doklady",
        ),
    )

    def __check_init__(self):
        check_number("weight", self.weight, minimum=0.0)
        check_integer("max_steps", self.max_steps, minimum=1)

    def solve(self, problem: InverseProblem, run: Run) -> Restored:
        """See `diffusion.restore`."""
        found = problem.pseudo_inverse(problem.y, self.max_steps, self.weight)
        return no_network(found.x, found.applications)
