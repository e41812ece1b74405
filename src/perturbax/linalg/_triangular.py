"""Triangular solves in wavefronts: rows that do not depend on each other are solved together.

For `L y = r` with a lower triangle `L`, row `i` waits for the rows `j` with `L_ij != 0`. Its level is one more than the
largest of theirs, and all rows of a level are solved in one step. In the order of the grid the levels are diagonals;
in the red-black order there are two. Anderson & Saad 1989, "level scheduling".
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import scipy.sparse
from jaxtyping import Array, Float, Int


class Triangle(eqx.Module):
    """A strict triangle, its rows grouped by levels: all arrays have shape `(levels, width)` or that and the longest
    row. Places that hold no row point behind the vector."""

    rows: Int[Array, "levels width"]
    columns: Int[Array, "levels width longest"]
    entries: Float[Array, "levels width longest"]

    def solve(self, diagonal: Float[Array, " size"], right: Float[Array, " size"]) -> Float[Array, " size"]:
        """`y` with `(diag(d) + T) y = r`, in levels."""
        size = right.shape[0]
        padded = jnp.concatenate([right, jnp.zeros(1, right.dtype)])
        inverse = jnp.concatenate([1.0 / diagonal, jnp.zeros(1, right.dtype)])

        def level(i: Any, y: Array) -> Array:
            rows, columns, entries = self.rows[i], self.columns[i], self.entries[i]
            known = jnp.sum(entries * y.at[columns].get(mode="promise_in_bounds"), 1)
            new = (padded.at[rows].get(mode="promise_in_bounds") - known) * inverse[rows]
            return y.at[rows].set(new, mode="promise_in_bounds")

        start = jnp.zeros(size + 1, right.dtype)
        return jax.lax.fori_loop(0, self.rows.shape[0], level, start)[:size]


def wavefronts(triangle: scipy.sparse.csr_array) -> list[Int[np.ndarray, " rows"]]:
    """The rows of a strict triangle by level. `L_ij` with `j > i` is as good: only who waits for whom counts."""
    size = triangle.shape[0]
    waits_for = np.diff(triangle.indptr).copy()
    followers = scipy.sparse.csc_array(triangle)
    front, levels = np.flatnonzero(waits_for == 0), []
    while front.size:
        levels.append(front)
        starts, ends = followers.indptr[front], followers.indptr[front + 1]
        counts = ends - starts
        at = np.repeat(starts - np.concatenate([[0], np.cumsum(counts)[:-1]]), counts) + np.arange(counts.sum())
        rows, times = np.unique(followers.indices[at], return_counts=True)
        waits_for[rows] -= times
        front = rows[waits_for[rows] == 0]
    assert sum(front.size for front in levels) == size
    return levels


def in_levels(triangle: scipy.sparse.csr_array, dtype: Any) -> Triangle:
    """A strict triangle of any order of its rows, grouped.

    Levels that are much wider than the mean are cut, so that the padding stays below three times the rows.
    """
    triangle = scipy.sparse.csr_array(triangle)
    fronts = wavefronts(triangle)
    size = triangle.shape[0]
    width = min(max(front.size for front in fronts), max(1, 2 * -(-size // len(fronts))))
    pieces = [front[i : i + width] for front in fronts for i in range(0, front.size, width)]
    counts = np.diff(triangle.indptr)
    longest = max(1, int(counts.max(initial=0)))
    rows = np.full((len(pieces), width), size, np.int32)
    for i, piece in enumerate(pieces):
        rows[i, : piece.size] = piece
    inside = np.concatenate([counts, [0]])[rows]
    place = np.arange(longest)
    filled = place < inside[..., None]
    first = np.concatenate([triangle.indptr[:-1], [0]])[rows]
    at = np.where(filled, first[..., None] + place, 0)
    data = triangle.data if triangle.nnz else np.zeros(1)
    indices = triangle.indices if triangle.nnz else np.zeros(1, np.int32)
    columns = np.where(filled, indices[at], size).astype(np.int32)
    entries = np.where(filled, data[at], 0.0)
    return Triangle(jnp.asarray(rows), jnp.asarray(columns), jnp.asarray(entries.astype(np.dtype(dtype))))


def split(
    couplings: scipy.sparse.csr_array, place: Int[np.ndarray, " size"]
) -> tuple[scipy.sparse.csr_array, scipy.sparse.csr_array]:
    """The couplings to what comes earlier and to what comes later, when row `i` has the place `place[i]`; rows with the
    same place must not be coupled."""
    coo = couplings.tocoo()
    earlier = place[coo.col] < place[coo.row]

    def part(chosen: np.ndarray) -> scipy.sparse.csr_array:
        entries = (coo.data[chosen], (coo.row[chosen], coo.col[chosen]))
        return scipy.sparse.csr_array(entries, shape=couplings.shape)

    return part(earlier), part(~earlier)
