r"""The pressure equation of an incompressible flow on a MAC grid, in two or three dimensions, with obstacles.

Unknowns are the pressures in the fluid cells. With the neighbours `j` of a fluid cell `i` across its faces,

    (A x)_i = s x_i + sum_j { x_i - x_j   where j is fluid
                            { x_i         where j is air, at pressure 0
                            { 0           where j is solid

and rows and columns of the other cells are zero. There is no factor `1 / h^2`. A component of the fluid without air
next to it leaves constants in the null space when `s = 0`.
"""

from typing import Any

import jax.numpy as jnp
import numpy as np
import scipy.ndimage
import scipy.sparse
from jaxtyping import Array, Bool, Float, Int

from ..core import check_array, check_number
from ._operator import AbstractOperator

_OUTSIDE = -1


class Poisson(AbstractOperator):
    """The stencil of the Poisson equation on a MAC grid, one byte per cell.

    With `shift` it is also the implicit step of a heat equation, or a discrete Helmholtz operator.

    **Arguments:**

    - `fluid`: booleans of shape `(n_0, n_1)` or `(n_0, n_1, n_2)`.
    - `air`: booleans of that shape, cells at pressure 0; what is neither is solid.
    - `open_sides`: for each axis a pair, whether air lies before its first and behind its last cell; one boolean for
      all. Elsewhere the grid is walled in.
    - `shift`: the number `s >= 0`, which may be traced.

    **Raises:** `TypeError`, `ValueError` for other shapes or kinds, cells that are both, or a grid without fluid.

    A fluid cell without a fluid or air neighbour has a zero row and is taken for solid when `s = 0`.

    Source: Bridson 2015, Fluid Simulation for Computer Graphics.

    >>> operator = Poisson(np.ones((2, 2), bool), open_sides=((True, False), (False, False)))
    >>> operator(jnp.array([[1.0, 0.0], [0.0, 0.0]])).tolist()
    [[3.0, -1.0], [-1.0, 0.0]]
    """

    neighbours: Any
    constants: Any
    shift: Any
    shape: tuple[int, ...]
    everywhere: bool

    def __init__(self, fluid: Any, air: Any = None, *, open_sides: Any = False, shift: Any = 0.0):
        fluid = _booleans("fluid", fluid)
        if fluid.ndim not in (2, 3):
            raise ValueError(f"fluid must have 2 or 3 axes, got shape {fluid.shape}")
        air = np.zeros_like(fluid) if air is None else _booleans("air", air)
        if air.shape != fluid.shape:
            raise ValueError(f"air must have the shape of fluid, {fluid.shape}, got {air.shape}")
        if (air & fluid).any():
            raise ValueError(f"air must not overlap fluid, it does in {(air & fluid).sum()} cells")
        sides = np.asarray(open_sides)
        if sides.dtype != bool or sides.shape not in ((), (fluid.ndim, 2)):
            raise ValueError(f"open_sides must be a boolean or {fluid.ndim} pairs of booleans, got {open_sides!r}")
        if not fluid.any():
            raise ValueError("fluid must have at least one fluid cell, got none")
        self.shift = check_number("shift", shift, minimum=0.0)
        wet = _count(fluid, np.zeros((fluid.ndim, 2), bool))
        all_ = wet + _count(air, np.broadcast_to(sides, (fluid.ndim, 2)))
        alone = isinstance(self.shift, float) and self.shift == 0.0
        inside = fluid & ((all_ > 0) | (not alone))
        self.neighbours = np.where(inside, all_, _OUTSIDE).astype(np.int8)
        self.constants = _constants(inside, all_ > wet) if alone else np.zeros((0, *fluid.shape))
        self.shape, self.everywhere = fluid.shape, bool(inside.all())

    @property
    def symmetric(self) -> bool | None:
        return True

    def __call__(self, x: Float[Array, "..."]) -> Float[Array, "..."]:
        neighbours = jnp.asarray(self.neighbours)
        if not self.everywhere:
            x = jnp.where(neighbours >= 0, x, 0.0)
        y = (neighbours.astype(x.dtype) + self.shift) * x
        if min(self.shape) < 3:
            y = y - _neighbour_sum(x)
        else:
            # Slices inside and slabs at the sides are several times faster than a padded copy of all. An update of the
            # inside in place would be wrong on a field that is split over devices (XLA of JAX 0.10).
            y = y - jnp.pad(_inner_sum(x), 1)
            for axis in range(x.ndim):
                for slab, side in ((slice(0, 2), 0), (slice(-2, None), -1)):
                    cut = (slice(None),) * axis
                    there, at = (*cut, slab), (*cut, side)
                    around = _neighbour_sum(x[there])[at]
                    y = y.at[at].set((neighbours[at].astype(x.dtype) + self.shift) * x[at] - around)
        return y if self.everywhere else jnp.where(neighbours >= 0, y, 0.0)

    def diagonal(self) -> Float[Array, "..."]:
        inside = self.neighbours >= 0
        diagonal = jnp.asarray(self.neighbours).astype(jnp.result_type(float)) + self.shift
        return jnp.where(inside, diagonal, 1.0)

    def couplings(self) -> scipy.sparse.csr_array:
        inside = np.asarray(self.neighbours) >= 0
        number = np.arange(self.size).reshape(self.shape)
        pairs = []
        for axis in range(len(self.shape)):
            low = tuple(slice(None, -1) if a == axis else slice(None) for a in range(len(self.shape)))
            high = tuple(slice(1, None) if a == axis else slice(None) for a in range(len(self.shape)))
            both = inside[low] & inside[high]
            pairs.append(np.stack([number[low][both], number[high][both]]))
        one, other = np.concatenate(pairs, axis=1)
        rows, columns = np.concatenate([one, other]), np.concatenate([other, one])
        return scipy.sparse.csr_array((np.full(rows.size, -1.0), (rows, columns)), shape=(self.size, self.size))

    def colours(self) -> Int[np.ndarray, " size"]:
        """Red and black: the parity of the sum of a cell's indices."""
        return (np.indices(self.shape).sum(0) % 2).reshape(-1)

    def active(self) -> Bool[Array, "..."] | None:
        return None if self.everywhere else jnp.asarray(self.neighbours) >= 0

    def nullspace(self) -> Float[np.ndarray, "..."]:
        return self.constants


def _neighbour_sum(x: Array) -> Array:
    """The sum over the neighbours of every cell, zero beyond the sides."""
    padded = jnp.pad(x, 1)
    total = jnp.zeros_like(x)
    for axis in range(x.ndim):
        for start in (0, 2):
            window = tuple(
                slice(start, start + size) if a == axis else slice(1, 1 + size) for a, size in enumerate(x.shape)
            )
            total = total + padded[window]
    return total


def _inner_sum(x: Array) -> Array:
    """The same for the cells that are at no side."""
    total = 0.0
    for axis in range(x.ndim):
        for window in (slice(None, -2), slice(2, None)):
            total = total + x[tuple(window if a == axis else slice(1, -1) for a in range(x.ndim))]
    return jnp.asarray(total)


def _booleans(name: str, value: Any) -> np.ndarray:
    array = np.asarray(check_array(name, value, kind="any"))
    if array.dtype != bool:
        raise TypeError(f"{name} must hold booleans, got dtype {array.dtype}")
    return array


def _count(cells: np.ndarray, sides: np.ndarray) -> np.ndarray:
    """Neighbours of each cell that are among `cells`, or beyond a side that is."""
    total = np.zeros(cells.shape, np.int64)
    for axis in range(cells.ndim):
        padded = np.pad(cells, [(1, 1) if a == axis else (0, 0) for a in range(cells.ndim)])
        padded = np.moveaxis(padded, axis, 0)
        padded[0], padded[-1] = sides[axis]
        total += np.moveaxis(padded[2:].astype(np.int64) + padded[:-2], 0, axis)
    return total


def _constants(inside: np.ndarray, by_air: np.ndarray) -> np.ndarray:
    labels, count = scipy.ndimage.label(inside)
    closed = [label for label in range(1, count + 1) if not by_air[labels == label].any()]
    found = [(labels == label) / np.sqrt((labels == label).sum()) for label in closed]
    return np.stack(found) if found else np.zeros((0, *inside.shape))
