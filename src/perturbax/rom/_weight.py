"""Inner products `<u, v>_W = u W v'` of fields that lie in rows, and rows made orthonormal in them.

Vectors are rows everywhere in this package: `x` of shape `(m, n)` holds `m` fields of `n` values.
"""

import abc
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import scipy.sparse
from jaxtyping import Array, Float

from ..core import check_array, float64


class AbstractWeight(eqx.Module):
    """A symmetric positive definite matrix `W`, known by its products."""

    @abc.abstractmethod
    def times(self, x: Any) -> Any:
        """`x W` for rows `x` of shape `(..., n)`."""

    @abc.abstractmethod
    def orthonormalise(self, x: Any) -> tuple[Float[Array, "*batch p n"], Float[Array, "*batch p m"]]:
        """`Q` and `R` with `x = R' Q` and `Q W Q' = I`, for rows `x` of shape `(..., m, n)`; `p = min(m, n)`.

        **Raises:** `ValueError` when `W` is not positive definite on the rows.
        """


class Diagonal(AbstractWeight):
    """A weight for each value, such as the volumes of cells; all ones for `None`."""

    entries: Float[np.ndarray, " n"] | None = None

    def times(self, x: Any) -> Any:
        return x if self.entries is None else x * self.entries

    def orthonormalise(self, x: Any) -> tuple[Float[Array, "*batch p n"], Float[Array, "*batch p m"]]:
        with float64():
            if self.entries is None:
                return _qr(jnp.asarray(x))
            root = jnp.sqrt(jnp.asarray(self.entries))
            q, r = _qr(jnp.asarray(x) * root)
            return q / root, r


class Operator(AbstractWeight):
    """A matrix by its products with a batch of rows on the host: a sparse mass matrix, or a user's own function.

    A QR decomposition without `W`, then a Cholesky factor of `Q W Q'`: what is small is lost to the condition of `W`
    only, not to the square of that of the rows.
    """

    product: Callable[[Any], Any]

    def times(self, x: Any) -> Any:
        rows = np.asarray(x, np.float64)
        flat = rows.reshape(-1, rows.shape[-1])
        return check_array("the product with weight", np.asarray(self.product(flat)), shape=flat.shape).reshape(
            rows.shape
        )

    def orthonormalise(self, x: Any) -> tuple[Float[Array, "*batch p n"], Float[Array, "*batch p m"]]:
        with float64():
            q, r = _qr(jnp.asarray(x))
            q, r = _whiten(q, jnp.asarray(self.times(q)), r)
            if not bool(jnp.isfinite(r).all()):
                raise ValueError("weight must be positive definite, its product with the snapshots is not")
            return q, r


class SparseProduct(eqx.Module):
    """Products of rows with a sparse symmetric matrix."""

    matrix: Any

    def __call__(self, x: Any) -> Any:
        return (self.matrix @ x.T).T


def settle_weight(weight: Any, size: int) -> AbstractWeight:
    """A weight from `None`, an array of positive entries, a sparse symmetric matrix or a function of rows.

    **Raises:** `ValueError` for another shape, entries that are not positive, or a matrix that is not symmetric;
    `TypeError` for anything else.
    """
    if weight is None or isinstance(weight, AbstractWeight):
        settled = Diagonal() if weight is None else weight
        if isinstance(settled, Diagonal) and settled.entries is not None and settled.entries.size != size:
            raise ValueError(f"weight must have shape ({size},), got {settled.entries.shape}")
        return settled
    if scipy.sparse.issparse(weight):
        matrix = scipy.sparse.csr_array(weight, dtype=np.float64)
        if matrix.shape != (size, size):
            raise ValueError(f"weight must have shape ({size}, {size}), got {matrix.shape}")
        entries = check_array("weight", matrix.data, nonempty=False)
        diagonal = matrix.diagonal()
        gap = abs(matrix - matrix.T).max() if entries.size else 0.0
        if diagonal.min() <= 0.0 or gap > 1e-10 * diagonal.max():
            raise ValueError(
                f"weight must be symmetric and positive definite, got a smallest diagonal entry of "
                f"{diagonal.min():.3g} and an asymmetry of {gap:.3g}"
            )
        return Operator(SparseProduct(matrix))
    if callable(weight):
        return Operator(weight)
    entries = np.asarray(check_array("weight", weight, shape=(size,)), np.float64)
    if entries.min() <= 0.0:
        raise ValueError(f"weight must be positive, got {entries.min():.3g}")
    return Diagonal(entries)


@jax.jit
def _qr(x: Float[Array, "*batch m n"]) -> tuple[Float[Array, "*batch p n"], Float[Array, "*batch p m"]]:
    q, r = jnp.linalg.qr(jnp.swapaxes(x, -1, -2))
    return jnp.swapaxes(q, -1, -2), r


@jax.jit
def _whiten(q: Float[Array, "*batch p n"], wq: Float[Array, "*batch p n"], r: Float[Array, "*batch p m"]) -> Any:
    gram = q @ jnp.swapaxes(wq, -1, -2)
    factor = jnp.linalg.cholesky((gram + jnp.swapaxes(gram, -1, -2)) / 2.0)
    return jax.scipy.linalg.solve_triangular(factor, q, lower=True), jnp.swapaxes(factor, -1, -2) @ r
