"""Designs: where a number of points lie in the unit cube, at random or evenly."""

import abc
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.stats import qmc

from ..core import cast, check_integer, check_key


class AbstractDesign(eqx.Module):
    """A rule for points in the unit cube."""

    @abc.abstractmethod
    def draw(self, key: Any, n: int, dimension: int) -> Float[Array, "n dimension"]:
        """The points, in the precision in force."""

    def __call__(self, key: Any, n: int, dimension: int) -> Float[Array, "n dimension"]:
        """Points in `[0, 1]^dimension`."""
        check_integer("n", n, minimum=1)
        if check_integer("dimension", dimension, minimum=0) == 0:  # the face of an interval
            return jnp.zeros((n, 0))
        return self.draw(check_key("key", key), n, dimension)


class Uniform(AbstractDesign):
    """Independent points, uniformly distributed.

    >>> Uniform()(jax.random.key(0), 5, 2).shape
    (5, 2)
    """

    def draw(self, key: Any, n: int, dimension: int) -> Float[Array, "n dimension"]:
        return jax.random.uniform(key, (n, dimension))


class Sobol(AbstractDesign):
    """Scrambled points of Sobol's sequence: random, and far more even than independent ones.

    >>> Sobol()(jax.random.key(0), 8, 1)[:, 0].sort().round().sum().item()
    4.0
    """

    def draw(self, key: Any, n: int, dimension: int) -> Float[Array, "n dimension"]:
        # Whole powers of two are drawn: a part of them is balanced too, and SciPy does not warn.
        sampler = qmc.Sobol(dimension, rng=_generator(key))
        return cast(sampler.random_base2(max(n - 1, 1).bit_length())[:n], np.float64)


class LatinHypercube(AbstractDesign):
    """One point in each of `n` slices of every axis.

    >>> (LatinHypercube()(jax.random.key(0), 4, 2) * 4).astype(int).sort(0)[:, 1].tolist()
    [0, 1, 2, 3]
    """

    def draw(self, key: Any, n: int, dimension: int) -> Float[Array, "n dimension"]:
        return cast(qmc.LatinHypercube(dimension, rng=_generator(key)).random(n), np.float64)


class Lattice(AbstractDesign):
    """The middles of equal cells, as near to cubes as `n` allows: the largest tensor grid of at most `n` points.

    What is left of `n` is drawn uniformly.

    >>> Lattice()(jax.random.key(0), 4, 2).tolist()
    [[0.25, 0.25], [0.25, 0.75], [0.75, 0.25], [0.75, 0.75]]
    """

    def draw(self, key: Any, n: int, dimension: int) -> Float[Array, "n dimension"]:
        side = int(n ** (1.0 / dimension) + 1e-9)
        axes = np.meshgrid(*[(np.arange(side) + 0.5) / side] * dimension, indexing="ij")
        grid = cast(np.stack(axes, -1).reshape(-1, dimension), np.float64)
        return jnp.concatenate([grid, jax.random.uniform(key, (n - len(grid), dimension))])


# Defaults of arguments.
UNIFORM, SOBOL = Uniform(), Sobol()


def _generator(key: Any) -> np.random.Generator:
    data = jax.random.key_data(key) if jnp.issubdtype(key.dtype, jax.dtypes.prng_key) else key
    return np.random.default_rng(np.asarray(data))
