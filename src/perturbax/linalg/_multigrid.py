"""Algebraic multigrid as a preconditioner: the hierarchy is PyAMG's, the cycle is compiled here.

A V-cycle for `A e = r` with the prolongation `P` and symmetric Gauss-Seidel smoothing, in red-black order:

    e = (D + L)^-1 r;   e <- e + P cycle(P^T (r - A e));   e <- e + (D + U)^-1 (r - A e)

which is symmetric, and exact on the coarsest grid.
"""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import scipy.sparse
from jaxtyping import Array

from ..core import check_integer, settle_arrays
from ._operator import AbstractOperator, greedy_colours
from ._preconditioner import AbstractInverse, AbstractPreconditioner, Sweep, sweep_of
from ._sparse import SideBySide, Sparse, side_by_side


class AMG(AbstractPreconditioner):
    """Smoothed-aggregation algebraic multigrid, with PyAMG for the setup.

    **Arguments:** `max_coarse`: the size of a grid that is solved directly.

    **Raises:** `ValueError` when `max_coarse` is smaller than 1; in use `ModuleNotFoundError` without PyAMG.

    Source: Vanek, Mandel & Brezina 1996, Algebraic multigrid by smoothed aggregation; Bell, Olson, Schroder &
    Southworth 2023, PyAMG.

    >>> AMG(max_coarse=10).symmetric
    True
    """

    max_coarse: int = 100

    def __check_init__(self):
        check_integer("max_coarse", self.max_coarse, minimum=1)

    def prepare(self, operator: AbstractOperator) -> AbstractInverse:
        active = operator.active()
        inside = np.ones(operator.size, bool) if active is None else np.asarray(active).reshape(-1)
        matrix = operator.matrix()[inside][:, inside]
        levels = _hierarchy(scipy.sparse.csr_matrix(matrix), self.max_coarse)
        made = [_level(level) for level in levels[:-1]]
        coarse = np.linalg.pinv(levels[-1].A.toarray(), hermitian=True)
        return settle_arrays(_Cycle(tuple(made), coarse, np.flatnonzero(inside)))


class _Level(eqx.Module):
    operator: Sparse
    sweep: Sweep
    prolongation: SideBySide
    restriction: SideBySide


class _Cycle(AbstractInverse):
    levels: tuple[_Level, ...]
    coarse: Any
    inside: Any

    def __call__(self, r: Array) -> Array:
        flat = r.reshape(-1)
        e = self._cycle(0, flat[self.inside])
        return jnp.zeros_like(flat).at[self.inside].set(e, unique_indices=True).reshape(r.shape)

    def _cycle(self, depth: int, r: Array) -> Array:
        if depth == len(self.levels):
            return self.coarse @ r
        level = self.levels[depth]
        e = level.sweep.forward(r)
        e = e + level.prolongation(self._cycle(depth + 1, level.restriction(r - level.operator(e))))
        return e + level.sweep.backward(r - level.operator(e))


def _level(level: Any) -> _Level:
    matrix = scipy.sparse.csr_array(level.A)
    operator = Sparse(matrix)
    couplings = operator.couplings()
    places = greedy_colours(couplings)
    sweep = sweep_of(couplings, places, jnp.asarray(matrix.diagonal().astype(np.dtype(jnp.result_type(float)))), 1.0)
    return _Level(operator, sweep, side_by_side(level.P), side_by_side(level.R))


def _hierarchy(matrix: Any, max_coarse: int) -> list[Any]:
    try:
        import pyamg
    except ModuleNotFoundError:
        raise ModuleNotFoundError("AMG needs PyAMG: pip install 'perturbax[amg]'") from None
    # PyAMG estimates spectral radii from random vectors of NumPy's global generator.
    state = np.random.get_state()  # noqa: NPY002
    np.random.seed(0)  # noqa: NPY002
    try:
        return pyamg.smoothed_aggregation_solver(matrix, max_coarse=max_coarse).levels
    finally:
        np.random.set_state(state)  # noqa: NPY002
