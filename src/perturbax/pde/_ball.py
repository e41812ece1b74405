"""Balls: disks, spheres and their like in any dimension."""

import math
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import ndtri
from jaxtyping import Array, Float

from ..core import check_array, check_instance, check_integer, check_number
from ._design import UNIFORM, AbstractDesign
from ._domain import Face, Sites
from ._region import AbstractRegion, refuse_faces


class Ball(AbstractRegion):
    """All points that are no farther than a radius from a centre: a disk in the plane.

    **Arguments:** `centre`: `(dimension,)`; `radius`: positive.

    **Raises:** `ValueError` when it is not.

    >>> round(Ball([0.0, 0.0], 1.0).volume, 4)
    3.1416
    """

    centre: Float[Array | np.ndarray, " dimension"]
    radius: Any
    lower: Float[Array | np.ndarray, " dimension"]
    upper: Float[Array | np.ndarray, " dimension"]
    time_axis: int | None = eqx.field(static=True)

    def __init__(self, centre: Any, radius: Any):
        self.centre = check_array("centre", centre, shape=(None,))
        self.radius = check_number("radius", radius, minimum=0.0, exclusive=True)
        self.lower, self.upper = self.centre - self.radius, self.centre + self.radius
        self.time_axis = None

    @property
    def volume(self) -> Any:
        d = self.dimension
        return math.pi ** (d / 2) / math.gamma(d / 2 + 1) * float(self.radius) ** d

    def distance(self, x: Float[Array, " dimension"]) -> Float[Array, ""]:
        square = jnp.sum(jnp.square(x - self.centre))
        # At the centre the distance has no gradient, and the root an infinite one.
        return jnp.sqrt(jnp.where(square > 0.0, square, 1.0)) * (square > 0.0) - self.radius

    def sample(self, key: Any, n: int, design: AbstractDesign = UNIFORM) -> Float[Array, "n dimension"]:
        """Directions and radii of a design: nothing is drawn in vain, also in many dimensions."""
        check_instance("design", design, AbstractDesign, "a design such as Uniform()")
        unit = design(key, n, self._parameters + 1)
        return self.centre + self.radius * unit[:, -1:] ** (1.0 / self.dimension) * self._directions(unit[:, :-1])

    def sample_boundary(
        self, key: Any, n: int, design: AbstractDesign = UNIFORM, faces: Sequence[Face] | None = None
    ) -> Sites:
        refuse_faces(self, faces)
        check_integer("n", n, minimum=1)
        normal = self._directions(design(key, n, self._parameters))
        return Sites(self.centre + self.radius * normal, normal, jnp.zeros((n, 0)))

    @property
    def _parameters(self) -> int:
        """How many uniform numbers make a direction."""
        return 1 if self.dimension == 2 else self.dimension

    def _directions(self, unit: Float[Array, "n parameters"]) -> Float[Array, "n dimension"]:
        if self.dimension == 2:
            angle = 2.0 * jnp.pi * unit[:, 0]
            return jnp.stack([jnp.cos(angle), jnp.sin(angle)], -1)
        # A normal vector has every direction alike; numbers of a design may be 0, whose quantile is infinite.
        normal = ndtri(jnp.clip(unit, 1e-7, 1.0 - 1e-7))
        return normal / jnp.linalg.norm(normal, axis=-1, keepdims=True)
