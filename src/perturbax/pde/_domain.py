"""Domains: where a PDE holds, their boundaries with outer normals, and points in both."""

import abc
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from ..core import check_array, check_instance, check_integer
from ._design import UNIFORM, AbstractDesign

Face = tuple[int, int]


class Sites(eqx.Module):
    """Points of a boundary or of measurements.

    - `x`: where, `(n, dimension)`; `normal`: the outer unit normal there, zero where there is none.
    - `target`: values that belong to the points, `(n, k)`; `k = 0` without.
    """

    x: Float[Array, "*n dimension"]
    normal: Float[Array, "*n dimension"]
    target: Float[Array, "*n k"]


class AbstractDomain(eqx.Module):
    """A bounded domain inside of the box from `lower` to `upper`. Time, if there is one, is the axis `time_axis`."""

    lower: eqx.AbstractVar[Float[Array | np.ndarray, " dimension"]]
    upper: eqx.AbstractVar[Float[Array | np.ndarray, " dimension"]]
    time_axis: eqx.AbstractVar[int | None]

    @property
    def dimension(self) -> int:
        """The number of axes, with time."""
        return self.lower.shape[-1]

    @property
    @abc.abstractmethod
    def volume(self) -> Any:
        """The volume."""

    @abc.abstractmethod
    def contains(self, x: Float[Array | np.ndarray, "*n dimension"]) -> Bool[Array, "*n"]:
        """Whether points lie inside or on the boundary."""

    @abc.abstractmethod
    def sample(self, key: Any, n: int, design: AbstractDesign = UNIFORM) -> Float[Array, "n dimension"]:
        """Points inside, uniform where the design is."""

    @abc.abstractmethod
    def sample_boundary(
        self, key: Any, n: int, design: AbstractDesign = UNIFORM, faces: Sequence[Face] | None = None
    ) -> Sites:
        """Points of the boundary in space, or of the given faces `(axis, side)` with side 0 or 1."""

    def to_unit(self, x: Float[Array, "*n dimension"]) -> Float[Array, "*n dimension"]:
        """The box of the domain mapped to `[-1, 1]^dimension`, on which networks live."""
        return 2.0 * (x - self.lower) / (self.upper - self.lower) - 1.0

    def from_unit(self, y: Float[Array, "*n dimension"]) -> Float[Array, "*n dimension"]:
        """The inverse of `to_unit`."""
        return jnp.asarray(self.lower) + 0.5 * (y + 1.0) * (self.upper - self.lower)


class Box(AbstractDomain):
    """A box of any dimension.

    **Arguments:** `lower`, `upper`: its corners; `time_axis`: the axis that is time: its two faces belong to no
    boundary condition in space, and `Initial` conditions hold at the lower one.

    **Raises:** `ValueError` when `upper` is not above `lower`, or there is no such axis.

    >>> Box([0.0, 0.0], [1.0, 2.0]).volume
    2.0
    """

    lower: Float[Array | np.ndarray, " dimension"]
    upper: Float[Array | np.ndarray, " dimension"]
    time_axis: int | None = eqx.field(static=True)

    def __init__(self, lower: Any, upper: Any, time_axis: int | None = None):
        self.lower = check_array("lower", lower, shape=(None,))
        self.upper = check_array("upper", upper, shape=self.lower.shape)
        if not (np.asarray(self.upper) > np.asarray(self.lower)).all():
            raise ValueError(f"upper must be > lower in every axis, got {self.lower} and {self.upper}")
        if time_axis is not None:
            check_integer("time_axis", time_axis, minimum=0, maximum=self.dimension - 1)
        self.time_axis = time_axis

    @property
    def volume(self) -> Any:
        volume = np.prod(np.asarray(self.upper, np.float64) - np.asarray(self.lower, np.float64))
        return float(volume)

    @property
    def faces(self) -> tuple[Face, ...]:
        """The faces of the boundary in space."""
        return tuple((axis, side) for axis in range(self.dimension) if axis != self.time_axis for side in (0, 1))

    def contains(self, x: Float[Array | np.ndarray, "*n dimension"]) -> Bool[Array, "*n"]:
        x = jnp.asarray(x)
        return jnp.all((x >= self.lower) & (x <= self.upper), -1)

    def sample(self, key: Any, n: int, design: AbstractDesign = UNIFORM) -> Float[Array, "n dimension"]:
        check_instance("design", design, AbstractDesign, "a design such as Uniform()")
        return self.from_unit(2.0 * design(key, n, self.dimension) - 1.0)

    def sample_boundary(
        self, key: Any, n: int, design: AbstractDesign = UNIFORM, faces: Sequence[Face] | None = None
    ) -> Sites:
        """Points of faces, of each in proportion to its area and at least one; of an interval its ends."""
        check_integer("n", n, minimum=1)
        chosen = self.faces if faces is None else tuple(_settle_face(face, self.dimension) for face in faces)
        if not chosen:
            raise ValueError("faces must name at least one face, got none")
        parts = []
        for k, ((axis, side), count) in enumerate(zip(chosen, self._counts(chosen, n), strict=True)):
            inside = 2.0 * design(jax.random.fold_in(key, k), count, self.dimension - 1) - 1.0
            flat = jnp.insert(inside, axis, 2.0 * side - 1.0, axis=1)
            normal = jnp.zeros(self.dimension).at[axis].set(2.0 * side - 1.0)
            parts.append((self.from_unit(flat), jnp.broadcast_to(normal, flat.shape)))
        x, normal = (jnp.concatenate(arrays) for arrays in zip(*parts, strict=True))
        return Sites(x, normal, jnp.zeros((len(x), 0)))

    def _counts(self, faces: tuple[Face, ...], n: int) -> list[int]:
        if self.dimension == 1:
            return [1] * len(faces)
        sides = np.asarray(self.upper, np.float64) - np.asarray(self.lower, np.float64)
        areas = np.array([sides.prod() / sides[axis] for axis, _ in faces])
        ends = np.round(n * np.cumsum(areas) / areas.sum()).astype(int)
        return np.maximum(np.diff(ends, prepend=0), 1).tolist()


def _settle_face(face: Any, dimension: int) -> Face:
    if not isinstance(face, tuple | list) or len(face) != 2:
        raise TypeError(f"faces must be pairs (axis, side) such as (0, 1), got {face!r}")
    axis = check_integer("the axis of faces", face[0], minimum=0, maximum=dimension - 1)
    return axis, check_integer("the side of faces", face[1], minimum=0, maximum=1)
