"""PFGM++: denoising under the Poisson kernel of `N + D` dimensions, at EDM's noise levels.

Xu, Liu, Tian, Tong, Tegmark & Jaakkola 2023: with `r = sigma sqrt(D)` the kernel is a Student-t of scale `sigma`, the
loss is that of EDM with its noise, and the minimiser `E[y | x]` under that kernel gives `dx/dsigma = (x - E) / sigma`.
"""

from typing import ClassVar

from ..core import Paper
from . import _papers
from ._fit import AbstractDenoisingMethod, SigmaData
from ._poisson_flow import PoissonFlow
from ._process import AbstractProcess


class PFGMPP(AbstractDenoisingMethod):
    """Training of a Poisson flow generative model. `D = inf` is EDM, `D = 1` PFGM with an unbiased target.

    Small `D` is more robust to errors of sampler and network, large `D` easier to fit: for images start with 128 or
    2048. Hyper-parameters of EDM are kept as they are.

    **Arguments:**

    - `D`: extra dimensions, any positive number or infinity.
    - `log_sigma_mean`, `log_sigma_std`: of the noise levels (`P_mean`, `P_std`).
    - `sigma_data`: standard deviation of the data around 0, or `"auto"`: measured around its mean, which is then
      subtracted.
    - `stable_target`: `None`, or how many times larger than the batch the reference batch is, over which the target is
      the posterior mean: a smaller variance for a bias that vanishes as the reference grows.
    - `drop_label`: share of labels that are dropped, so that the network is unconditional too.

    **Returns:** a frozen method for `diffusion.fit`.

    **Raises:** `ValueError` or `TypeError` that names the argument; warns as `PoissonFlow`.

    Source: Xu et al. 2023 (PFGM++), sections 3.2 and 4.

    >>> from perturbax import diffusion
    >>> diffusion.PFGMPP(D=64.0).trained_process.t_max
    80.0
    """

    D: float = 128.0
    log_sigma_mean: float = -1.2
    log_sigma_std: float = 1.2
    sigma_data: SigmaData = "auto"
    stable_target: int | None = None
    drop_label: float = 0.1

    papers: ClassVar[tuple[Paper, ...]] = (_papers.PFGMPP, _papers.STF)

    def __check_init__(self):
        _ = self.trained_process

    @property
    def trained_process(self) -> AbstractProcess:
        return PoissonFlow(self.D)
