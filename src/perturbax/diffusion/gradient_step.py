"""One step of steepest descent at every step of the sampler.

With the data prediction `x_0` and `r = A* (y - A x_0)`, the exact line search on `|y - A x|^2` gives

    x_0 <- x_0 + <r, r> / <r, A* A r> r,

which is DDS with one conjugate gradient, and what gradient guidance does when the network's Jacobian is left out.
"""

from typing import ClassVar

from ..core import Paper, check_instance
from . import _papers
from ._consistency import Noiseless, run_consistent
from ._method import AbstractPlanned
from ._restore import AbstractRestoration, InverseProblem, Restored, Run


class GradientStep(AbstractRestoration):
    """Consistency by one gradient step: the baseline that shows what more steps in the Krylov space bring.

    **Arguments:** `sampler`: any planned sampler, `Renoise(steps=50)` when `None`.

    **Returns:** a frozen method for `diffusion.restore`. Works with networks of any framework.

    **Raises:** `TypeError` when `sampler` is something else.

    Source: Chung, Lee & Ye 2024, arXiv 2303.05754.

    >>> from perturbax import diffusion
    >>> diffusion.GradientStep(diffusion.Renoise(steps=20)).sampler.steps
    20
    """

    sampler: AbstractPlanned | None = None

    papers: ClassVar[tuple[Paper, ...]] = (_papers.DDS,)

    def __check_init__(self):
        check_instance("sampler", self.sampler, AbstractPlanned | None, "a sampler such as Renoise(steps=50)")

    def solve(self, problem: InverseProblem, run: Run) -> Restored:
        """See `diffusion.restore`."""
        return run_consistent(problem, Noiseless(steps=1, tolerance=0.0), self.sampler, run)
