"""Sparse direct solves of symmetric systems on the host."""

from typing import Any

import scipy.sparse
import scipy.sparse.linalg


def factor_symmetric(matrix: Any) -> Any:
    """A sparse factorisation of a symmetric positive definite matrix, by SuperLU.

    An ordering of `A + A'` and the diagonal as pivots halve the fill-in of a factorisation that suits any matrix.

    **Arguments:** `matrix`: sparse, shape `(n, n)`, float64.

    **Returns:** an object whose `solve` takes right sides of shape `(n,)` or `(n, m)`.

    **Raises:** `RuntimeError` when a pivot is exactly zero.

    >>> factor_symmetric(2.0 * scipy.sparse.eye_array(2)).solve(scipy.sparse.eye_array(2).toarray()).tolist()
    [[0.5, 0.0], [0.0, 0.5]]
    """
    options = {"SymmetricMode": True}
    matrix = scipy.sparse.csc_array(matrix)
    return scipy.sparse.linalg.splu(matrix, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options=options)
