"""The posterior of a Gaussian mixture given linear measurements `y = A x + n`, `n ~ N(0, variance I)`.

With `S_k = A C_k A' + variance I` and the gain `G_k = C_k A' S_k^{-1}`, component `k` becomes

    N(mu_k + G_k (y - A mu_k), C_k - G_k A C_k),   weight proportional to w_k N(y; A mu_k, S_k).
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core import check_array, check_instance, check_number
from ._gaussian_mixture import GaussianMixture
from ._settle import settled, settled_scale


def linear_posterior(
    mixture: GaussianMixture, operator: Any, y: Any, variance: float | int | Float[Array, ""]
) -> GaussianMixture:
    """The mixture given `y = A x + n`: again a mixture, exactly.

    For a batch of measurements use `vmap` over `y`; the covariances do not depend on it and are computed once.
    Measurements without noise leave no variance along them, so that such a posterior has no density.

    **Arguments:** `mixture`: the prior; `operator`: `A`, real, shape `(m, d)`; `y`: shape `(m,)`, may be traced;
    `variance`: of the noise, at least 0, and positive where rows of `A` depend on each other.

    **Returns:** a `GaussianMixture` with full covariances.

    **Raises:** `TypeError` when `mixture` is something else; `ValueError` when shapes disagree or `variance` is
    negative.

    Source: Bishop 2006 (linear Gaussian models), for every component.

    >>> mixture = GaussianMixture([1.0], [[0.0, 0.0]], [[[1.0, 0.5], [0.5, 1.0]]])
    >>> linear_posterior(mixture, [[1.0, 0.0]], [2.0], variance=1.0).mean.round(3).tolist()
    [1.0, 0.5]
    """
    check_instance("mixture", mixture, GaussianMixture, "a stats.GaussianMixture")
    A = settled(check_array("operator", operator, shape=(None, mixture.means.shape[1])))
    y = settled(check_array("y", y, shape=(A.shape[0],)))
    noise = settled_scale("variance", check_number("variance", variance, minimum=0.0), y[0])
    return _linear_posterior(mixture, A, y, noise)


@eqx.filter_jit
def _linear_posterior(mixture: GaussianMixture, A: Array, y: Array, variance: Array) -> GaussianMixture:
    covariances = mixture.covariances
    if mixture.eigenvectors is None:
        covariances = jax.vmap(jnp.diag)(covariances)
    cross = covariances @ A.T
    roots = jnp.linalg.cholesky(A @ cross + variance * jnp.eye(A.shape[0], dtype=A.dtype))
    offsets = y - mixture.means @ A.T
    solve = jax.vmap(lambda root, right: jax.scipy.linalg.solve_triangular(root, right, lower=True))
    halves = solve(roots, offsets)
    log_determinants = jnp.log(jnp.diagonal(roots, axis1=1, axis2=2)).sum(-1)
    weights = jax.nn.softmax(jnp.log(mixture.weights) - 0.5 * jnp.square(halves).sum(-1) - log_determinants)
    # G = cross S^{-1} = (L^{-1} cross')' L^{-1}, in the form that keeps the covariance symmetric.
    across = solve(roots, jnp.swapaxes(cross, 1, 2))
    means = mixture.means + jnp.einsum("kmd,km->kd", across, halves)
    left = covariances - jnp.einsum("kmi,kmj->kij", across, across)
    eigenvalues, eigenvectors = jnp.linalg.eigh((left + left.swapaxes(1, 2)) / 2)
    # Parts that are decomposed already; the constructor would do it again, and on the host.
    return eqx.tree_at(
        lambda m: (m.weights, m.means, m.eigenvalues, m.eigenvectors),
        mixture,
        (weights, means, jnp.maximum(eigenvalues, 0.0), eigenvectors),
        is_leaf=lambda leaf: leaf is None,
    )
