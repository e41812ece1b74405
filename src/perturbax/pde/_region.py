r"""Domains that are no boxes, by their signed distance: what `Ball`, `SDFDomain` and their unions share.

A function $d$ is negative inside, zero on the boundary, positive outside, and near the boundary $d / |\nabla d|$ is a
distance to first order. Points inside are those of a design in the surrounding box that lie inside, as many as are
wanted. Points of the boundary are those of a thin shell $|d| < \varepsilon |\nabla d|$, moved along the gradient,

    x <- x - d(x) grad d(x) / |grad d(x)|^2,

which leaves them uniform as the shell is as thick everywhere.
"""

import abc
from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from ..core import check_instance, check_integer, settle_arrays
from ._design import SOBOL, UNIFORM, AbstractDesign
from ._domain import AbstractDomain, Box, Face, Sites

# The thickness of the shell relative to the shortest side of the box, and the steps onto the boundary: one is enough
# for a distance, more for other functions and beside corners.
_SHELL, _PROJECTIONS = 0.005, 20
# Rounding of a distance, relative to the size of the box.
_ROUNDING = {8: 1e-12, 4: 1e-5}
# So many points of a box are looked at, or so many for each that is wanted, before a domain is taken for empty.
_MOST, _MOST_EACH = 2**22, 2**10
_BATCH = 2**13


class AbstractRegion(AbstractDomain):
    """A domain in space with a signed distance."""

    @abc.abstractmethod
    def distance(self, x: Float[Array, " dimension"]) -> Float[Array, ""]:
        """Negative inside, zero on the boundary, positive outside, at one point; differentiable beside the boundary."""

    @property
    def volume(self) -> Any:
        """The volume, estimated by 65536 points of Sobol's sequence where there is no closed form."""
        inside = self.contains(self.from_unit(2.0 * SOBOL(jax.random.key(0), 2**16, self.dimension) - 1.0))
        return float(inside.mean()) * float(np.prod(np.asarray(self.upper) - np.asarray(self.lower)))

    def contains(self, x: Float[Array | np.ndarray, "*n dimension"]) -> Bool[Array, "*n"]:
        x = jnp.asarray(x)
        flat = x.reshape(-1, x.shape[-1])
        return (_distances(settle_arrays(self), flat) <= self._rounding(x.dtype)).reshape(x.shape[:-1])

    def sample(self, key: Any, n: int, design: AbstractDesign = UNIFORM) -> Float[Array, "n dimension"]:
        check_instance("design", design, AbstractDesign, "a design such as Uniform()")
        settled = settle_arrays(self)
        taken, (x,) = self._enough(key, n, design, lambda x: (_distances(settled, x) <= 0.0, (x,)), "interior", 0.0)
        return x[taken]

    def sample_boundary(
        self, key: Any, n: int, design: AbstractDesign = UNIFORM, faces: Sequence[Face] | None = None
    ) -> Sites:
        refuse_faces(self, faces)
        settled, width = settle_arrays(self), _SHELL * float(np.min(np.asarray(self.upper) - np.asarray(self.lower)))

        def onto(x: Array) -> tuple[Array, tuple[Array, Array]]:
            x, normal, arrived = _project(settled, x, *jnp.array([width, self._rounding(x.dtype)]))
            return arrived, (x, normal)

        # From a box that has both sides of the shell where the domain touches its own.
        taken, (x, normal) = self._enough(key, n, design, onto, "edge", 2.0 * width)
        return Sites(x[taken], normal[taken], jnp.zeros((n, 0)))

    def _rounding(self, dtype: Any) -> float:
        return _ROUNDING[dtype.itemsize] * float(np.max(np.asarray(self.upper) - np.asarray(self.lower)))

    def _enough(
        self, key: Any, n: int, design: AbstractDesign, choose: Callable, part: str, margin: float
    ) -> tuple[np.ndarray, Any]:
        """The places of exactly `n` of the points of a design that a rule takes, and what it made of all, from the box
        and a margin around it."""
        check_integer("n", n, minimum=1)
        tried = max(2 ** (n - 1).bit_length(), _BATCH)
        while True:
            lower, upper = jnp.asarray(self.lower) - margin, jnp.asarray(self.upper) + margin
            x = lower + design(key, tried, self.dimension) * (upper - lower)
            # In batches of one size: each other size would compile again.
            parts = [choose(x[k : k + _BATCH]) for k in range(0, tried, _BATCH)]
            taken, made = jax.tree.map(lambda *arrays: jnp.concatenate(arrays), *parts)
            found = np.flatnonzero(np.asarray(taken))
            if len(found) >= n:
                # Spread over all that are there: a lattice would lose a side else.
                return found[np.arange(n) * len(found) // n], made
            if tried >= max(_MOST, _MOST_EACH * n):
                raise ValueError(f"the domain must have an {part}, got {len(found)} points of {tried} in its box")
            tried *= 2


def refuse_faces(domain: AbstractDomain, faces: Any) -> None:
    """Faces have a meaning for boxes only."""
    if faces is not None:
        raise ValueError(f"faces must be None for a {type(domain).__name__}, which has none, got {faces}")


def need_box(domain: AbstractDomain, method: str) -> None:
    """Refuse other domains for methods that are made of axes."""
    if not isinstance(domain, Box):
        raise ValueError(f"{method} needs the domain of problem to be a Box, got a {type(domain).__name__}")


def check_member(name: str, domain: Any) -> AbstractDomain:
    """A domain in space that has a signed distance."""
    check_instance(name, domain, (Box, AbstractRegion), "a domain in space such as Ball or Box")
    if domain.time_axis is not None:
        raise ValueError(f"{name} must be a domain in space, got one with time_axis {domain.time_axis}: see SpaceTime")
    return domain


def signed_distance(domain: Any, x: Float[Array, " dimension"]) -> Float[Array, ""]:
    """The signed distance of a region or of a box at a point."""
    if isinstance(domain, AbstractRegion):
        return domain.distance(x)
    lower, upper = jnp.asarray(domain.lower), jnp.asarray(domain.upper)
    beyond = jnp.abs(x - 0.5 * (lower + upper)) - 0.5 * (upper - lower)
    # The gradient of a norm is NaN at 0, where the point is inside.
    outside = jnp.max(beyond) > 0.0
    far = jnp.where(outside, jnp.maximum(beyond, 0.0), 1.0)
    return jnp.where(outside, jnp.sqrt(jnp.sum(jnp.square(far))), jnp.max(beyond))


@eqx.filter_jit
def _distances(domain: AbstractRegion, x: Float[Array, "n dimension"]) -> Float[Array, " n"]:
    return jax.vmap(domain.distance)(x)


@eqx.filter_jit
def _project(
    domain: AbstractRegion, x: Float[Array, "n dimension"], width: Any, rounding: Any
) -> tuple[Float[Array, "n dimension"], Float[Array, "n dimension"], Bool[Array, " n"]]:
    """Points moved onto the boundary, the normals there, and which of them were in the shell and have arrived, inside
    of the box."""
    slope = jax.value_and_grad(domain.distance)

    def onto(y: Array) -> tuple[Array, Array, Array]:
        d, gradient = slope(y)
        in_shell = jnp.abs(d) < width * jnp.linalg.norm(gradient)

        def move(_: Any, y: Array) -> Array:
            d, gradient = slope(y)
            square = jnp.sum(jnp.square(gradient))
            return y - d * gradient / jnp.where(square > 0.0, square, 1.0)

        y = jax.lax.fori_loop(0, _PROJECTIONS, move, y)
        d, gradient = slope(y)
        arrived = (jnp.abs(d) <= rounding) & jnp.all((y >= domain.lower - rounding) & (y <= domain.upper + rounding))
        return y, gradient / jnp.linalg.norm(gradient), in_shell & arrived

    return jax.vmap(onto)(x)
