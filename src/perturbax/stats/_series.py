"""Excursions of an observed series, its correlation, and the problem that is fitted to it."""

import math
from typing import Any

import jax
import numpy as np
from jaxtyping import Float

from ..core import check_array, check_integer, check_key, check_number
from ._excursions import AbstractExcursionMethod, StationaryGaussian, excursions
from .covariances import from_samples


def autocorrelation(x: Any, lags: int | None = None) -> Float[np.ndarray, " lags"]:
    """The empirical correlation of a series at the lags 0, 1, ..., with the divisor `n`, so that it is a correlation.

    **Arguments:** `x`: shape `(n,)`; `lags`: how many, at most `n`; a quarter of `n` when `None`.

    **Raises:** `ValueError` when the series is constant, too short or not finite.

    >>> autocorrelation([1.0, -1.0, 1.0, -1.0], lags=2)
    array([ 1.  , -0.75])
    """
    x = np.asarray(check_array("x", x, ndim=1), np.float64)
    lags = check_integer("lags", max(x.size // 4, 1) if lags is None else lags, minimum=1, maximum=x.size)
    x = x - x.mean()
    if not np.any(x):
        raise ValueError("x must vary, got a constant series")
    covariance = np.fft.irfft(np.abs(np.fft.rfft(x, 2 * x.size)) ** 2, 2 * x.size)[:lags]
    return covariance / covariance[0]


def excursion_durations(x: Any, spacing: float = 1.0, level: float = 0.0) -> Float[np.ndarray, " m"]:
    """How long a series stays above a level, each time that both ends are seen; crossings by linear interpolation.

    **Arguments:** `x`: shape `(n,)`; `spacing`: time between two values; `level`: in the unit of `x`.

    **Returns:** the durations, in the order of time; possibly none.

    **Raises:** `ValueError` when values do not fit.

    >>> excursion_durations([-1.0, 1.0, 1.0, -1.0, -1.0], spacing=2.0)
    array([4.])
    """
    x = np.asarray(check_array("x", x, ndim=1), np.float64) - check_number("level", level)
    spacing = check_number("spacing", spacing, minimum=0.0, exclusive=True)
    crossed = np.flatnonzero((x[:-1] > 0.0) != (x[1:] > 0.0))
    at = crossed + x[crossed] / (x[crossed] - x[crossed + 1])
    lengths = np.diff(at)
    return spacing * (lengths[x[crossed[:-1] + 1] > 0.0] if lengths.size else lengths)


def stationary_gaussian(
    x: Any, spacing: float = 1.0, *, level: float = 0.0, lags: int | None = None
) -> StationaryGaussian:
    """The stationary Gaussian process that is fitted to a series.

    The correlation is a monotone one through the empirical one up to a lag; its curvature at 0 is that of the rate of
    crossings of the mean (Rice). What oscillates beyond sampling error is refused.

    **Arguments:**

    - `x`: shape `(n,)`, evenly spaced; `spacing`: the time between two values.
    - `level`: in standard deviations from the mean.
    - `lags`: how many enter the fit; when `None` those before the first that is smaller than its error, and as many
      zeros after them.

    **Returns:** a `StationaryGaussian` in the unit of time of `spacing`.

    **Raises:** `ValueError` when the series is too short, or its correlation is not close to a monotone one.

    Source: Bartlett 1946 (the error of empirical correlations); see `covariances.from_samples`.

    >>> import jax
    >>> from perturbax import stats
    >>> paths = stats.CirculantEmbedding(stats.covariances.Matern(2.5), points=4000, spacing=0.25)
    >>> problem = stationary_gaussian(paths.sample(jax.random.key(0), 1)[0], 0.25)
    >>> bool(abs(problem.mean / 2.43 - 1.0) < 0.15)
    True
    """
    x = np.asarray(check_array("x", x, ndim=1), np.float64)
    spacing = check_number("spacing", spacing, minimum=0.0, exclusive=True)
    above = x > x.mean()
    crossings = np.count_nonzero(above[1:] != above[:-1])
    if crossings < 10:
        raise ValueError(f"x must cross its mean ten times or more, got {crossings} times in {x.size} values")
    r = autocorrelation(x, lags)
    if r.size < 3:
        raise ValueError(f"lags must be 3 or more, got {r.size}")
    # Where the true correlation is 0 the empirical one has the variance sum_k r_k^2 / n. If it is monotone, what comes
    # after the first sign change is noise.
    positive = r[: np.argmax(r < 0.0)] if np.any(r < 0.0) else r
    error = math.sqrt((1.0 + 2.0 * float(np.sum(positive[1:] ** 2))) / x.size)
    target = r
    if lags is None and np.any(r < error):
        cut = max(int(np.argmax(r < error)), 2)
        target = np.where(np.arange(r.size) < cut, r, 0.0)[: 2 * cut]
    # The largest of n normal errors is about sqrt(2 log n) deviations; one more leaves one false refusal in a thousand.
    tolerance = max(0.05, error * (1.0 + math.sqrt(2.0 * math.log(r.size))))
    rate = crossings / ((x.size - 1) * spacing)
    fitted = from_samples(spacing * np.arange(target.size), target, crossing_rate=rate, tolerance=tolerance)
    misfit = np.abs(np.asarray(fitted(spacing * np.arange(r.size)), np.float64) - r)
    if misfit.max() > tolerance:
        raise ValueError(
            f"x has a correlation of {r[misfit.argmax()]:.3g} at lag {spacing * misfit.argmax():g}, {misfit.max():.3g} "
            f"off the closest monotone one, with an error of {error:.2g}; independent intervals are no approximation "
            "for a process that oscillates"
        )
    return StationaryGaussian(fitted, level=level)


def bootstrap_theta(
    x: Any,
    method: AbstractExcursionMethod,
    spacing: float = 1.0,
    *,
    key: Any,
    repeats: int = 50,
    level: float = 0.0,
    lags: int | None = None,
) -> Float[np.ndarray, " repeats"]:
    """The persistency exponents of series that are drawn anew from blocks of an observed one.

    Blocks of ten mean excursions keep what is correlated together. Their spread is the uncertainty of `theta` from the
    length of the series; what the approximation errs comes on top.

    **Arguments:** `x`, `spacing`, `level`, `lags`: as in `stationary_gaussian`; `method`: such as `SlepianIIA()`;
    `key`: JAX PRNG key; `repeats`: drawn series.

    **Returns:** shape `(repeats,)`; NaN for a drawn series that the fit or the method refuses.

    **Raises:** `ValueError` when the series itself is refused.

    Source: Kunsch 1989 (the moving-block bootstrap).
    """
    repeats = check_integer("repeats", repeats, minimum=2)
    problem = stationary_gaussian(x, spacing, level=level, lags=lags)
    x = np.asarray(x, np.float64)
    block = min(math.ceil(10.0 * math.pi / math.sqrt(float(problem.lambda2)) / spacing), x.size // 2)
    shape = (repeats, math.ceil(x.size / block))
    starts = np.asarray(jax.random.randint(check_key("key", key), shape, 0, x.size - block + 1))
    drawn = x[starts[..., None] + np.arange(block)].reshape(repeats, -1)[:, : x.size]

    def theta(series: np.ndarray) -> float:
        try:
            return float(excursions(stationary_gaussian(series, spacing, level=level, lags=lags), method).theta)
        except ValueError:  # of the fit, or InvalidIIA: a drawn series need not be admissible
            return math.nan

    return np.array([theta(series) for series in drawn])
