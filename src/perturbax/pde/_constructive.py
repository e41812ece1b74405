"""Constructive geometry: unions, intersections and differences of domains in space."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ._domain import AbstractDomain
from ._region import AbstractRegion, check_member, signed_distance


class AbstractPair(AbstractRegion):
    """A domain that is made of two."""

    a: AbstractDomain
    b: AbstractDomain
    lower: Float[Array | np.ndarray, " dimension"]
    upper: Float[Array | np.ndarray, " dimension"]
    time_axis: int | None = eqx.field(static=True)

    def _settle(self, a: Any, b: Any) -> None:
        self.a, self.b, self.time_axis = check_member("a", a), check_member("b", b), None
        if a.dimension != b.dimension:
            raise ValueError(f"a and b must have as many axes, got {a.dimension} and {b.dimension}")


class Union(AbstractPair):
    """What is in one of two domains, or in both.

    **Arguments:** `a`, `b`: domains in space, such as `Box` and `Ball`, or made of them.

    **Raises:** `TypeError`, `ValueError` for other domains, or other numbers of axes.

    >>> from perturbax import pde
    >>> eight = Union(pde.Ball([-1.0, 0.0], 1.0), pde.Ball([1.0, 0.0], 1.0))
    >>> eight.contains(np.array([[-1.5, 0.0], [0.0, 0.5]])).tolist()
    [True, False]
    """

    def __init__(self, a: AbstractDomain, b: AbstractDomain):
        self._settle(a, b)
        self.lower, self.upper = np.minimum(a.lower, b.lower), np.maximum(a.upper, b.upper)

    def distance(self, x: Float[Array, " dimension"]) -> Float[Array, ""]:
        return jnp.minimum(signed_distance(self.a, x), signed_distance(self.b, x))


class Intersection(AbstractPair):
    """What is in both of two domains.

    **Arguments:** `a`, `b`: as of `Union`.

    **Raises:** as `Union`; `ValueError` when the boxes around them do not meet.

    >>> from perturbax import pde
    >>> half = Intersection(pde.Ball([0.0, 0.0], 1.0), pde.Box([0.0, -1.0], [1.0, 1.0]))
    >>> half.lower.tolist(), round(half.volume, 2)
    ([0.0, -1.0], 1.57)
    """

    def __init__(self, a: AbstractDomain, b: AbstractDomain):
        self._settle(a, b)
        self.lower, self.upper = np.maximum(a.lower, b.lower), np.minimum(a.upper, b.upper)
        if not (self.lower < self.upper).all():
            raise ValueError(f"a and b must overlap, got boxes that meet in {self.lower} to {self.upper}")

    def distance(self, x: Float[Array, " dimension"]) -> Float[Array, ""]:
        return jnp.maximum(signed_distance(self.a, x), signed_distance(self.b, x))


class Difference(AbstractPair):
    """What is in the first of two domains and not in the second: a plate with a hole.

    **Arguments:** `a`, `b`: as of `Union`.

    **Raises:** as `Union`.

    >>> from perturbax import pde
    >>> ring = Difference(pde.Ball([0.0, 0.0], 1.0), pde.Ball([0.0, 0.0], 0.5))
    >>> round(ring.volume, 2)
    2.36
    """

    def __init__(self, a: AbstractDomain, b: AbstractDomain):
        self._settle(a, b)
        self.lower, self.upper = a.lower, a.upper

    def distance(self, x: Float[Array, " dimension"]) -> Float[Array, ""]:
        return jnp.maximum(signed_distance(self.a, x), -signed_distance(self.b, x))
