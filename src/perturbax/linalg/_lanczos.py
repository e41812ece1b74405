"""Lanczos' tridiagonalisation with full reorthogonalisation, and the Ritz pairs of it.

From a unit vector `q_0`,

    b_j q_{j+1} = A q_j - a_j q_j - b_{j-1} q_{j-1},     a_j = q_j.A q_j

so that `Q^T A Q = T`, tridiagonal. Eigenpairs `(theta, s)` of `T` give Ritz pairs `(theta, Q s)` of `A`, with residual
`|A Q s - theta Q s| = b_{m-1} |s_{m-1}|`. The new vector is made orthogonal to all others twice, which "is enough"
(Parlett 1980, after Kahan).
"""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


class Tridiagonal(eqx.Module):
    """`diagonal` `a` and `off_diagonal` `b` of shape `(m,)`, whose last one leaves the space, and the orthonormal
    `basis` of shape `(m, *shape)`. Where the Krylov space ended before, `b` and what follows is zero."""

    diagonal: Float[Array, " m"]
    off_diagonal: Float[Array, " m"]
    basis: Float[Array, "m ..."]

    def matrix(self) -> Float[Array, "m m"]:
        """`T`."""
        off = self.off_diagonal[:-1]
        return jnp.diag(self.diagonal) + jnp.diag(off, 1) + jnp.diag(off, -1)


class RitzPairs(eqx.Module):
    """Ritz `values`, ascending; `vectors` of shape `(m, *shape)`; `residuals`, the norms `|A v - theta v|`; `weights`,
    the squares of the parts of the start along them, which sum to 1."""

    values: Float[Array, " m"]
    vectors: Float[Array, "m ..."]
    residuals: Float[Array, " m"]
    weights: Float[Array, " m"]


@eqx.filter_jit
def tridiagonalize(operator: Callable[[Array], Array], start: Array, steps: int) -> Tridiagonal:
    """Lanczos' recurrence for a symmetric operator; can be compiled into a larger program.

    **Arguments:** `operator`: `x -> A x`; `start`: of any shape and any norm but zero; `steps`: at most its size.

    **Returns:** a `Tridiagonal`.

    >>> found = tridiagonalize(lambda x: jnp.array([1.0, 3.0]) * x, jnp.ones(2), 2)
    >>> found.diagonal.round(4).tolist(), found.off_diagonal.round(4).tolist()
    ([2.0, 2.0], [1.0, 0.0])
    """
    first = start / jnp.linalg.norm(start)
    basis = jnp.zeros((steps + 1, *start.shape), start.dtype).at[0].set(first)
    tiny = 10.0 * jnp.finfo(start.dtype).eps

    def step(j: Any, carry: Any) -> Any:
        basis, diagonal, off, scale = carry
        q = basis[j]
        image = operator(q)
        a = jnp.sum(q * image)
        rest = image
        for _ in range(2):
            rest = rest - jnp.tensordot(jnp.tensordot(basis, rest, rest.ndim), basis, 1)
        b = jnp.linalg.norm(rest)
        scale = jnp.maximum(scale, jnp.linalg.norm(image))
        # What is left below the rounding of the products is noise: the space is invariant and the run goes on with 0.
        b = jnp.where(b > tiny * scale, b, 0.0)
        following = jnp.where(b > 0.0, rest / jnp.where(b > 0.0, b, 1.0), 0.0)
        return basis.at[j + 1].set(following), diagonal.at[j].set(a), off.at[j].set(b), scale

    zeros = jnp.zeros(steps, start.dtype)
    carry = (basis, zeros, zeros, jnp.zeros((), start.dtype))
    basis, diagonal, off, _ = jax.lax.fori_loop(0, steps, step, carry)
    return Tridiagonal(diagonal, off, basis[:-1])


@eqx.filter_jit
def ritz_pairs(tridiagonal: Tridiagonal) -> RitzPairs:
    """All Ritz pairs. Those without a vector (from behind the end of the Krylov space) have weight and vector 0.

    **Arguments:** `tridiagonal`: what `tridiagonalize` returned.

    **Returns:** `RitzPairs`.

    >>> found = ritz_pairs(tridiagonalize(lambda x: jnp.array([1.0, 3.0]) * x, jnp.ones(2), 2))
    >>> found.values.round(5).tolist()
    [1.0, 3.0]
    """
    values, vectors = jnp.linalg.eigh(tridiagonal.matrix())
    lifted = jnp.tensordot(vectors.T, tridiagonal.basis, 1)
    return RitzPairs(values, lifted, tridiagonal.off_diagonal[-1] * jnp.abs(vectors[-1]), vectors[0] ** 2)
