"""Random Fourier features, the Monte Carlo form of kernel ridge regression with a Gaussian kernel.

Rahimi & Recht 2007, *Random Features for Large-Scale Kernel Machines*. With

    f_n(x) = n^(-1/2) sum_i c_i cos(a_i.x - b_i),     a_i ~ N(0, lam^2 I),     b_i ~ U[0, 2 pi]

the kernel `E cos(a.x - b) cos(a.x' - b)` is `exp(-lam^2 |x - x'|^2 / 2) / 2`: it fades at large frequencies but has no
band, and so no sharp floor.
"""

from typing import Any, ClassVar

import jax.numpy as jnp

from ..core import Paper, check_instance
from . import _papers
from ._draw import Normal
from ._fit import AbstractFitMethod, Approximation
from ._random_features import check_features, fit_features, settle_bandwidth
from ._readout import AbstractReadout, Ridge


class RandomFourierFeatures(AbstractFitMethod):
    """Cosines of normal frequencies with ridge regression.

    **Arguments:** `width`: features `n`; `bandwidth`: standard deviation of the frequencies in units of the box, or
    several to choose from by generalised cross-validation; `readout`: `Ridge()` or `LeastSquares()`.

    **Returns:** a frozen method for `approximate.fit`.

    **Raises:** `TypeError`, `ValueError` for hyper-parameters out of range.

    Source: Rahimi & Recht 2007.

    >>> import jax
    >>> import numpy as np
    >>> from perturbax import approximate
    >>> x = np.linspace(0.0, 1.0, 100)
    >>> method = approximate.RandomFourierFeatures(50, bandwidth=10.0)
    >>> fitted = approximate.fit(approximate.ScatteredData(x, np.sin(9.0 * x)), method, key=jax.random.key(0))
    >>> fitted.error < 1e-2
    True
    """

    width: int = 800
    bandwidth: float | int | tuple[float | int, ...] = 30.0
    readout: AbstractReadout = Ridge(1e-10)

    draws: ClassVar[bool] = True
    papers: ClassVar[tuple[Paper, ...]] = (_papers.RANDOM_FEATURES,)

    def __check_init__(self):
        check_features(self.width, self.bandwidth, jnp.cos)
        check_instance("readout", self.readout, AbstractReadout, "a readout such as Ridge()")

    def approximate(self, problem: Any, key: Any) -> Approximation:
        return fit_features(
            problem,
            key,
            width=self.width,
            bandwidths=settle_bandwidth(self.bandwidth),
            draw=Normal(),
            activation=jnp.cos,
            readout=self.readout,
        )
