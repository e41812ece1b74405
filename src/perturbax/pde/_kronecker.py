"""Algebra of Kronecker products: a matrix for each axis in the place of one for all points of a grid.

With `K = K_1 x ... x K_d` on a grid of `N = N_1 ... N_d` points, a product with `K` is a product with `K_j` along each
axis `j`, and `log|K| = sum_j (N / N_j) log|K_j|`.
"""

import math
from collections.abc import Sequence

import jax.numpy as jnp
from jax.scipy.linalg import solve_triangular
from jaxtyping import Array, Float


def along_axes(matrices: Sequence[Float[Array, "_ _"]], u: Float[Array, "*grid"]) -> Float[Array, "*rows"]:
    """A matrix along each axis of an array, `(M_1 x ... x M_d) u`."""
    for axis, matrix in enumerate(matrices):
        u = jnp.moveaxis(jnp.tensordot(matrix, u, (1, axis)), 0, axis)
    return u


def at_points(rows: Sequence[Float[Array, "n _"]], u: Float[Array, "*grid"]) -> Float[Array, " n"]:
    """An array contracted with a row for each axis, for each of `n` points: rows of `M_1 x ... x M_d` without the
    product."""
    answer = jnp.tensordot(rows[0], u, (1, 0))
    for row in rows[1:]:
        answer = jnp.einsum("na,na...->n...", row, answer)
    return answer


def solve_upper(lowers: Sequence[Float[Array, "_ _"]], u: Float[Array, "*grid"]) -> Float[Array, "*grid"]:
    """`(L_1 x ... x L_d)^-T u` by triangular matrices."""
    for axis, lower in enumerate(lowers):
        moved = jnp.moveaxis(u, axis, 0)
        flat = solve_triangular(lower, moved.reshape(len(lower), -1), trans=1, lower=True)
        u = jnp.moveaxis(flat.reshape(moved.shape), 0, axis)
    return u


def solve_lower(lowers: Sequence[Float[Array, "_ _"]], u: Float[Array, "*grid"]) -> Float[Array, "*grid"]:
    """`(L_1 x ... x L_d)^-1 u` by triangular matrices."""
    for axis, lower in enumerate(lowers):
        moved = jnp.moveaxis(u, axis, 0)
        flat = solve_triangular(lower, moved.reshape(len(lower), -1), lower=True)
        u = jnp.moveaxis(flat.reshape(moved.shape), 0, axis)
    return u


def log_density(lowers: Sequence[Float[Array, "_ _"]], whitened: Float[Array, "*grid"]) -> Float[Array, ""]:
    r"""The log density of a Gaussian with covariance `K = L L^T`, without its constant, at `u = L z`:
    $-\frac12 \sum_j \frac N{N_j} \log|K_j| - \frac12 |z|^2$."""
    count = math.prod(whitened.shape)
    logs = sum(count / len(lower) * jnp.sum(jnp.log(jnp.diagonal(lower))) for lower in lowers)
    return -logs - 0.5 * jnp.sum(jnp.square(whitened))


def toeplitz(lags: Float[Array, " n"], sign: float) -> Float[Array, "n n"]:
    """The matrix with `lags[a - b]` at `(a, b)`, even (`sign = 1`) or odd (-1) in its lag.

    By tiling, whose transpose is a sum of rows; that of a gather would be scattered one by one.
    """
    n = len(lags)
    # Row a of the tiles begins a places before the end of the row above it: entry (a, b) is circle[(b - a) mod 2n].
    circle = jnp.concatenate([sign * lags, jnp.zeros(1), lags[:0:-1]])
    return jnp.tile(circle, n)[: n * (2 * n - 1)].reshape(n, 2 * n - 1)[:, :n]
