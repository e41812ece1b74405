"""Shorter codes of maps, so that a database takes less memory and is searched faster."""

import abc
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..core import check_integer


class AbstractEncoding(eqx.Module):
    """A linear function of maps `(channels, *shape)` that acts on every channel alike."""

    # Whether codes are maps again, with voxels that have neighbours.
    spatial: ClassVar[bool] = True

    @abc.abstractmethod
    def __call__(self, maps: Float[Array, "channels *shape"]) -> Float[Array, "channels *code"]:
        """The code of maps."""

    def fitted(self, maps: Float[np.ndarray, "n channels *shape"]) -> "AbstractEncoding":
        """The encoding for maps like these, of which it may learn."""
        return self


class FullResolution(AbstractEncoding):
    """Maps as they are.

    >>> FullResolution()(jnp.ones((2, 3, 4))).shape
    (2, 3, 4)
    """

    def __call__(self, maps: Float[Array, "channels *shape"]) -> Float[Array, "channels *code"]:
        return maps


class Downsample(AbstractEncoding):
    """Means of blocks; the last blocks are filled up with zeros.

    **Arguments:** `factor`: voxels along each side of a block.

    **Raises:** `TypeError`, `ValueError` for another factor.

    Source: Ezhov et al. 2022, arXiv 2205.04550, which queries down-sampled maps.

    >>> Downsample(4)(jnp.ones((2, 8, 9))).shape
    (2, 2, 3)
    """

    factor: int = 4

    def __check_init__(self):
        check_integer("factor", self.factor, minimum=1)

    def __call__(self, maps: Float[Array, "channels *shape"]) -> Float[Array, "channels *code"]:
        sides = [(0, 0), *((0, -n % self.factor) for n in maps.shape[1:])]
        filled = jnp.pad(maps, sides)
        split = filled.reshape([maps.shape[0], *(s for n in filled.shape[1:] for s in (n // self.factor, self.factor))])
        return split.mean(tuple(range(2, split.ndim, 2)))


class AbstractProjection(AbstractEncoding):
    """Coordinates in a basis of few maps, which keep inner products approximately."""

    size: eqx.AbstractVar[int]
    basis: eqx.AbstractVar[Any]

    spatial: ClassVar[bool] = False

    def __call__(self, maps: Float[Array, "channels *shape"]) -> Float[Array, "channels *code"]:
        if self.basis is None:
            raise ValueError(f"{type(self).__name__} must be fitted on maps first: use what fitted(maps) returns")
        return maps.reshape(maps.shape[0], -1) @ self.basis


class PrincipalComponents(AbstractProjection):
    """The leading right singular vectors of all maps, not centred, so that inner products are kept.

    **Arguments:** `size`: how many; `basis`: set by `fitted`.

    **Raises:** `TypeError`, `ValueError` for another size.

    >>> maps = np.random.default_rng(0).random((10, 1, 6), np.float32)
    >>> PrincipalComponents(3).fitted(maps)(jnp.ones((1, 6))).shape
    (1, 3)
    """

    size: int = 64
    basis: Any = None

    def __check_init__(self):
        check_integer("size", self.size, minimum=1)

    def fitted(self, maps: Float[np.ndarray, "n channels *shape"]) -> "PrincipalComponents":
        from sklearn.decomposition import TruncatedSVD

        rows = np.asarray(maps).reshape(maps.shape[0] * maps.shape[1], -1)
        check_integer("size", self.size, minimum=1, maximum=min(rows.shape))
        found = TruncatedSVD(self.size, random_state=0).fit(rows)
        return PrincipalComponents(self.size, jnp.asarray(found.components_.T, jnp.float32))


class RandomProjection(AbstractProjection):
    """Independent Gaussian maps, which keep inner products up to `1 / sqrt(size)`.

    **Arguments:** `size`: how many; `seed`: of their draw; `basis`: set by `fitted`.

    **Raises:** `TypeError`, `ValueError` for another size or seed.

    Source: Johnson & Lindenstrauss 1984.

    >>> RandomProjection(5).fitted(np.ones((1, 2, 3, 4), np.float32))(jnp.ones((2, 3, 4))).shape
    (2, 5)
    """

    size: int = 256
    seed: int = 0
    basis: Any = None

    def __check_init__(self):
        check_integer("size", self.size, minimum=1)
        check_integer("seed", self.seed, minimum=0)

    def fitted(self, maps: Float[np.ndarray, "n channels *shape"]) -> "RandomProjection":
        voxels = int(np.prod(maps.shape[2:]))
        drawn = jax.random.normal(jax.random.key(self.seed), (voxels, self.size)) / self.size**0.5
        return RandomProjection(self.size, self.seed, drawn)
