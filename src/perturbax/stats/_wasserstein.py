"""Wasserstein distances between samples: sliced, exact, and entropically regularised.

    W_p(x, y)^p = min over couplings of E|x - y|^p

On a line the best coupling matches quantiles; in the plane and beyond it is an assignment or a transport problem.
"""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PRNGKeyArray
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from ..core import check_choice, check_integer, check_key, check_number
from ._frechet import check_samples

_LARGEST_EXACT = 3000


def sliced_wasserstein(x: Any, y: Any, key: PRNGKeyArray, projections: int = 128, order: int = 2) -> float:
    """The sliced Wasserstein distance: the root mean square of `W_2` between projections onto random directions, or of
    order 1 the mean of `W_1`, in which outliers count less.

    Every projection is solved exactly by sorting; samples of different sizes are coupled along their quantiles. The
    cost is `projections * n (d + log n)`, for any `n`.

    **Arguments:** `x`, `y`: shapes `(n, d)` and `(m, d)`; `key`: draws the directions, the same for the same key;
    `projections`: how many; `order`: 2 or 1.

    **Returns:** a number, at least 0; of order 2 at most `W_2 / sqrt(d)` in expectation over directions.

    **Raises:** `ValueError` when shapes disagree, a sample is empty, a value is not finite, or for another order.

    Source: Bonneel et al. 2015.

    >>> sliced_wasserstein([[0.0], [2.0]], [[1.0], [3.0]], jax.random.key(0))
    1.0
    """
    x, y = check_samples(x, y)
    check_key("key", key)
    projections = check_integer("projections", projections, minimum=1)
    check_choice("order", order, (1, 2))
    directions = np.asarray(jax.random.normal(key, (x.shape[1], projections)), np.float64)
    directions /= np.linalg.norm(directions, axis=0)
    at_x, at_y, share = _quantile_coupling(x.shape[0], y.shape[0])
    gaps = np.sort(x @ directions, axis=0)[at_x] - np.sort(y @ directions, axis=0)[at_y]
    return float((share @ np.abs(gaps) ** order).mean() ** (1.0 / order))


def wasserstein(x: Any, y: Any, order: int = 2) -> float:
    """The exact Wasserstein distance of two samples; of order 1 also known as the earth mover's distance.

    Samples of one size are an assignment problem, whose cost grows as `n^3`; others a transport problem, solved by POT.
    The sampling error falls only as `n^(-1/d)`: read the distance beside its `sampling_floor`.

    **Arguments:** `x`, `y`: shapes `(n, d)` and `(m, d)`, at most 3000 points each; `order`: 2 or 1.

    **Returns:** a number, at least 0.

    **Raises:** `ValueError` when a sample is larger (use `sinkhorn_wasserstein` or `sliced_wasserstein`), or a value is
    not finite; `ModuleNotFoundError` when sizes differ and POT is not installed (`pip install perturbax[transport]`).

    Source: Crouse 2016 (the assignment solver, in SciPy); Bonneel et al. 2011 (the transport solver, in POT).

    >>> wasserstein([[0.0, 0.0], [1.0, 0.0]], [[1.0, 1.0], [0.0, 1.0]])
    1.0
    """
    x, y = check_samples(x, y)
    check_choice("order", order, (1, 2))
    if max(x.shape[0], y.shape[0]) > _LARGEST_EXACT:
        raise ValueError(
            f"x and y must have at most {_LARGEST_EXACT} points, got {x.shape[0]} and {y.shape[0]}; use "
            "sinkhorn_wasserstein or sliced_wasserstein for more"
        )
    cost = cdist(x, y) ** order
    equal = x.shape[0] == y.shape[0]
    return float((cost[linear_sum_assignment(cost)].mean() if equal else _transport_cost(cost)) ** (1.0 / order))


def sinkhorn_wasserstein(x: Any, y: Any, epsilon: float = 0.01, max_iterations: int = 20_000) -> float:
    """The 2-Wasserstein distance by Sinkhorn's algorithm, debiased, for samples of any sizes.

        W^2 ~ W_eps(x, y) - (W_eps(x, x) + W_eps(y, y)) / 2

    It differs from the exact distance by a term that shrinks with `epsilon`, about 1 % at the default on digits; the
    iterations grow as `1 / epsilon`.

    **Arguments:** `x`, `y`: shapes `(n, d)` and `(m, d)`; `epsilon`: entropic regularisation, as a share of the mean
    squared distance between `x` and `y`; `max_iterations`: of Sinkhorn's algorithm.

    **Returns:** a number, at least 0.

    **Raises:** `ModuleNotFoundError` when ott-jax is not installed (`pip install perturbax[transport]`); `RuntimeError`
    when the iterations do not converge; `ValueError` when shapes disagree or a value is not finite.

    Source: Genevay, Peyre & Cuturi 2018; solved by ott-jax.
    """
    x, y = check_samples(x, y)
    epsilon = check_number("epsilon", epsilon, minimum=0.0, exclusive=True)
    max_iterations = check_integer("max_iterations", max_iterations, minimum=1)
    try:
        from ott.geometry import pointcloud
        from ott.tools import sinkhorn_divergence
    except ModuleNotFoundError:
        raise ModuleNotFoundError("sinkhorn_wasserstein needs ott-jax: pip install 'perturbax[transport]'") from None
    centre = (x.mean(0) + y.mean(0)) / 2.0
    x, y = x - centre, y - centre
    # The mean squared distance over all pairs, without the pairs.
    scale = (np.square(x).sum(1).mean() + np.square(y).sum(1).mean()) - 2.0 * x.mean(0) @ y.mean(0)
    if scale == 0.0:
        return 0.0
    dtype = jax.dtypes.canonicalize_dtype(np.float64)
    divergence, output = sinkhorn_divergence.sinkhorn_divergence(
        pointcloud.PointCloud,
        jnp.asarray((x / math.sqrt(scale)).astype(dtype)),
        jnp.asarray((y / math.sqrt(scale)).astype(dtype)),
        epsilon=epsilon,
        solve_kwargs={"max_iterations": max_iterations},
    )
    if not all(output.converged):
        raise RuntimeError(f"Sinkhorn's algorithm did not converge in {max_iterations} iterations at {epsilon=}")
    return math.sqrt(max(float(divergence), 0.0) * scale)


def _transport_cost(cost: np.ndarray) -> float:
    """The smallest mean cost over couplings of uniform masses."""
    try:
        import ot
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "wasserstein of samples of different sizes needs POT: pip install 'perturbax[transport]'"
        ) from None
    masses = [np.full(size, 1.0 / size) for size in cost.shape]
    value, log = ot.emd2(*masses, cost, numItermax=10_000_000, log=True)
    if log["warning"] is not None:
        raise RuntimeError(f"the transport problem was not solved: {log['warning']}")
    return float(value)


def _quantile_coupling(n: int, m: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Which sorted points of samples of `n` and `m` share mass, and how much: the monotone coupling, exactly."""
    # Cumulative masses in units of 1 / (n m) are integers, so equal breakpoints meet exactly.
    breaks = np.union1d(np.arange(n + 1, dtype=np.int64) * m, np.arange(m + 1, dtype=np.int64) * n)
    return breaks[:-1] // m, breaks[:-1] // n, np.diff(breaks) / (n * m)
