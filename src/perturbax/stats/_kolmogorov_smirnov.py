"""The Kolmogorov-Smirnov distance of one-dimensional samples, with its sampling floor in closed form."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.stats

from ..core import check_array, check_integer
from ._sampling_floor import Floor


def kolmogorov_smirnov(x: Any, y: Any) -> float:
    """The largest distance of two distribution functions, `max_t |F(t) - G(t)|`.

    **Arguments:** `x`: shape `(n,)`, a sample; `y`: shape `(m,)`, a sample, or a distribution function of an array.

    **Returns:** a number within [0, 1].

    **Raises:** `ValueError` when a sample is empty or not finite.

    Source: Kolmogorov 1933; Smirnov 1948.

    >>> kolmogorov_smirnov([0.1, 0.2], [0.3, 0.4])
    1.0
    """
    x = np.asarray(check_array("x", x, ndim=1), np.float64)
    if isinstance(y, Callable):
        return float(scipy.stats.ks_1samp(x, lambda t: np.asarray(y(t))).statistic)
    return float(scipy.stats.ks_2samp(x, np.asarray(check_array("y", y, ndim=1), np.float64)).statistic)


def kolmogorov_smirnov_floor(n: int, m: int | None = None) -> Floor:
    """Mean and deviation of `kolmogorov_smirnov` when there is nothing to tell apart, the same for all continuous laws.

    **Arguments:** `n`: independent points of the sample; `m`: of the other one, `None` when that is a distribution
    function.

    **Returns:** `Floor(mean, std)`, exact for one sample and by the limit law for two.

    **Raises:** `ValueError`, `TypeError` when a number is not positive.

    Source: Simard & L'Ecuyer 2011 (the exact law); Smirnov 1948 (two samples).

    >>> floor = kolmogorov_smirnov_floor(10_000)
    >>> round(floor.mean, 4), round(floor.std, 4)
    (0.0087, 0.0026)
    """
    n = check_integer("n", n, minimum=1)
    if m is None and n < 10_000:
        law = scipy.stats.kstwo(n)
        return Floor(float(law.mean()), float(law.std()))
    points = n if m is None else n * m / (n + check_integer("m", m, minimum=1))
    law = scipy.stats.kstwobign
    return Floor(float(law.mean()) / math.sqrt(points), float(law.std()) / math.sqrt(points))
