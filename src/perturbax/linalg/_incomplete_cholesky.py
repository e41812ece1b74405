"""Incomplete Cholesky factorisation without fill, IC(0).

`M = L L^T` where `L` has the pattern of the lower triangle of `A` and `(L L^T)_ij = A_ij` on it. These equations,

    L_ij = (A_ij - sum_{k < j} L_ik L_jk) / L_jj,        L_ii = sqrt(A_ii - sum_{k < i} L_ik^2)

are taken as a fixed-point iteration on all entries at once (Chow & Patel 2015): an entry is exact as soon as those that
it depends on are, so that the iteration ends with the factor itself.
"""

import jax.numpy as jnp
import numpy as np
import scipy.sparse
from jaxtyping import Array, Float

from ..core import check_instance
from ._operator import AbstractOperator
from ._preconditioner import AbstractInverse, AbstractOrdering, AbstractPreconditioner, Natural
from ._triangular import Triangle, in_levels


class IncompleteCholesky(AbstractPreconditioner):
    """Incomplete Cholesky factorisation without fill, also known as IC(0) or ICCG(0) with conjugate gradients.

    **Arguments:** `ordering`: of the unknowns; the natural one needs fewer iterations, `RedBlack()` makes cheaper ones.

    **Raises:** `TypeError` for another ordering; in use `ValueError` when a pivot is not positive. M-matrices, such as
    those of `Poisson`, have no such pivot.

    Source: Meijerink & van der Vorst 1977, An iterative solution method for linear systems of which the coefficient
    matrix is a symmetric M-matrix.

    >>> from perturbax import linalg
    >>> system = linalg.LinearSystem(np.array([[4.0, 1.0], [1.0, 3.0]]), np.ones(2))
    >>> int(linalg.solve(system, linalg.PCG(linalg.IncompleteCholesky())).iterations)
    1
    """

    ordering: AbstractOrdering = Natural()

    def __check_init__(self):
        check_instance("ordering", self.ordering, AbstractOrdering, "an ordering such as RedBlack()")

    def prepare(self, operator: AbstractOperator) -> AbstractInverse:
        place = self.ordering.places(operator)
        # A stable sort keeps the rows of one colour in their order.
        order = np.argsort(place, kind="stable")
        matrix = operator.matrix()[order][:, order]
        factor = incomplete_cholesky(scipy.sparse.csr_array(matrix))
        diagonal = factor.diagonal()
        strict = scipy.sparse.csr_array(scipy.sparse.tril(factor, -1))
        dtype = jnp.result_type(float)
        return _Factor(
            in_levels(strict, dtype),
            in_levels(scipy.sparse.csr_array(strict.T), dtype),
            jnp.asarray(diagonal.astype(np.dtype(dtype))),
            jnp.asarray(order),
        )


class _Factor(AbstractInverse):
    lower: Triangle
    upper: Triangle
    diagonal: Float[Array, " size"]
    order: Array

    def __call__(self, r: Array) -> Array:
        y = self.lower.solve(self.diagonal, r.reshape(-1)[self.order])
        z = self.upper.solve(self.diagonal, y)
        return jnp.zeros_like(z).at[self.order].set(z, unique_indices=True).reshape(r.shape)


def incomplete_cholesky(matrix: scipy.sparse.csr_array) -> scipy.sparse.csr_array:
    """The factor `L` of a symmetric matrix on the host.

    **Raises:** `ValueError` when a pivot is not positive.
    """
    size = matrix.shape[0]
    lower = scipy.sparse.csc_array(scipy.sparse.tril(matrix))
    lower.sort_indices()
    column = np.repeat(np.arange(size), np.diff(lower.indptr))
    row = lower.indices.astype(np.int64)
    place = column * size + row
    on_diagonal = row == column
    diagonal_of = np.flatnonzero(on_diagonal)
    first, second, target = _products(lower, row, place, size)
    values, pivots = np.where(on_diagonal, 1.0, 0.0), np.ones(size)
    # Chains of dependence are no longer than the rows; ever the same values end the loop long before.
    for _ in range(2 * size + 2):
        left = lower.data - np.bincount(target, values[first] * values[second], minlength=row.size)
        pivots = left[diagonal_of]
        roots = np.sqrt(np.maximum(pivots, np.finfo(float).tiny))
        new = np.where(on_diagonal, roots[column], left / roots[column])
        change = np.abs(new - values).max()
        values = new
        if change <= 1e-15 * np.abs(new).max():
            break
    if pivots.min() <= 0.0 or not np.isfinite(values).all():
        bad = int(np.argmin(np.where(np.isfinite(pivots), pivots, -np.inf)))
        raise ValueError(
            f"operator must have positive pivots for IncompleteCholesky, got {pivots[bad]:.3g} in row {bad}: it is not "
            "positive definite, or no M-matrix; try SSOR or AMG"
        )
    return scipy.sparse.csr_array(scipy.sparse.csc_array((values, lower.indices, lower.indptr), shape=matrix.shape))


def _products(
    lower: scipy.sparse.csc_array, row: np.ndarray, place: np.ndarray, size: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All `(L_ik, L_jk, L_ij)` with `k < j <= i` in the pattern, as positions of entries."""
    # The diagonal comes first in each column; the entries below it meet in pairs.
    starts, ends = lower.indptr[:-1] + 1, lower.indptr[1:]
    counts = (ends - starts).astype(np.int64)
    begin = np.repeat(starts, counts**2)
    inside = np.arange(begin.size) - np.repeat(np.cumsum(counts**2) - counts**2, counts**2)
    width = np.repeat(counts, counts**2)
    first, second = begin + inside // np.maximum(width, 1), begin + inside % np.maximum(width, 1)
    kept = row[first] >= row[second]
    first, second = first[kept], second[kept]
    wanted = row[second] * size + row[first]
    target = np.searchsorted(place, wanted)
    found = (target < place.size) & (place[np.minimum(target, place.size - 1)] == wanted)
    return first[found], second[found], target[found]
