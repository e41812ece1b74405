"""Sparse matrices of a user, on the device.

Rows are stored side by side with a common number of entries (the ELLPACK format), so that `A x` is a gather and a sum.
What does not fit, in the few rows that are much longer than the mean, is a list of entries (Bell & Garland 2009, HYB).
"""

import gzip
import os
import zipfile
import zlib
from pathlib import Path
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import scipy.io
import scipy.sparse
from jaxtyping import Array, Bool, Float

from ..core import check_array
from ._operator import AbstractOperator, is_symmetric

# What NumPy, SciPy, zipfile and gzip raise for files that are cut short, altered or of another kind.
_DAMAGE = (ValueError, KeyError, EOFError, OverflowError, zipfile.BadZipFile, gzip.BadGzipFile, zlib.error)


class SideBySide(eqx.Module):
    """A sparse matrix, also rectangular, with the entries of its rows side by side and the rest of long rows apart."""

    entries: Any
    columns: Any
    long_rows: Any
    long_columns: Any
    long_entries: Any

    def __call__(self, x: Float[Array, " columns"]) -> Float[Array, " rows"]:
        y = jnp.sum(self.entries * x.at[self.columns].get(mode="promise_in_bounds"), 1)
        if self.long_rows.size:
            y = y.at[self.long_rows].add(self.long_entries * x[self.long_columns])
        return y

    def listed(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Rows, columns and entries on the host, with zeros among them."""
        entries, columns = np.asarray(self.entries, np.float64), np.asarray(self.columns)
        rows = np.broadcast_to(np.arange(len(columns))[:, None], columns.shape)
        return (
            np.concatenate([rows.reshape(-1), np.asarray(self.long_rows)]),
            np.concatenate([columns.reshape(-1), np.asarray(self.long_columns)]),
            np.concatenate([entries.reshape(-1), np.asarray(self.long_entries, np.float64)]),
        )


def side_by_side(matrix: Any) -> SideBySide:
    """Rows longer than about twice the mean are cut."""
    csr = scipy.sparse.csr_array(matrix)
    counts = np.diff(csr.indptr)
    width = max(1, int(min(counts.max(initial=0), 2 * np.ceil(counts.mean()) + 8)))
    row = np.repeat(np.arange(csr.shape[0]), counts)
    place = np.arange(csr.nnz) - csr.indptr[row]
    short = place < width
    entries, columns = np.zeros((csr.shape[0], width)), np.zeros((csr.shape[0], width), np.int32)
    entries[row[short], place[short]] = csr.data[short]
    columns[row[short], place[short]] = csr.indices[short]
    rest = (row[~short].astype(np.int32), csr.indices[~short].astype(np.int32), csr.data[~short].astype(np.float64))
    return SideBySide(entries, columns, *rest)


class Sparse(AbstractOperator):
    """A sparse matrix, of vectors that are flat or lie on a grid.

    **Arguments:**

    - `matrix`: square, of SciPy's sparse kinds, real.
    - `mask`: booleans of the shape of a grid, `True` for as many cells as the matrix has rows, which it numbers in
      C order. Vectors are then fields on the grid, zero where the mask is `False`.

    **Raises:** `TypeError`, `ValueError` when the matrix is not sparse, square, real or finite, or does not fit the
    mask.

    >>> matrix = scipy.sparse.csr_array(np.array([[2.0, -1.0], [-1.0, 2.0]]))
    >>> Sparse(matrix)(jnp.array([1.0, 0.0])).tolist()
    [2.0, -1.0]
    """

    rows: SideBySide
    inside: Any
    shape: tuple[int, ...]
    symmetric_entries: bool

    def __init__(self, matrix: Any, mask: Any = None):
        csr = _checked(matrix)
        self.inside = None
        self.shape = (csr.shape[0],)
        if mask is not None:
            mask = np.asarray(check_array("mask", mask, kind="any"), bool)
            if mask.sum() != csr.shape[0]:
                raise ValueError(f"mask must be True for the {csr.shape[0]} rows of matrix, got {mask.sum()}")
            at = np.flatnonzero(mask.reshape(-1))
            coo = csr.tocoo()
            csr = scipy.sparse.csr_array((coo.data, (at[coo.row], at[coo.col])), shape=(mask.size, mask.size))
            self.inside, self.shape = mask, mask.shape
        self.rows = side_by_side(csr)
        self.symmetric_entries = is_symmetric(csr)

    @classmethod
    def read(cls, path: str | os.PathLike[str], mask: Any = None) -> "Sparse":
        """A Matrix-Market file (`.mtx`, also `.mtx.gz`) or a file of `scipy.sparse.save_npz`; nothing is unpickled.

        **Raises:** `ValueError` when the file holds no such matrix, `OSError` when it cannot be read.
        """
        path = Path(path)
        try:
            matrix = scipy.sparse.load_npz(path) if path.suffix == ".npz" else scipy.io.mmread(path)
        except _DAMAGE as error:
            raise ValueError(f"{path} is no readable sparse matrix (.mtx or .npz): {error}") from None
        return cls(scipy.sparse.csr_array(matrix), mask)

    @property
    def symmetric(self) -> bool | None:
        return self.symmetric_entries

    def __call__(self, x: Array) -> Array:
        return self.rows(x.reshape(-1)).reshape(x.shape)

    def diagonal(self) -> Array:
        rows = self.rows
        diagonal = jnp.sum(jnp.where(rows.columns == jnp.arange(self.size)[:, None], rows.entries, 0.0), 1)
        if rows.long_rows.size:
            on = jnp.where(rows.long_rows == rows.long_columns, rows.long_entries, 0.0)
            diagonal = diagonal.at[rows.long_rows].add(on)
        return jnp.where(diagonal == 0.0, 1.0, diagonal).reshape(self.shape)

    def couplings(self) -> scipy.sparse.csr_array:
        row, column, data = self.rows.listed()
        off = (row != column) & (data != 0.0)
        return scipy.sparse.csr_array((data[off], (row[off], column[off])), shape=(self.size, self.size))

    def active(self) -> Bool[Array, "..."] | None:
        return None if self.inside is None else jnp.asarray(self.inside)


def _checked(matrix: Any) -> scipy.sparse.csr_array:
    if not scipy.sparse.issparse(matrix):
        raise TypeError(f"matrix must be a sparse matrix of SciPy, got {type(matrix).__name__}")
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or matrix.shape[0] == 0:
        raise ValueError(f"matrix must be square, got shape {matrix.shape}")
    if matrix.dtype.kind not in "fiu":
        raise TypeError(f"matrix must be real, got dtype {matrix.dtype}")
    csr = scipy.sparse.csr_array(matrix).astype(np.float64)
    csr.sum_duplicates()
    if not np.isfinite(csr.data).all():
        raise ValueError("matrix must be finite, got NaN or infinite entries")
    return csr
