"""A domain in space over an interval of time."""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from ..core import check_instance, check_integer, check_number
from ._design import UNIFORM, AbstractDesign
from ._domain import AbstractDomain, Face, Sites
from ._region import AbstractRegion


class SpaceTime(AbstractDomain):
    """A domain in space from a beginning to an end; time is axis 0. For a box take `Box(..., time_axis=0)`.

    **Arguments:** `space`: such as `Ball`; `start`, `end`: of time.

    **Raises:** `TypeError`, `ValueError` for another domain, or an end that is not after the start.

    >>> from perturbax import pde
    >>> SpaceTime(pde.Ball([0.0, 0.0], 1.0), 0.0, 2.0).upper.tolist()
    [2.0, 1.0, 1.0]
    """

    space: AbstractRegion
    lower: Float[Array | np.ndarray, " dimension"]
    upper: Float[Array | np.ndarray, " dimension"]
    time_axis: int | None = eqx.field(static=True)

    def __init__(self, space: AbstractDomain, start: Any, end: Any):
        self.space = check_instance(
            "space", space, AbstractRegion, "a domain such as Ball; for a box take Box(..., time_axis=0)"
        )
        start = check_number("start", start)
        end = check_number("end", end, minimum=start, exclusive=True)
        self.lower = np.concatenate([[start], np.asarray(space.lower)])
        self.upper = np.concatenate([[end], np.asarray(space.upper)])
        self.time_axis = 0

    @property
    def volume(self) -> Any:
        return self.space.volume * float(self.upper[0] - self.lower[0])

    def contains(self, x: Float[Array | np.ndarray, "*n dimension"]) -> Bool[Array, "*n"]:
        x = jnp.asarray(x)
        return (x[..., 0] >= self.lower[0]) & (x[..., 0] <= self.upper[0]) & self.space.contains(x[..., 1:])

    def sample(self, key: Any, n: int, design: AbstractDesign = UNIFORM) -> Float[Array, "n dimension"]:
        space_key, time_key = jax.random.split(key)
        return jnp.concatenate([self._times(time_key, n, design), self.space.sample(space_key, n, design)], -1)

    def sample_boundary(
        self, key: Any, n: int, design: AbstractDesign = UNIFORM, faces: Sequence[Face] | None = None
    ) -> Sites:
        """Points of the boundary in space at all times, or for `faces` `[(0, 0)]` or `[(0, 1)]` of the start or end."""
        space_key, time_key = jax.random.split(key)
        check_integer("n", n, minimum=1)
        if faces is None:
            sites = self.space.sample_boundary(space_key, n, design)
            times, along = self._times(time_key, n, design), jnp.zeros((n, 1))
            x, normal = sites.x, sites.normal
        else:
            if list(map(tuple, faces)) not in ([(0, 0)], [(0, 1)]):
                raise ValueError(f"faces must be None, [(0, 0)] or [(0, 1)] for a SpaceTime, got {faces}")
            side = faces[0][1]
            x = self.space.sample(space_key, n, design)
            normal = jnp.zeros_like(x)
            times, along = jnp.full((n, 1), (self.lower, self.upper)[side][0]), jnp.full((n, 1), 2.0 * side - 1.0)
        return Sites(jnp.concatenate([times, x], -1), jnp.concatenate([along, normal], -1), jnp.zeros((n, 0)))

    def _times(self, key: Any, n: int, design: AbstractDesign) -> Float[Array, "n 1"]:
        draw_key, order_key = jax.random.split(key)
        # In an order of their own: two sequences of one design go up and down together else.
        unit = jax.random.permutation(order_key, design(draw_key, n, 1))
        return self.lower[0] + (self.upper[0] - self.lower[0]) * unit
