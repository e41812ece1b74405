"""The sliced Wasserstein distance of order 1, the mean over directions of the earth mover's distance on a line."""

from typing import Any

import jax
import numpy as np
from jaxtyping import PRNGKeyArray

from ..core import check_integer, check_key
from ._frechet import check_samples
from ._wasserstein import _quantile_coupling


def sliced_wasserstein_1(x: Any, y: Any, key: PRNGKeyArray, projections: int = 128) -> float:
    """The sliced 1-Wasserstein distance: the mean of `W_1` between projections onto random directions.

    Not to be confused with `sliced_wasserstein`, a root mean square of `W_2`, in which outliers count more. Every
    projection is solved exactly by sorting; samples of different sizes are coupled along their quantiles.

    **Arguments:** `x`, `y`: shapes `(n, d)` and `(m, d)`; `key`: draws the directions, the same for the same key;
    `projections`: how many.

    **Returns:** a number, at least 0. Its sampling error falls as `n^(-1/2)` in any dimension.

    **Raises:** `ValueError` when shapes disagree, a sample is empty or a value is not finite.

    Source: Bonneel et al. 2015 (the sliced distance).

    >>> sliced_wasserstein_1([[0.0], [2.0]], [[1.0], [5.0]], jax.random.key(0))
    2.0
    """
    x, y = check_samples(x, y)
    check_key("key", key)
    projections = check_integer("projections", projections, minimum=1)
    directions = np.asarray(jax.random.normal(key, (x.shape[1], projections)), np.float64)
    directions /= np.linalg.norm(directions, axis=0)
    at_x, at_y, share = _quantile_coupling(x.shape[0], y.shape[0])
    gaps = np.sort(x @ directions, axis=0)[at_x] - np.sort(y @ directions, axis=0)[at_y]
    return float((share @ np.abs(gaps)).mean())
