r"""Score-based diffusion: only the denoiser is learnt, on the variance-preserving path from noise.

Ho et al. 2020, Song et al. 2021. On `x_t = beta x_1 + gamma z`, with `eta(x, t) = E[z | x_t = x]`, everything follows:

    s = -eta / gamma,    b = (beta' x + (gamma' beta - gamma beta') eta) / beta.

At noise alone, `beta = 0`, the velocity is a ratio of two zeros, and the error of the network is divided by `beta`
near it.
"""

from typing import Any, ClassVar

from ..core import Paper, check_instance
from . import _papers
from ._coupling import Coupling
from ._fit_interpolant import AbstractInterpolantMethod, Trained
from ._path import AbstractOneSidedPath, VariancePreservingPath, check_path
from ._regress import check_training, train
from ._targets import Denoiser


class ScoreDiffusion(AbstractInterpolantMethod):
    """Denoising score matching on a path from noise, as in DDPM and the score SDE.

    **Arguments:** `path`: `VariancePreservingPath()` or another one from noise; `hidden`: widths of a perceptron;
    `steps`, `batch_size`, `learning_rate`: of Adam, whose rate falls to 0 as a cosine.

    **Returns:** a frozen method for `transport.fit_interpolant`.

    **Raises:** `ValueError` or `TypeError` that names the argument.

    Source: Ho et al. 2020, arXiv 2006.11239; Song et al. 2021, arXiv 2011.13456.

    >>> import jax, numpy as np
    >>> from perturbax import transport
    >>> points = np.random.default_rng(0).normal(size=(500, 2)) + 3.0
    >>> method = transport.ScoreDiffusion(hidden=(16,), steps=300, batch_size=64)
    >>> solved = transport.fit_interpolant(transport.Coupling(None, points), method, key=jax.random.key(0))
    >>> solved.sample(jax.random.key(1), 200).x.shape
    (200, 2)
    """

    path: AbstractOneSidedPath = VariancePreservingPath()
    hidden: tuple[int, ...] = (96, 96, 96)
    steps: int = 2500
    batch_size: int = 512
    learning_rate: float = 2e-3

    papers: ClassVar[tuple[Paper, ...]] = (_papers.SCORE_SDE, _papers.DDPM)

    def __check_init__(self):
        check_instance("path", self.path, AbstractOneSidedPath, "a path from noise such as VariancePreservingPath()")
        check_path(self.path)
        check_training(self)

    def train(self, problem: Coupling, key: Any, progress: bool | None) -> Trained:
        return train(self, self.path, (Denoiser(),), problem, key, progress)
