"""Distances between samples from means of a function of pairs of points: the energy distance and the kernel one.

    E(x, y)     = 2 E|x - y| - E|x - x'| - E|y - y'|
    MMD^2(x, y) = E k(x, x') + E k(y, y') - 2 E k(x, y),        k(a, b) = exp(-|a - b|^2 / (2 h^2))

Both vanish only when the distributions are equal, cost `(n + m)^2 d`, and are summed in blocks of rows so that memory
stays linear in the sizes.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from scipy.spatial.distance import cdist

from ..core import check_number
from ._frechet import check_samples

_BLOCK = 1024


def energy_distance(x: Any, y: Any) -> float:
    """The energy distance of two samples, `2 E|x - y| - E|x - x'| - E|y - y'|` with the means over all pairs.

    It has no parameter and needs finite means only. The mean over all pairs, a point with itself included, makes it at
    least 0 and biased upwards by about `1/n`: read it beside its `sampling_floor`. Some write the square root of this.

    **Arguments:** `x`, `y`: shapes `(n, d)` and `(m, d)`.

    **Returns:** a number, at least 0.

    **Raises:** `ValueError` when shapes disagree, a sample is empty or a value is not finite.

    Source: Szekely & Rizzo 2013.

    >>> energy_distance([[0.0]], [[1.0]])
    2.0
    """
    x, y = check_samples(x, y)
    within = _row_sums(x, x, cdist).mean() / x.shape[0] + _row_sums(y, y, cdist).mean() / y.shape[0]
    return max(float(2.0 * _row_sums(x, y, cdist).mean() / y.shape[0] - within), 0.0)


class Discrepancy(NamedTuple):
    """An estimate and the standard deviation of its sampling error."""

    value: float
    std: float


def maximum_mean_discrepancy(x: Any, y: Any, bandwidth: float | None = None) -> Discrepancy:
    """The squared maximum mean discrepancy of two samples with a Gaussian kernel, without bias.

    A point is never paired with itself, so the estimate has the mean of the true value and is below 0 about half of the
    time when the distributions are equal. The standard deviation is the jackknife's: it is honest when the
    distributions differ and too large, by a bounded factor, when they are equal.

    **Arguments:**

    - `x`, `y`: shapes `(n, d)` and `(m, d)`, two points or more each.
    - `bandwidth`: `h` of the kernel, in the unit of the data; the median distance between the first 1024 points of
      `x` and of `y` when `None`. Give it to compare several samples with one reference.

    **Returns:** `Discrepancy(value, std)`.

    **Raises:** `ValueError` when shapes disagree, a sample has one point, a value is not finite, or `bandwidth` is not
    positive (the median is 0 when most points coincide).

    Source: Gretton et al. 2012; Arvesen 1969 (the jackknife of a two-sample U-statistic).

    >>> value, std = maximum_mean_discrepancy([[0.0], [0.0]], [[9.0], [9.0]], bandwidth=1.0)
    >>> round(value, 6), std
    (2.0, 0.0)
    """
    x, y = check_samples(x, y, minimum=2)
    width = float(np.median(cdist(x[:_BLOCK], y[:_BLOCK]))) if bandwidth is None else bandwidth
    width = check_number("bandwidth", width, minimum=0.0, exclusive=True)

    def kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.exp(cdist(a, b, "sqeuclidean") * (-0.5 / width**2))

    n, m = x.shape[0], y.shape[0]
    own_x, own_y = _row_sums(x, x, kernel) - 1.0, _row_sums(y, y, kernel) - 1.0
    cross_x, cross_y = _row_sums(x, y, kernel), _row_sums(y, x, kernel)

    def estimate(xx: Any, yy: Any, xy: Any, n: int, m: int) -> Any:
        return xx / (n * (n - 1)) + yy / (m * (m - 1)) - 2.0 * xy / (n * m)

    total = (own_x.sum(), own_y.sum(), cross_x.sum())
    variance = 0.0
    if n > 2:
        without_x = estimate(total[0] - 2.0 * own_x, total[1], total[2] - cross_x, n - 1, m)
        variance += (n - 1) * without_x.var()
    if m > 2:
        without_y = estimate(total[0], total[1] - 2.0 * own_y, total[2] - cross_y, n, m - 1)
        variance += (m - 1) * without_y.var()
    return Discrepancy(float(estimate(*total, n, m)), math.sqrt(variance))


def _row_sums(x: np.ndarray, y: np.ndarray, pairs: Callable) -> np.ndarray:
    """For every point of `x`, the sum over `y` of a function of pairs."""
    return np.concatenate([pairs(x[i : i + _BLOCK], y).sum(1) for i in range(0, x.shape[0], _BLOCK)])
