"""Principal angles between subspaces, each spanned by orthonormal rows, for all pairs of two lists of subspaces.

For `W`-orthonormal bases `Q_i` and `Q_j` the singular values of `C = Q_i W Q_j'` are the cosines of the principal
angles. Where all angles are small, `1 - cos^2` is a difference of nearly equal numbers, good to the root of the
rounding unit only; there the sines are taken from the residual `Q_j - C' Q_i`, whose singular values they are.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, Float, Int

from ..core import float64
from ._gram import RESOLUTION, by_snapshots, host_or_device
from ._weight import AbstractWeight

# Pairs whose sines are smaller than 1e-3 are worked out again from their residual.
NEAR = 1e-6
# Numbers in one block of residuals or of trajectories: 64 MB.
_BLOCK = 2**23


class Subspaces(NamedTuple):
    """Orthonormal rows of each subspace, zero beyond its dimension, the same times the weight, and the dimensions."""

    rows: Float[np.ndarray, "M r n"]
    weighted: Float[np.ndarray, "M r n"]
    dimensions: Int[np.ndarray, " M"]


@float64()
def subspaces(x: Float[np.ndarray, "M times n"], weight: AbstractWeight, modes: int) -> Subspaces:
    """The spans of the leading POD modes of each trajectory, by the method of snapshots; of a single field its
    direction."""
    count, times, n = x.shape
    r = min(modes, times, n)
    if times == 1:
        norms = np.sqrt(np.einsum("itn,itn->i", x, np.asarray(weight.times(x))))
        rows, dimensions = x / norms[:, None, None], np.ones(count, np.int64)
    else:
        rows, dimensions = np.empty((count, r, n)), np.empty(count, np.int64)
        size = max(_BLOCK // (times * n), 1)
        for first in range(0, count, size):
            part = slice(first, first + size)
            rows[part], values = by_snapshots(x[part], weight, r)
            dimensions[part] = (values[:, :r] > RESOLUTION * values[:, :1]).sum(1)
    return Subspaces(rows, np.asarray(weight.times(rows)), dimensions)


@float64()
def products(a: Float[np.ndarray, "A r n"], b: Float[np.ndarray, "B s n"]) -> Float[np.ndarray, "A B r s"]:
    """All products of rows, as one matrix product; with several devices each has a part of the rows of `a`."""
    left, right = a.reshape(-1, a.shape[2]), b.reshape(-1, b.shape[2])
    devices = jax.local_devices()
    if len(devices) == 1:
        xp = host_or_device()
        flat = np.asarray(xp.asarray(left) @ xp.asarray(right).T)
    else:
        mesh = Mesh(np.array(devices), ("rows",))
        padded = np.pad(left, ((0, -len(left) % len(devices)), (0, 0)))
        padded = jax.device_put(padded, NamedSharding(mesh, PartitionSpec("rows")))
        flat = np.asarray(_gram(padded, jax.device_put(right, NamedSharding(mesh, PartitionSpec()))))[: len(left)]
    return flat.reshape(a.shape[0], a.shape[1], b.shape[0], b.shape[1]).transpose(0, 2, 1, 3)


@float64()
def residual_grams(
    target: tuple[Any, Any], basis: Subspaces, pairs: tuple[Int[np.ndarray, " k"], Int[np.ndarray, " k"]]
) -> Float[np.ndarray, "k r r"]:
    """For pairs `(i, j)` of a basis and a target, the products of the rows that are left of target `j` after its
    projection on basis `i`. `target` has rows of shape `(B, r, n)`, and the same times the weight."""
    size = max(_BLOCK // (4 * target[0].shape[1] * target[0].shape[2]), 1)
    size = min(size, 2 ** (len(pairs[0]) - 1).bit_length())
    padding = -len(pairs[0]) % size
    first, second = (np.pad(index, (0, padding)) for index in pairs)
    arrays = tuple(jnp.asarray(array) for array in (basis.rows, basis.weighted, *target))
    blocks = [
        np.asarray(_residuals(*arrays, first[k : k + size], second[k : k + size])) for k in range(0, len(first), size)
    ]
    return np.concatenate(blocks)[: len(pairs[0])]


def principal_angles(blocks: Float[np.ndarray, "A B r s"], count: Int[np.ndarray, "A B"]) -> Float[np.ndarray, "A B k"]:
    """The angles of pairs of subspaces from the products of their bases, of which `count` is the larger dimension:
    the missing directions of the smaller one count as right angles, and beyond `count` angles are zero."""
    lines = blocks.shape[2:] == (1, 1)
    cosines = np.abs(blocks[..., 0]) if lines else np.linalg.svd(blocks, compute_uv=False)
    inside = np.arange(cosines.shape[-1]) < count[..., None]
    return np.where(inside, np.arccos(np.minimum(cosines, 1.0)), 0.0)


def all_pairs(
    a: Subspaces,
    b: Subspaces,
    of_products: Callable[[Any, Any], Any],
    of_angles: Callable[[Any, Any], Any],
    *,
    same: bool,
) -> Float[np.ndarray, "A B"]:
    """A function of the principal angles for each pair: `of_products(blocks, count)` where they are well determined by
    their cosines, `of_angles(angles, count)` where they are small. With `same` the two lists are one."""
    r = max(a.rows.shape[1], b.rows.shape[1])
    a, b = _widened(a, r), _widened(b, r)
    blocks = products(a.rows, b.weighted)
    count = np.maximum(a.dimensions[:, None], b.dimensions[None, :])
    near = count - np.square(blocks).sum((2, 3)) < NEAR
    result = np.array(of_products(blocks, count))
    if same:
        result = (result + result.T) / 2.0
        np.fill_diagonal(result, 0.0)
        near = np.triu(near, 1)
    first, second = np.nonzero(near)
    if first.size:
        grams = residual_grams((b.rows, b.weighted), a, (first, second))
        squares = np.linalg.eigvalsh((grams + grams.transpose(0, 2, 1)) / 2.0)[:, ::-1]
        found = of_angles(np.arcsin(np.sqrt(np.clip(squares, 0.0, 1.0))), count[first, second])
        result[first, second] = found
        if same:
            result[second, first] = found
    return result


def _widened(subspaces: Subspaces, r: int) -> Subspaces:
    if subspaces.rows.shape[1] == r:
        return subspaces
    padding = ((0, 0), (0, r - subspaces.rows.shape[1]), (0, 0))
    return Subspaces(np.pad(subspaces.rows, padding), np.pad(subspaces.weighted, padding), subspaces.dimensions)


@jax.jit
def _gram(a: Float[Array, "A n"], b: Float[Array, "B n"]) -> Float[Array, "A B"]:
    return a @ b.T


@jax.jit
def _residuals(
    rows: Float[Array, "A r n"],
    weighted: Float[Array, "A r n"],
    target: Float[Array, "B s n"],
    weighted_target: Float[Array, "B s n"],
    first: Int[Array, " k"],
    second: Int[Array, " k"],
) -> Float[Array, "k s s"]:
    q, wq, t, wt = rows[first], weighted[first], target[second], weighted_target[second]
    mix = jnp.einsum("ksn,krn->ksr", t, wq)
    return jnp.einsum("ksn,kun->ksu", t - mix @ q, wt - mix @ wq)
