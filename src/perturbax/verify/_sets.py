"""Input sets: what is allowed to vary, and the least value of a linear function on it.

A set stands in the place of an array. Every set has a box around it (`interval`), from which interval arithmetic
starts, and `minimum(c) = min <c, x>` over the set, by which linear bounds become numbers.
"""

import abc
import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float

from ..core import check_array, check_number


class Interval(eqx.Module):
    """`lower <= x <= upper`, elementwise."""

    lower: Any
    upper: Any

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the arrays."""
        return self.lower.shape

    def intersect(self, other: "Interval") -> "Interval":
        """What lies in both."""
        return Interval(jnp.maximum(self.lower, other.lower), jnp.minimum(self.upper, other.upper))


class AbstractInputSet(eqx.Module):
    """A set of arrays of one shape. Its own arrays may be batched by `vmap`."""

    @abc.abstractmethod
    def interval(self) -> Interval:
        """The smallest box that contains the set."""

    @abc.abstractmethod
    def minimum(self, coefficients: Float[Array, "..."]) -> Float[Array, ""]:
        """`min <coefficients, x>` over the set."""

    @abc.abstractmethod
    def sample(self, key: Any) -> Float[Array, "..."]:
        """A member of the set at random, the boundary included."""

    @abc.abstractmethod
    def project(self, x: Float[Array, "..."]) -> Float[Array, "..."]:
        """A member of the set near `x`; `x` itself when it is one."""


class Box(AbstractInputSet):
    """`lower <= x <= upper`, elementwise.

    **Arguments:** `lower`, `upper`: floating arrays of one shape.

    **Raises:** `TypeError`, `ValueError` when they do not fit, are not finite, or `lower > upper` (with the index).

    >>> float(Box(np.zeros(2), np.ones(2)).minimum(jnp.array([1.0, -2.0])))
    -2.0
    """

    lower: Any
    upper: Any

    def __init__(self, lower: Any, upper: Any):
        self.lower = check_array("lower", lower)
        self.upper = check_array("upper", upper, shape=tuple(self.lower.shape))
        if not isinstance(self.lower, Tracer) and not isinstance(self.upper, Tracer):
            wrong = np.argwhere(np.asarray(self.lower) > np.asarray(self.upper))
            if len(wrong):
                index = tuple(map(int, wrong[0]))
                raise ValueError(
                    f"lower must be <= upper, got {float(self.lower[index]):g} > {float(self.upper[index]):g} at "
                    f"index {index}"
                )

    def interval(self) -> Interval:
        return Interval(jnp.asarray(self.lower), jnp.asarray(self.upper))

    def minimum(self, coefficients: Float[Array, "..."]) -> Float[Array, ""]:
        return jnp.sum(jnp.where(coefficients > 0, coefficients * self.lower, coefficients * self.upper))

    def sample(self, key: Any) -> Float[Array, "..."]:
        # A third of the coordinates on the boundary: corners are where bounds are attained.
        shape = jnp.shape(self.lower)
        t = jnp.clip(jax.random.uniform(key, shape, minval=-0.25, maxval=1.25), 0.0, 1.0)
        return self.project(self.lower + t * (self.upper - self.lower))

    def project(self, x: Float[Array, "..."]) -> Float[Array, "..."]:
        return jnp.clip(x, self.lower, self.upper)


class Ball(AbstractInputSet):
    """`|x - centre|_p <= radius`, the norm over all elements.

    **Arguments:** `centre`: floating array; `radius`: number >= 0; `p`: a number >= 1, `math.inf` for the largest
    element.

    **Raises:** `TypeError`, `ValueError` for what is none of these.

    >>> float(Ball(np.zeros(2), 1.0, p=2).minimum(jnp.array([3.0, 4.0])))
    -5.0
    """

    centre: Any
    radius: Any
    p: float = eqx.field(static=True)

    def __init__(self, centre: Any, radius: Any, p: float | int = math.inf):
        self.centre = check_array("centre", centre)
        self.p = check_number("p", p, minimum=1.0, finite=False)
        if np.ndim(radius) == 0:
            radius = check_number("radius", radius, minimum=0.0)
        elif not isinstance(radius := check_array("radius", radius), Tracer) and np.any(np.asarray(radius) < 0):
            raise ValueError(f"radius must be >= 0, got {float(np.min(np.asarray(radius))):g}")
        self.radius = radius if isinstance(radius, jax.Array) else np.asarray(radius, self.centre.dtype)

    def interval(self) -> Interval:
        return Interval(self.centre - jnp.asarray(self.radius), self.centre + jnp.asarray(self.radius))

    def minimum(self, coefficients: Float[Array, "..."]) -> Float[Array, ""]:
        return jnp.sum(coefficients * self.centre) - self.radius * _norm(coefficients, _conjugate(self.p))

    def sample(self, key: Any) -> Float[Array, "..."]:
        direction_key, radius_key = jax.random.split(key)
        step = jax.random.normal(direction_key, jnp.shape(self.centre))
        t = jnp.minimum(jax.random.uniform(radius_key, maxval=1.5), 1.0)
        if self.p == math.inf:
            return self.centre + self.radius * jnp.clip(step, -1.0, 1.0)
        return self.centre + t * self.radius * step / _norm(step, self.p)

    def project(self, x: Float[Array, "..."]) -> Float[Array, "..."]:
        step = x - self.centre
        if self.p == math.inf:
            return self.centre + jnp.clip(step, -self.radius, self.radius)
        return self.centre + step * jnp.minimum(1.0, self.radius / jnp.maximum(_norm(step, self.p), _TINY))


# Keeps the division by a norm finite; far below every radius in use.
_TINY = 1e-30


def _conjugate(p: float) -> float:
    """`q` with `1 / p + 1 / q = 1`."""
    if p == 1.0:
        return math.inf
    return 1.0 if p == math.inf else p / (p - 1.0)


def _norm(x: Array, p: float) -> Array:
    if p == math.inf:
        return jnp.max(jnp.abs(x))
    if p == 1.0:
        return jnp.sum(jnp.abs(x))
    # Relative to the largest element no power that matters underflows. A zero vector has the norm zero and a gradient
    # that is zero, not NaN.
    largest = jax.lax.stop_gradient(jnp.max(jnp.abs(x)))
    positive = largest > 0
    powers = jnp.sum(jnp.abs(x / jnp.where(positive, largest, 1.0)) ** p)
    return jnp.where(positive, largest * jnp.where(positive, powers, 1.0) ** (1.0 / p), 0.0)


def weight_balls(model: Any, relative: Any, p: float | int = 2.0) -> Any:
    """The model with a ball around each of its floating arrays: all that its weights can be when each array moves by at
    most `relative` times its own norm.

    **Arguments:** `model`: a tree of arrays, such as a network; `relative`: a number >= 0; `p`: of the norm.

    **Returns:** the inputs of `bound` for a function of the model.

    **Raises:** `ValueError` for a number out of range.

    >>> round(weight_balls({"w": np.array([3.0, 4.0])}, 0.01)["w"].radius.item(), 6)
    0.05
    """
    check_number("relative", relative, minimum=0.0)

    def ball(leaf: Any) -> Any:
        floating = isinstance(leaf, jax.Array | np.ndarray) and jnp.issubdtype(leaf.dtype, jnp.floating) and leaf.ndim
        return Ball(leaf, relative * _norm(jnp.asarray(leaf), float(p)), p) if floating else leaf

    return jax.tree.map(ball, model)
