"""Closed forms for the study of adaptive data analysis: how far a vote of features without signal overfits.

Each of `m` features votes with the sign that its noisy answer suggests. With `v = 1 / n`, a vote is right for the
sample by `E|N(0, v)| / sqrt(1 + 4 sigma^2 / v)` beyond 1/2, and so the accuracy of all on the sample is

    Phi(sqrt(m) sqrt(2 / pi) v / sqrt(v + 4 sigma^2)),   where the truth is 1/2.
"""

import math
from collections.abc import Callable
from typing import Any

TAU = 0.1  # the error that a sample bears


def predicted_accuracy(n: int, m: Any, sigma: Any) -> float:
    """Accuracy on the `n` records of the sample of the vote of `m` features."""
    import scipy.stats

    v = 1.0 / n
    return float(scipy.stats.norm.cdf(math.sqrt(m) * math.sqrt(2.0 / math.pi) * v / math.sqrt(v + 4.0 * sigma**2)))


def best_sigma(n: int, m: Any) -> float:
    """The noise with the smallest error for `m` queries."""
    return m**0.25 / math.sqrt(2.0 * n)


def crossing_of_noise(n: int) -> float:
    """The number of queries at which bias and noise together are TAU, with the best noise for that number."""
    import scipy.optimize

    def excess(log_m: float) -> float:
        sigma = best_sigma(n, math.exp(log_m))
        return predicted_accuracy(n, math.exp(log_m), sigma) - 0.5 + sigma - TAU

    return math.exp(scipy.optimize.brentq(excess, 0.0, 30.0))


def crossing_of_naive(n: int) -> float:
    """The number of queries at which the bias without noise is TAU."""
    import scipy.stats

    return float(math.pi * n / 2.0 * scipy.stats.norm.ppf(0.5 + TAU) ** 2)


CROSSINGS: dict[str, Callable[[int], float]] = {"Gaussian": crossing_of_noise, "naive": crossing_of_naive}
