"""How large a distance between two samples is when there is nothing to tell apart."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import PRNGKeyArray

from ..core import check_array, check_integer, check_key


class Floor(NamedTuple):
    """Mean and standard deviation of a distance between two samples of one distribution."""

    mean: float
    std: float


def sampling_floor(
    distance: Callable[[Any, Any], float], sample: Any, n: int, key: PRNGKeyArray, repeats: int = 5
) -> Floor:
    """The value of a distance between two independent samples of size `n` of one distribution.

    A model whose samples come this close to the data cannot be told from it with `n` points.

    **Arguments:**

    - `distance`: function of two samples, such as `frechet_distance`.
    - `sample`: the distribution, as a function `(key, n) -> (n, d)`, or as data `(N, d)`, of which two disjoint random
      parts are taken each time.
    - `n`: points in each sample; `repeats`: pairs of samples, at least 2.

    **Returns:** `Floor(mean, std)` over the pairs.

    **Raises:** `ValueError` when the data has fewer than `2 n` points.

    >>> from perturbax.stats import frechet_distance
    >>> floor = sampling_floor(frechet_distance, lambda key, n: jax.random.normal(key, (n, 2)), 500, jax.random.key(0))
    >>> 0 < floor.mean < 0.05
    True
    """
    check_key("key", key)
    n, repeats = check_integer("n", n, minimum=1), check_integer("repeats", repeats, minimum=2)
    values = [float(distance(*_two_samples(sample, n, k))) for k in jax.random.split(key, repeats)]
    return Floor(float(np.mean(values)), float(np.std(values, ddof=1)))


def _two_samples(sample: Any, n: int, key: PRNGKeyArray) -> tuple[Any, Any]:
    if callable(sample):
        first, second = jax.random.split(key)
        return sample(first, n), sample(second, n)
    data = np.asarray(check_array("sample", sample))
    if data.shape[0] < 2 * n:
        raise ValueError(f"sample must hold 2 n = {2 * n} points for two disjoint parts, got {data.shape[0]}")
    order = np.asarray(jax.random.permutation(key, data.shape[0]))
    return data[order[:n]], data[order[n : 2 * n]]
