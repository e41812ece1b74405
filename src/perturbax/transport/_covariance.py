"""The covariances `S_k` of LightSB's mixture: how they are parametrised, and what the loss needs of them."""

import abc

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..core import check_number
from ._door import settle


class AbstractCovariance(eqx.Module):
    """A family of covariances with a floor, which keeps components from collapsing onto points."""

    floor: eqx.AbstractVar[float]

    def __check_init__(self):
        check_number("floor", self.floor, minimum=0.0, exclusive=True)

    @abc.abstractmethod
    def initial(self, components: int, size: int, variance: float) -> Array:
        """The parameters of `variance` times the identity."""

    @abc.abstractmethod
    def quadratic(self, raw: Array, x: Array) -> Float[Array, "batch k"]:
        """`x' S_k x` of points of shape `(batch, d)`."""

    @abc.abstractmethod
    def mahalanobis(self, raw: Array, z: Array) -> Float[Array, "batch k"]:
        """`z' S_k^{-1} z` of differences of shape `(batch, k, d)`."""

    @abc.abstractmethod
    def log_determinant(self, raw: Array) -> Float[Array, " k"]:
        """`log det S_k`."""

    @abc.abstractmethod
    def decompose(self, raw: Array) -> tuple[Float[np.ndarray, "k d"], Float[np.ndarray, "k d d"] | None]:
        """Eigenvalues and, where they are not the axes, eigenvectors; in float64 on the host."""


class Diagonal(AbstractCovariance):
    """Diagonal covariances, `S = floor + exp(s)`: `O(k d)` a point, and what the paper uses throughout.

    **Arguments:** `floor`: the smallest variance, in units of `eps`.

    **Raises:** `ValueError` when it is not positive.

    >>> Diagonal().decompose(Diagonal().initial(1, 2, 1.0))[0].round(4).tolist()
    [[1.0, 1.0]]
    """

    floor: float = 1e-4

    def initial(self, components: int, size: int, variance: float) -> Array:
        return jnp.full((components, size), np.log(variance - self.floor))

    def values(self, raw: Array) -> Float[Array, "k d"]:
        """The diagonals."""
        return self.floor + jnp.exp(raw)

    def quadratic(self, raw: Array, x: Array) -> Float[Array, "batch k"]:
        return jnp.square(x) @ self.values(raw).T

    def mahalanobis(self, raw: Array, z: Array) -> Float[Array, "batch k"]:
        return (jnp.square(z) / self.values(raw)).sum(-1)

    def log_determinant(self, raw: Array) -> Float[Array, " k"]:
        return jnp.log(self.values(raw)).sum(-1)

    def decompose(self, raw: Array) -> tuple[Float[np.ndarray, "k d"], Float[np.ndarray, "k d d"] | None]:
        return self.floor + np.exp(np.asarray(raw, np.float64)), None


class Full(AbstractCovariance):
    """Full covariances, `S = L L'` with a lower triangular `L` whose diagonal is `sqrt(floor) + exp(s)`: `O(k d^2)` a
    point. A universal approximation needs only `Diagonal`, but one full component does what many diagonal ones do.

    **Arguments:** `floor`: bounds the determinant, in units of `eps`.

    **Raises:** `ValueError` when it is not positive.

    >>> Full().decompose(Full().initial(1, 2, 1.0))[0].round(4).tolist()
    [[1.0, 1.0]]
    """

    floor: float = 1e-4

    def initial(self, components: int, size: int, variance: float) -> Array:
        diagonal = np.log(np.sqrt(variance) - np.sqrt(self.floor)) * np.eye(size)
        return jnp.broadcast_to(settle(diagonal), (components, size, size))

    def factor(self, raw: Array) -> Float[Array, "k d d"]:
        """`L`."""
        diagonal = jnp.sqrt(self.floor) + jnp.exp(jnp.diagonal(raw, axis1=1, axis2=2))
        return jnp.tril(raw, -1) + jax.vmap(jnp.diag)(diagonal)

    def quadratic(self, raw: Array, x: Array) -> Float[Array, "batch k"]:
        return jnp.square(jnp.einsum("bi,kij->bkj", x, self.factor(raw))).sum(-1)

    def mahalanobis(self, raw: Array, z: Array) -> Float[Array, "batch k"]:
        factor = self.factor(raw)
        # A triangular solve for every point is slow on CPUs; one inverse serves the batch.
        unit = jnp.broadcast_to(jnp.eye(z.shape[-1]), factor.shape)
        inverse = jax.scipy.linalg.solve_triangular(factor, unit, lower=True)
        return jnp.square(jnp.einsum("kij,bkj->bki", inverse, z)).sum(-1)

    def log_determinant(self, raw: Array) -> Float[Array, " k"]:
        return 2.0 * jnp.log(jnp.diagonal(self.factor(raw), axis1=1, axis2=2)).sum(-1)

    def decompose(self, raw: Array) -> tuple[Float[np.ndarray, "k d"], Float[np.ndarray, "k d d"] | None]:
        factor = np.asarray(self.factor(raw), np.float64)
        values, vectors = np.linalg.eigh(factor @ factor.swapaxes(1, 2))
        return np.maximum(values, np.finfo(np.float32).tiny), vectors
