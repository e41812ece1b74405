"""From the indicator to an error: what the training histories say about how large the error is when the indicator is
so large. Pairs come from models that are worse than the one that is calibrated: with a history left out, or truncated.
"""

import abc
import warnings
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ..core import check_number

# Points of the table that a regression is kept as, over the range of the indicators that were seen.
_TABLE = 129
# Of the normal distribution: the upper end of the band that holds 95 % in its middle.
_BAND = 1.959963984540054


class Calibration(eqx.Module):
    """A table of logarithms, linear in between, and proportional beyond its ends."""

    log_indicator: Float[np.ndarray, " m"]
    log_error: Float[np.ndarray, " m"]

    def __call__(self, indicator: Any) -> Any:
        """The error that indicators stand for; NaN for NaN."""
        x = jnp.log(jnp.maximum(indicator, np.finfo(np.float64).tiny))
        inside = jnp.clip(x, self.log_indicator[0], self.log_indicator[-1])
        return jnp.exp(jnp.interp(inside, self.log_indicator, self.log_error) + x - inside)


class AbstractCalibration(eqx.Module):
    """How pairs of indicators and errors become an estimate."""

    @abc.abstractmethod
    def fit(self, indicator: Float[np.ndarray, " m"], error: Float[np.ndarray, " m"]) -> Calibration:
        """From positive pairs."""


class MaxRatio(AbstractCalibration):
    """The largest ratio of error to indicator that was seen, times the indicator.

    >>> round(float(MaxRatio().fit(np.array([0.1, 0.2]), np.array([0.3, 0.4]))(0.1)), 6)
    0.3
    """

    def fit(self, indicator: Float[np.ndarray, " m"], error: Float[np.ndarray, " m"]) -> Calibration:
        """See `AbstractCalibration`."""
        ends = np.array([np.log(indicator.min()), np.log(indicator.max()) + 1.0])
        return Calibration(ends, ends + np.log(error / indicator).max())


class GaussianProcess(AbstractCalibration):
    """The upper end of the 95 % band of a Gaussian process on logarithms, by scikit-learn.

    **Arguments:** `smoothness`: of the Matérn kernel, 0.5, 1.5, 2.5 or infinity.

    **Raises:** `ValueError` when it is not positive.

    >>> pairs = np.geomspace(1e-3, 1.0, 20), 2.0 * np.geomspace(1e-3, 1.0, 20)
    >>> bool(0.06 <= GaussianProcess().fit(*pairs)(0.03) < 0.07)
    True
    """

    smoothness: float = 2.5

    def __check_init__(self):
        check_number("smoothness", self.smoothness, minimum=0.0, exclusive=True, finite=False)

    def fit(self, indicator: Float[np.ndarray, " m"], error: Float[np.ndarray, " m"]) -> Calibration:
        """See `AbstractCalibration`."""
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.gaussian_process import GaussianProcessRegressor
        from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

        x, y = np.log(indicator), np.log(error)
        kernel = ConstantKernel(1.0, (1e-2, 1e3)) * Matern(2.0, (0.5, 1e2), nu=self.smoothness)
        kernel = kernel + WhiteKernel(0.1, (1e-8, 1e1))
        slope, offset = np.polyfit(x, y, 1) if np.ptp(x) > 0.0 else (1.0, (y - x).mean())
        with warnings.catch_warnings():
            # A length at its bound is what the bound is for.
            warnings.simplefilter("ignore", ConvergenceWarning)
            process = GaussianProcessRegressor(kernel).fit(x[:, None], y - slope * x - offset)
        table = np.linspace(x.min(), max(x.max(), x.min() + 1e-6), _TABLE)
        mean, deviation = process.predict(table[:, None], return_std=True)
        return Calibration(table, slope * table + offset + mean + _BAND * deviation)
