"""What is known of an operator: what it does to a vector, and as far as a method asks, its entries.

Vectors are arrays of one shape, which need not be flat: a field on a grid is a vector.
"""

import abc
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import lineax
import numpy as np
import scipy.sparse
from jax.core import Tracer
from jaxtyping import Array, Bool, Float, Int

from ..core import check_array, check_integer
from ._triangular import wavefronts


class AbstractOperator(eqx.Module):
    """A square linear operator on arrays of the shape `shape`."""

    shape: eqx.AbstractVar[tuple[int, ...]]

    @abc.abstractmethod
    def __call__(self, x: Array) -> Array:
        """`A x`."""

    @abc.abstractmethod
    def diagonal(self) -> Array:
        """The diagonal, of the shape of a vector; 1 in rows that are zero."""

    @abc.abstractmethod
    def couplings(self) -> scipy.sparse.csr_array:
        """The entries off the diagonal, of flattened vectors, on the host."""

    @property
    def size(self) -> int:
        """Entries of a vector."""
        return int(np.prod(self.shape))

    @property
    def symmetric(self) -> bool | None:
        """Whether it is symmetric, `None` where that is not known."""
        return None

    def colours(self) -> Int[np.ndarray, " size"]:
        """Numbers such that no two coupled unknowns have the same one."""
        return greedy_colours(self.couplings())

    def active(self) -> Bool[Array, "..."] | None:
        """Where a vector may differ from zero; `None` for everywhere."""
        return None

    def nullspace(self) -> Float[np.ndarray, "..."]:
        """Orthonormal vectors that it maps to zero, as far as known: shape `(k, *shape)`."""
        return np.zeros((0, *self.shape))

    def matrix(self) -> scipy.sparse.csr_array:
        """All entries, of flattened vectors, on the host in float64."""
        diagonal = np.asarray(self.diagonal(), np.float64).reshape(-1)
        return scipy.sparse.csr_array(self.couplings() + scipy.sparse.diags_array(diagonal))


class MatrixFree(AbstractOperator):
    """An operator that is known only by a function.

    **Arguments:** `function`: `x -> A x`, linear and traceable; `shape`: of `x`; `diagonal_entries`: of that shape,
    for methods that ask for the diagonal.

    **Raises:** `TypeError`, `ValueError` for a function that is not callable or a diagonal of another shape.

    >>> MatrixFree(lambda x: 2.0 * x, (3,))(jnp.ones(3)).tolist()
    [2.0, 2.0, 2.0]
    """

    function: Callable[[Any], Any]
    shape: tuple[int, ...]
    diagonal_entries: Any

    def __init__(self, function: Callable[[Any], Any], shape: tuple[int, ...], diagonal_entries: Any = None):
        if not callable(function):
            raise TypeError(f"function must be callable as function(x), got {type(function).__name__}")
        self.function = function
        self.shape = tuple(check_integer("shape", size, minimum=1) for size in shape)
        self.diagonal_entries = diagonal_entries
        if diagonal_entries is not None:
            self.diagonal_entries = check_array("diagonal_entries", diagonal_entries, shape=self.shape)

    def __call__(self, x: Array) -> Array:
        return self.function(x)

    def diagonal(self) -> Array:
        if self.diagonal_entries is None:
            raise ValueError("operator must tell its diagonal for this method: give diagonal_entries to MatrixFree")
        return self.diagonal_entries

    def couplings(self) -> scipy.sparse.csr_array:
        raise ValueError("operator must have entries for this method, got a MatrixFree function")


class LineaxOperator(AbstractOperator):
    """An operator of Lineax from arrays of one shape to arrays of the same shape.

    **Arguments:** `operator`: a `lineax.AbstractLinearOperator`.

    **Raises:** `ValueError` when it is not square or acts on trees of arrays.

    >>> LineaxOperator(lineax.DiagonalLinearOperator(jnp.array([1.0, 2.0])))(jnp.ones(2)).tolist()
    [1.0, 2.0]
    """

    operator: lineax.AbstractLinearOperator
    shape: tuple[int, ...]

    def __init__(self, operator: lineax.AbstractLinearOperator):
        ends = operator.in_structure(), operator.out_structure()
        if not all(isinstance(end, jax.ShapeDtypeStruct) for end in ends) or ends[0].shape != ends[1].shape:
            raise ValueError(f"operator must map arrays of one shape to that shape, got {ends[0]} to {ends[1]}")
        self.operator, self.shape = operator, ends[0].shape

    @property
    def symmetric(self) -> bool | None:
        if lineax.is_symmetric(self.operator):
            return True
        if isinstance(self.operator, lineax.MatrixLinearOperator) and not isinstance(self.operator.matrix, Tracer):
            matrix = np.asarray(self.operator.matrix)
            return is_symmetric(matrix)
        return None

    def __call__(self, x: Array) -> Array:
        return self.operator.mv(x)

    def diagonal(self) -> Array:
        diagonal = lineax.diagonal(self.operator).reshape(self.shape)
        return jnp.where(diagonal == 0.0, 1.0, diagonal)

    def couplings(self) -> scipy.sparse.csr_array:
        matrix = np.array(self.operator.as_matrix(), np.float64)
        np.fill_diagonal(matrix, 0.0)
        return scipy.sparse.csr_array(matrix)


class Dense(AbstractOperator):
    """A square matrix, of flat vectors.

    **Arguments:** `entries`: real, shape `(n, n)`.

    **Raises:** `TypeError`, `ValueError` when it is not square, real or finite.

    >>> Dense(np.array([[1.0, 2.0], [2.0, 1.0]]))(jnp.ones(2)).tolist()
    [3.0, 3.0]
    """

    entries: Any
    shape: tuple[int, ...]

    def __init__(self, entries: Any):
        self.entries = check_array("operator", entries, ndim=2)
        rows, columns = self.entries.shape
        if rows != columns:
            raise ValueError(f"operator must be square, got shape {(rows, columns)}")
        self.shape = (rows,)

    @property
    def symmetric(self) -> bool | None:
        return None if isinstance(self.entries, Tracer) else is_symmetric(np.asarray(self.entries))

    def __call__(self, x: Array) -> Array:
        return self.entries @ x

    def diagonal(self) -> Array:
        diagonal = jnp.diagonal(self.entries)
        return jnp.where(diagonal == 0.0, 1.0, diagonal)

    def couplings(self) -> scipy.sparse.csr_array:
        entries = np.array(self.entries, np.float64)
        np.fill_diagonal(entries, 0.0)
        return scipy.sparse.csr_array(entries)


def is_symmetric(matrix: Any) -> bool:
    """Up to rounding, of a dense or sparse matrix on the host."""
    difference, scale = abs(matrix - matrix.T).max(), abs(matrix).max()
    # The rounding of float32, in which many a matrix was assembled.
    return bool(difference <= 1e-6 * scale)


def greedy_colours(couplings: scipy.sparse.csr_array) -> Int[np.ndarray, " size"]:
    """Every row gets the smallest number that no earlier neighbour has; wavefronts of rows at a time."""
    lower = scipy.sparse.csr_array(scipy.sparse.tril(couplings + couplings.T, -1))
    colours = np.zeros(lower.shape[0], np.int64)
    for rows in wavefronts(lower):
        counts = np.diff(lower.indptr)[rows]
        owner = np.repeat(np.arange(rows.size), counts)
        first = np.repeat(lower.indptr[rows] - np.cumsum(counts) + counts, counts)
        neighbour = colours[lower.indices[first + np.arange(owner.size)]]
        taken = np.zeros((rows.size, int(counts.max(initial=0)) + 2), bool)
        inside = neighbour < taken.shape[1]
        taken[owner[inside], neighbour[inside]] = True
        colours[rows] = np.argmin(taken, axis=1)
    return colours
