"""Laws of latent variables, each a map of a standard normal variable, and of the cube for quadrature."""

import abc
import itertools
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..core import check_integer


class AbstractLatent(eqx.Module):
    """The law `P_Z` of a latent variable of `dimension` independent entries."""

    dimension: eqx.AbstractVar[int]

    def __check_init__(self):
        check_integer("dimension", self.dimension, minimum=1)

    @abc.abstractmethod
    def of_normal(self, w: Float[Array, "*batch d"]) -> Float[Array, "*batch d"]:
        """A latent variable from a standard normal one."""

    @abc.abstractmethod
    def of_uniform(self, u: Float[Array, "*batch d"]) -> Float[Array, "*batch d"]:
        """A latent variable from one that is uniform on the unit cube."""

    def sample(self, key: Any, n: int) -> Float[Array, "n d"]:
        """`n` independent draws."""
        return self.of_normal(jax.random.normal(key, (n, self.dimension)))

    def stratified(self, key: Any, points: int) -> Float[Array, "k d"]:
        """One draw in each of `k` equal cells of the cube, `k` the largest power of an integer up to `points`; the
        centres of the cells when there is no key."""
        side = max(round_down_root(points, self.dimension), 1)
        cells = np.array(list(itertools.product(range(side), repeat=self.dimension)), np.float32)
        shift = 0.5 if key is None else jax.random.uniform(key, cells.shape)
        return self.of_uniform((jnp.asarray(cells) + shift) / side)


def round_down_root(n: int, order: int) -> int:
    """The largest integer whose power is at most `n`.

    >>> round_down_root(4096, 2), round_down_root(4095, 2)
    (64, 63)
    """
    root = round(n ** (1.0 / order))
    return root if root**order <= n else root - 1


class UniformLatent(AbstractLatent):
    """The uniform law on `[0, 1]^d`: for curves, surfaces and pieces of them.

    **Arguments:** `dimension`: `d`.

    **Raises:** `ValueError` when it is smaller than 1.

    >>> UniformLatent(2).stratified(None, 4).tolist()
    [[0.25, 0.25], [0.25, 0.75], [0.75, 0.25], [0.75, 0.75]]
    """

    dimension: int = 1

    def of_normal(self, w: Float[Array, "*batch d"]) -> Float[Array, "*batch d"]:
        return jax.scipy.stats.norm.cdf(w)

    def of_uniform(self, u: Float[Array, "*batch d"]) -> Float[Array, "*batch d"]:
        return u


class NormalLatent(AbstractLatent):
    """The standard normal law in `d` dimensions: the one of factor models and variational autoencoders.

    **Arguments:** `dimension`: `d`.

    **Raises:** `ValueError` when it is smaller than 1.

    >>> NormalLatent(1).stratified(None, 1).tolist()
    [[0.0]]
    """

    dimension: int = 1

    def of_normal(self, w: Float[Array, "*batch d"]) -> Float[Array, "*batch d"]:
        return w

    def of_uniform(self, u: Float[Array, "*batch d"]) -> Float[Array, "*batch d"]:
        # A sum of a cell and a shift may round to 1, where the quantile is infinite.
        edge = jnp.finfo(u.dtype).eps
        return jax.scipy.special.ndtri(jnp.clip(u, edge, 1.0 - edge))
