r"""The distance of two shapes in millimetres: the 95th percentile of Hausdorff's.

    h(A, B) = 95th percentile over a in boundary(A) of min_{b in boundary(B)} |a - b|,      -max(h(A, B), h(B, A))

The distance to all points of a set is had exactly from one axis after another, `D(x) <- min_z D(z) + (x - z)^2`.
"""

from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..core import check_number
from ._similarity import AbstractLevelSets, settle_thresholds

_PERCENTILE = 95.0


class Hausdorff(AbstractLevelSets):
    """Minus the mean over the level sets of the 95 per cent Hausdorff distance to their masks.

    A level set that is empty is as far away as the grid is long. It takes `n^(1 + 1/d)` operations for `n` voxels:
    use it on coarse grids, or to rank few candidates.

    **Arguments:** `thresholds`: one for each mask; `spacing`: side of a voxel.

    **Raises:** `TypeError`, `ValueError` for a spacing that is not positive.

    Source: Ezhov et al. 2022, arXiv 2205.04550, which uses this measure.

    >>> u = jnp.zeros(20).at[3:9].set(1.0)
    >>> float(Hausdorff((0.5,), spacing=2.0).score(u, (jnp.roll(u, 2))[None]))
    -4.0
    """

    thresholds: tuple[float, ...] = eqx.field(static=True)
    spacing: float = eqx.field(static=True)

    def __init__(self, thresholds: Sequence[float | int] = (0.2, 0.6), spacing: float | int = 1.0):
        self.thresholds = settle_thresholds(thresholds)
        self.spacing = check_number("spacing", spacing, minimum=0.0, exclusive=True)

    def compare(self, x: Array, y: Array) -> Float[Array, ""]:
        # Codes of coarser grids are shares of their voxels.
        return -self.spacing * jnp.mean(jax.vmap(_distance)(x >= 0.5, y >= 0.5))


def _distance(a: Array, b: Array) -> Array:
    a, b = _boundary(a), _boundary(b)
    far = float(np.linalg.norm(a.shape))
    there, back = _percentile(_distances(b), a, far), _percentile(_distances(a), b, far)
    return jnp.maximum(there, back)


def _boundary(mask: Array) -> Array:
    """Voxels of a set that have a neighbour outside of it, or outside of the grid."""
    inner = mask
    for axis in range(mask.ndim):
        padded = jnp.pad(mask, [(1, 1) if i == axis else (0, 0) for i in range(mask.ndim)])
        n = mask.shape[axis]
        inner &= jax.lax.slice_in_dim(padded, 0, n, axis=axis) & jax.lax.slice_in_dim(padded, 2, n + 2, axis=axis)
    return mask & ~inner


def _distances(mask: Array) -> Array:
    """From every voxel to the nearest one of a set."""
    square = jnp.where(mask, 0.0, jnp.inf)
    for axis in range(mask.ndim):
        lines = jnp.moveaxis(square, axis, -1)
        at = jnp.arange(mask.shape[axis], dtype=jnp.float32)
        nearest = jnp.min(lines[..., None, :] + (at[:, None] - at[None, :]) ** 2, axis=-1)
        square = jnp.moveaxis(nearest, -1, axis)
    return jnp.sqrt(square)


def _percentile(distances: Array, where: Array, far: float) -> Array:
    """Over the voxels of a set; the longest distance of the grid when one of the sets is empty."""
    found = jnp.nanpercentile(jnp.where(where, distances, jnp.nan), _PERCENTILE)
    return jnp.where(jnp.isfinite(found), found, far)
