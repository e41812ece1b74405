"""DDS: decomposed diffusion sampling for inverse problems.

Chung, Lee & Ye 2024 (arXiv 2303.05754). At every step of the sampler,

    x_0  <- data prediction at x_t                                                              (Tweedie)
    x_0  <- a few conjugate gradients towards A x = y, started at x_0                           (consistency)
    x_t' <- alpha_t' x_0 + sqrt(sigma_t'^2 - b^2) e + b z                                       (renoising)

No gradient of the network is needed. The whole is a plan with a corrector: any planned sampler can take the place of
the paper's, and `Consistent` gives the corrector to `sample` itself. Here every sample of a batch has its own conjugate
gradients with its own stop, and inner products are Hermitian, both other than in the published code.
"""

from typing import ClassVar

from ..core import Paper, check_instance
from . import _papers
from ._consistency import AbstractConsistency, Noiseless, run_consistent
from ._method import AbstractPlanned
from ._restore import AbstractRestoration, InverseProblem, Restored, Run


class DDS(AbstractRestoration):
    """A sampler whose data predictions are corrected by a few conjugate gradients.

    Its result is a sample of the posterior, below its mean in the mean squared error; average several samples for that.

    **Arguments:**

    - `consistency`: `Noiseless()`; `Proximal(gamma)` for noisy measurements; `SliceVariation()` for volumes.
    - `sampler`: any planned sampler; the paper's `Renoise(steps=50)` when `None`.

    **Returns:** a frozen method for `diffusion.restore`. Works with networks of any framework.

    **Raises:** `TypeError` for other objects.

    Source: Chung, Lee & Ye 2024, arXiv 2303.05754.

    >>> from perturbax import diffusion
    >>> diffusion.DDS(diffusion.Proximal(gamma=5.0)).consistency.gamma
    5.0
    """

    consistency: AbstractConsistency = Noiseless()
    sampler: AbstractPlanned | None = None

    papers: ClassVar[tuple[Paper, ...]] = (_papers.DDS,)

    def __check_init__(self):
        check_instance("consistency", self.consistency, AbstractConsistency, "Noiseless() or Proximal(...)")
        check_instance("sampler", self.sampler, AbstractPlanned | None, "a sampler such as Renoise(steps=50)")

    def solve(self, problem: InverseProblem, run: Run) -> Restored:
        """See `diffusion.restore`."""
        return run_consistent(problem, self.consistency, self.sampler, run)
