"""The output layer of a random net: linear least squares through the singular values of its features.

With `H = U diag(s) V'` the coefficients, the effective rank and the score of generalised cross-validation are

    c = V diag(phi / s) U' y,     rank = sum phi,     N |y - U diag(phi) U' y|^2 / (N - rank)^2

`LeastSquares` keeps what is above a tolerance, `phi = 1(s > rcond s_1)`, and gives the solution of least norm when
there are more neurons than data; `Ridge` minimises `|H c - y|^2 / N + eta |c|^2`, `phi = s^2 / (s^2 + N eta)`.
"""

import abc
from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core import check_number


class Solved(NamedTuple):
    """Coefficients of shape `(n, k)`, the relative residual, the effective rank, and the score."""

    coefficients: Array
    residual: Array
    rank: Array
    score: Array


class AbstractReadout(eqx.Module):
    """A way to solve for the coefficients."""

    @abc.abstractmethod
    def factors(self, s: Float[Array, " r"], count: int) -> Float[Array, " r"]:
        """`phi`, between 0 and 1, for singular values in descending order and `count` data."""

    def solve(self, H: Float[Array, "N n"], y: Float[Array, "N k"]) -> Solved:
        """The coefficients for features and values."""
        N = H.shape[0]
        U, s, Vt = jnp.linalg.svd(H, full_matrices=False)
        phi = self.factors(s, N)
        projected = U.T @ y
        c = Vt.T @ (jnp.where(phi > 0.0, phi / jnp.where(s > 0.0, s, 1.0), 0.0)[:, None] * projected)
        left = jnp.sum(jnp.square(y - U @ (phi[:, None] * projected)))
        rank = jnp.sum(phi)
        # With as many degrees of freedom as data nothing is left to judge by.
        score = jnp.where(rank < N, N * left / jnp.square(jnp.maximum(N - rank, 1e-300)), jnp.inf)
        norm = jnp.sum(jnp.square(y))
        return Solved(c, jnp.sqrt(left / jnp.where(norm > 0.0, norm, 1.0)), rank, score)


class LeastSquares(AbstractReadout):
    """Truncated least squares.

    **Arguments:** `rcond`: singular values below this, relative to the largest, are left out.

    **Raises:** `ValueError` when it is not in `[0, 1]`.

    >>> LeastSquares().factors(jnp.array([1.0, 1e-20]), 5).tolist()
    [1.0, 0.0]
    """

    rcond: float = 1e-13

    def __check_init__(self):
        check_number("rcond", self.rcond, minimum=0.0, maximum=1.0)

    def factors(self, s, count):
        return jnp.where(s > self.rcond * s[0], 1.0, 0.0)


class Ridge(AbstractReadout):
    """Ridge regression on the mean of squares: independent of the numbers of data and, by the scale `n^(-1/2)` of the
    features, of neurons.

    **Arguments:** `eta`: the penalty.

    **Raises:** `ValueError` when it is not positive.

    >>> Ridge(0.5).factors(jnp.array([1.0]), 2).tolist()
    [0.5]
    """

    eta: float = 1e-8

    def __check_init__(self):
        check_number("eta", self.eta, minimum=0.0, exclusive=True)

    def factors(self, s, count):
        return jnp.square(s) / (jnp.square(s) + count * self.eta)
