r"""Shapes of Gaussians: parametrisations of the precision $\Sigma^{-1}$ that stay positive definite.

A standard deviation $s$ is held as $\log s$ and never becomes smaller than a floor, a thousandth of the box, since
$\Sigma$ has $s^2 + s_{\min}^2$ in the place of $s^2$: a Gaussian that shrinks to nothing would make its derivatives
infinite.
"""

import abc

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

# A thousandth of the side of [-1, 1]^d.
FLOOR = 2e-3


class AbstractShape(eqx.Module):
    """The precisions of `n` Gaussians, trainable."""

    @abc.abstractmethod
    def precision(self) -> Float[Array, "n d d"]:
        """The precisions."""

    @abc.abstractmethod
    def apply(self, r: Float[Array, "n d"]) -> Float[Array, "n d"]:
        """The product of each precision with a vector."""


class AbstractCovariance(eqx.Module):
    """A family of covariances."""

    @abc.abstractmethod
    def start(self, n: int, dimension: int, sigma: float) -> AbstractShape:
        """The same isotropic covariance for each of `n` Gaussians."""


class DiagonalShape(AbstractShape):
    """One standard deviation for each axis; with `dimension` axes and one column, for all of them together."""

    log_sigma: Float[Array, "n columns"]
    dimension: int = eqx.field(static=True)

    def precision(self) -> Float[Array, "n d d"]:
        rates = jnp.broadcast_to(_rates(self.log_sigma), (self.log_sigma.shape[0], self.dimension))
        return rates[:, :, None] * jnp.eye(self.dimension)

    def apply(self, r: Float[Array, "n d"]) -> Float[Array, "n d"]:
        return _rates(self.log_sigma) * r


class RotatedShape(AbstractShape):
    """Standard deviations along axes that are rotated, by a vector of two or a quaternion, of any length."""

    log_sigma: Float[Array, "n d"]
    rotation: Float[Array, "n r"]

    def precision(self) -> Float[Array, "n d d"]:
        R = _rotation(self.rotation / jnp.linalg.norm(self.rotation, axis=-1, keepdims=True))
        return jnp.einsum("nij,nj,nkj->nik", R, _rates(self.log_sigma), R)

    def apply(self, r: Float[Array, "n d"]) -> Float[Array, "n d"]:
        # A sum of products: batches of tiny matrix products are slow on a CPU.
        return jnp.sum(self.precision() * r[:, None, :], -1)


class Diagonal(AbstractCovariance):
    """A standard deviation for each axis.

    >>> Diagonal().start(3, 2, 0.5).precision()[0].round(2).tolist()
    [[4.0, 0.0], [0.0, 4.0]]
    """

    def start(self, n: int, dimension: int, sigma: float) -> AbstractShape:
        return DiagonalShape(jnp.full((n, dimension), jnp.log(sigma)), dimension)


class Isotropic(AbstractCovariance):
    """One standard deviation for all axes.

    >>> Isotropic().start(3, 2, 0.5).log_sigma.shape
    (3, 1)
    """

    def start(self, n: int, dimension: int, sigma: float) -> AbstractShape:
        return DiagonalShape(jnp.full((n, 1), jnp.log(sigma)), dimension)


class Full(AbstractCovariance):
    """Standard deviations along rotated axes, in two or three dimensions.

    >>> Full().start(3, 2, 0.5).precision()[0].round(2).tolist()
    [[4.0, 0.0], [0.0, 4.0]]
    """

    def start(self, n: int, dimension: int, sigma: float) -> AbstractShape:
        if dimension not in (2, 3):
            raise ValueError(f"covariance must be Diagonal() or Isotropic() in {dimension} dimensions, got Full()")
        identity = jnp.zeros((n, 2 * dimension - 2)).at[:, 0].set(1.0)
        return RotatedShape(jnp.full((n, dimension), jnp.log(sigma)), identity)


def _rates(log_sigma: Array) -> Array:
    return 1.0 / (jnp.exp(2.0 * log_sigma) + FLOOR**2)


def _rotation(r: Float[Array, "n r"]) -> Float[Array, "n d d"]:
    """The rotations of unit vectors of two or unit quaternions."""
    if r.shape[-1] == 2:
        c, s = r[:, 0], r[:, 1]
        rows = [[c, -s], [s, c]]
    else:
        w, x, y, z = (r[:, k] for k in range(4))
        rows = [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    return jnp.stack([jnp.stack(row, -1) for row in rows], -2)
