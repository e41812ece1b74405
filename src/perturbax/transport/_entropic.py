"""Discrete entropic optimal transport between two samples, by ott-jax."""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int


def entropic_potential(
    x: Array, y: Array, epsilon: Any, *, max_iterations: int, tolerance: float
) -> tuple[Float[Array, " m"], Bool[Array, ""], Int[Array, ""]]:
    r"""The dual potential of the second sample for the cost `|x - y|^2 / 2`, over `epsilon`.

    The plan is `P_ij = softmax_j(g_j / eps - |x_i - y_j|^2 / (2 eps)) / n`. Can be called inside of `jit`.

    **Arguments:** `x`, `y`: shapes `(n, d)` and `(m, d)`; `epsilon`; `max_iterations`: of Sinkhorn's algorithm;
    `tolerance`: the L1 error of a marginal at which it stops.

    **Returns:** `g / eps`, whether it converged, and the iterations made.

    **Raises:** `ModuleNotFoundError` when ott-jax is not installed.
    """
    try:
        from ott.geometry import pointcloud
        from ott.solvers import linear
    except ModuleNotFoundError:
        raise ModuleNotFoundError("entropic transport needs ott-jax: pip install 'perturbax[transport]'") from None
    # Its cost is |x - y|^2, twice ours.
    geometry = pointcloud.PointCloud(x, y, epsilon=2.0 * epsilon)
    rounded = -(-max_iterations // 10) * 10
    solved = linear.solve(geometry, threshold=tolerance, max_iterations=rounded, inner_iterations=10)
    return solved.g / (2.0 * epsilon), jnp.asarray(solved.converged), jnp.asarray(solved.n_iters)
