"""What a sample of a quantity of interest says of its law, with confidence."""

import math
from typing import Any, NamedTuple

import equinox as eqx
import numpy as np
import scipy.stats
from jaxtyping import Float

from ..core import check_array, check_number


class Estimate(NamedTuple):
    """A value and the ends of its confidence interval."""

    value: float
    low: float
    high: float


class MonteCarlo(eqx.Module):
    """A sample of a quantity of interest.

    - `values`: of the draws that were kept, shape `(n,)`; `rejected`: how many were not.

    The intervals are those of `n` independent draws of the generator: what it has not learned is not in them.

    >>> MonteCarlo(np.arange(1.0, 101.0), 0).probability(95.0).value
    0.05
    """

    values: Float[np.ndarray, " n"]
    rejected: int

    @property
    def rejected_share(self) -> float:
        """Of all draws."""
        return self.rejected / (self.values.size + self.rejected)

    def mean(self, level: float = 0.95) -> Estimate:
        """The mean, with the interval of a Student variable."""
        level, n = _level(level), self.values.size
        value = float(self.values.mean())
        if n < 2:
            return Estimate(value, -math.inf, math.inf)
        half = scipy.stats.t.ppf(0.5 + level / 2.0, n - 1) * self.values.std(ddof=1) / math.sqrt(n)
        return Estimate(value, value - float(half), value + float(half))

    def quantile(self, share: float, level: float = 0.95) -> Estimate:
        """The quantile at a share, between order statistics that hold for any law; infinite where none does."""
        share, level = check_number("share", share, minimum=0.0, maximum=1.0, exclusive=True), _level(level)
        n, ordered = self.values.size, np.concatenate([[-np.inf], np.sort(self.values), [np.inf]])
        # Binomial: how many of n values lie below the true quantile.
        low = int(scipy.stats.binom.ppf(0.5 - level / 2.0, n, share))
        high = int(scipy.stats.binom.ppf(0.5 + level / 2.0, n, share)) + 1
        return Estimate(float(np.quantile(self.values, share)), float(ordered[low]), float(ordered[high]))

    def probability(self, threshold: float, level: float = 0.95) -> Estimate:
        """The probability that the quantity is above a threshold, such as that of a failure, with the interval of
        Clopper and Pearson."""
        threshold, level = check_number("threshold", threshold), _level(level)
        above = int((self.values > threshold).sum())
        interval: Any = scipy.stats.binomtest(above, self.values.size).proportion_ci(level, method="exact")
        return Estimate(above / self.values.size, float(interval.low), float(interval.high))


class VarianceShares(NamedTuple):
    """The variance of a quantity, and the share of it that known parameters explain; the rest is uncertainty that is
    not among them."""

    variance: float
    parameters: float
    rest: float


def variance_shares(values: Any) -> VarianceShares:
    """The variance of nested samples in parts: `Var Q = Var E[Q | p] + E Var[Q | p]`.

    The first part is the variance of the means of the rows less what the second adds to them. Also known as the
    first-order Sobol' index of all parameters together.

    **Arguments:** `values`: shape `(outer, inner)`, the parameters of a row are the same; two or more of each.

    **Returns:** `VarianceShares`.

    **Raises:** `ValueError` when the shape does not fit, a value is not finite, or nothing varies.

    >>> variance_shares([[1.0, 1.0], [3.0, 3.0]]).parameters
    1.0
    """
    values = np.asarray(check_array("values", values, ndim=2), np.float64)
    if min(values.shape) < 2:
        raise ValueError(f"values must have two rows and columns or more, got shape {values.shape}")
    within = float(values.var(1, ddof=1).mean())
    between = max(float(values.mean(1).var(ddof=1)) - within / values.shape[1], 0.0)
    if between + within == 0.0:
        raise ValueError("values must vary")
    share = between / (between + within)
    return VarianceShares(between + within, share, 1.0 - share)


def _level(level: float) -> float:
    return check_number("level", level, minimum=0.0, maximum=1.0, exclusive=True)
