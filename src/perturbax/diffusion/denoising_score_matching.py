"""Denoising score matching with EDM's preconditioning, weights and noise levels, for any process.

    E w(sigma) |D(y + sigma z; sigma) - y|^2,   w = (sigma^2 + s^2) / (sigma s)^2,   log sigma ~ N(m, v^2)

Karras, Aittala, Aila & Laine 2022; the identity of denoising and score matching is Vincent's (2011).
"""

from typing import ClassVar

from ..core import Paper, check_instance
from . import _papers
from ._fit import AbstractDenoisingMethod, SigmaData
from ._noise_level import EDM
from ._process import AbstractProcess


class DenoisingScoreMatching(AbstractDenoisingMethod):
    """The denoising loss of EDM. One denoiser serves all processes with normal noise, through `FromDenoiser`.

    **Arguments:**

    - `process`: whose noise is trained on.
    - `log_sigma_mean`, `log_sigma_std`: of the noise levels `sigma / alpha` (`P_mean`, `P_std`).
    - `sigma_data`: standard deviation of the data around 0, or `"auto"`: measured around its mean, which is then
      subtracted.
    - `stable_target`: `None`, or how many times larger than the batch the reference batch is, over which the target is
      the posterior mean (Xu et al. 2023, STF): a smaller variance for a bias that vanishes as the reference grows.
    - `drop_label`: share of labels that are dropped, so that the network is unconditional too.

    **Returns:** a frozen method for `diffusion.fit`.

    **Raises:** `ValueError` or `TypeError` that names the argument.

    Source: Karras et al. 2022, section 5 and table 1; Xu et al. 2023 (STF), equation 6.

    >>> from perturbax import diffusion
    >>> diffusion.DenoisingScoreMatching().log_sigma_mean
    -1.2
    """

    process: AbstractProcess = EDM()
    log_sigma_mean: float = -1.2
    log_sigma_std: float = 1.2
    sigma_data: SigmaData = "auto"
    stable_target: int | None = None
    drop_label: float = 0.1

    papers: ClassVar[tuple[Paper, ...]] = (_papers.EDM, _papers.STF)

    def __check_init__(self):
        check_instance("process", self.process, AbstractProcess, "a process such as EDM()")

    @property
    def trained_process(self) -> AbstractProcess:
        return self.process
