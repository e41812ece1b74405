"""The question that a verifier answers: is there an input in a box whose output is unsafe?

An alternative of a safety property is unsafe where all of its rows `r(x) = W_x x + W_y f(x) - b` are at most 0. The
rows of all alternatives together are one function, the *margins*, which any method of `verify.bound` bounds. An
alternative is excluded on a box by one row with a lower bound above 0; the box is safe when every alternative is.
"""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from ..core import check_instance, check_integer, check_key, float64
from ..interop import Region, SafetyProperty
from ..perturb import projected_gradient


class Verification(eqx.Module):
    """The problem of proving a safety property of a function, or finding a counterexample.

    **Arguments:**

    - `f`: a function of one array in JAX, such as a network; an Equinox module or a `jax.tree_util.Partial`, whose
      arrays are made float64, or a function that computes in the precision of its input.
    - `property`: what a counterexample is, from `misclassified`, `unsafe_box` or `interop.read_vnnlib`.
    - `shape`: of the input of `f`, with as many elements as the property has inputs; flat when `None`.
    - `original`: a second implementation of `f` on NumPy arrays, such as the file that `f` was read from run by
      onnxruntime; a counterexample has to be one for it too.

    **Raises:** `TypeError`, `ValueError` when these do not fit together.

    >>> from perturbax import verify
    >>> Verification(lambda x: x @ jnp.ones(2), verify.unsafe_box([0, 0], [1, 1], [[-1.0]], [-2.5])).shape
    (2,)
    """

    f: Callable[[Any], Any]
    property: SafetyProperty
    shape: tuple[int, ...] = eqx.field(static=True)
    original: Callable[[np.ndarray], Any] | None = eqx.field(static=True)

    def __init__(
        self,
        f: Callable[[Any], Any],
        property: SafetyProperty,
        shape: tuple[int, ...] | None = None,
        *,
        original: Callable[[np.ndarray], Any] | None = None,
    ):
        if not callable(f):
            raise TypeError(f"f must be a function, got {type(f).__name__}")
        check_instance("property", property, SafetyProperty, "a SafetyProperty such as interop.read_vnnlib gives")
        shape = (property.inputs,) if shape is None else tuple(check_integer("shape", n, minimum=1) for n in shape)
        if int(np.prod(shape)) != property.inputs:
            raise ValueError(f"shape must have {property.inputs} elements, the inputs of the property, got {shape}")
        try:
            with float64():
                value = jax.eval_shape(wide(f), jax.ShapeDtypeStruct(shape, np.float64))
        except TypeError as error:
            raise TypeError(
                f"f must take a float64 array of shape {shape}; a function with float32 arrays inside does as "
                f"jax.tree_util.Partial(f, arrays): {error}"
            ) from error
        if not isinstance(value, jax.ShapeDtypeStruct) or int(np.prod(value.shape)) != property.outputs:
            raise ValueError(f"f must return one array of {property.outputs} elements, like the property, got {value}")
        self.f, self.property, self.shape, self.original = f, property, shape, original


class Margins(eqx.Module):
    """`W_x x + W_y f(x) - b` of a flat `x`: the rows of all alternatives of a region."""

    f: Any
    input_weights: Any
    output_weights: Any
    offsets: Any
    shape: tuple[int, ...] = eqx.field(static=True)

    def __call__(self, x: Float[Array, " inputs"]) -> Float[Array, " rows"]:
        rows = self.output_weights @ jnp.ravel(self.f(x.reshape(self.shape))) - self.offsets
        return rows if self.input_weights is None else rows + self.input_weights @ x


class Query(eqx.Module):
    """One region of a verification in float64: its margins, and which rows belong to which alternative."""

    margins: Margins
    groups: Bool[np.ndarray, "alternatives rows"]
    lower: Float[np.ndarray, " inputs"]
    upper: Float[np.ndarray, " inputs"]

    def excluded(self, lower: Float[np.ndarray, "n rows"], rounding: float) -> Bool[np.ndarray, "n alternatives"]:
        """Which alternatives lower bounds of the margins exclude."""
        return np.any((lower > rounding)[:, None, :] & self.groups, axis=-1, keepdims=False)

    def scale(self) -> float:
        """The magnitude of the numbers that a margin is a difference of, in the middle of the box."""
        centre = 0.5 * (self.lower + self.upper)
        m = self.margins
        y = np.abs(np.asarray(_value(m.f, centre.reshape(m.shape)))).ravel()
        parts = np.abs(np.asarray(m.output_weights)) @ y + np.abs(np.asarray(m.offsets))
        if m.input_weights is not None:
            parts = parts + np.abs(np.asarray(m.input_weights)) @ np.abs(centre)
        return max(1.0, float(np.max(parts, initial=0.0)))


def queries_of(problem: Verification) -> list[Query]:
    """The regions of a problem. Call under `float64()`."""
    f = wide(problem.f)
    return [_query(f, region, problem.shape) for region in problem.property.regions]


def _query(f: Any, region: Region, shape: tuple[int, ...]) -> Query:
    rows = [alternative.offsets.size for alternative in region.unsafe]
    which = np.repeat(np.arange(len(rows)), rows)
    joined = [
        np.concatenate([getattr(alternative, name) for alternative in region.unsafe])
        for name in ("input_weights", "output_weights", "offsets")
    ]
    linear = joined[0] if np.any(joined[0]) else None
    margins = Margins(f, linear, joined[1], joined[2], shape)
    return Query(margins, which == np.arange(len(rows))[:, None], region.lower, region.upper)


def wide(f: Any) -> Any:
    """A function whose floating arrays are float64."""

    def widened(leaf: Any) -> Any:
        return np.asarray(leaf, np.float64) if eqx.is_inexact_array(leaf) else leaf

    return jax.tree.map(widened, f)


def unsafety(rows: Float[Array, " rows"], groups: Any) -> Float[Array, ""]:
    """At most 0 exactly where the rows of an alternative all are."""
    return jnp.min(jnp.max(jnp.where(groups, rows, -jnp.inf), axis=1))


def deciding(lower: Float[Array, " rows"], groups: Any, excluded: Any) -> Array:
    """The row that is closest to excluding the open alternative that is farthest from being excluded."""
    best = jnp.where(groups, jnp.where(jnp.isnan(lower), -jnp.inf, lower), -jnp.inf)
    return jnp.argmax(best[jnp.argmin(jnp.where(excluded, jnp.inf, best.max(1)))])


def attack(query: Query, key: Any, starts: int, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Points of a region by projected gradient descent on `unsafety`, least first, and their values."""
    check_key("key", key)
    x, values = _attack(query.margins, query.groups, query.lower, query.upper, key, starts, steps)
    order = np.argsort(np.asarray(values))
    return np.asarray(x)[order], np.asarray(values)[order]


@eqx.filter_jit
def _attack(margins: Any, groups: Any, lower: Any, upper: Any, key: Any, starts: int, steps: int) -> Any:
    x = lower + jax.random.uniform(key, (starts, lower.size), lower.dtype) * (upper - lower)

    def one(x: Any) -> Any:
        return projected_gradient(lambda x: unsafety(margins(x), groups), x, lower, upper, steps=steps)

    return jax.vmap(one)(x)


def confirmed(problem: Verification, x: Float[np.ndarray, " inputs"]) -> tuple[np.ndarray, np.ndarray] | None:
    """A candidate as a counterexample and its output, or `None` when it is none.

    It is rounded to float32 where the box allows, so that implementations in float32 see the same point.
    """
    for point in (_rounded(problem.property, x), x):
        shaped = point.reshape(problem.shape)
        y = np.asarray(_value(wide(problem.f), shaped))
        if not problem.property.violated(shaped, y):
            continue
        if problem.original is None or problem.property.violated(shaped, problem.original(shaped)):
            return shaped, y
    return None


def _rounded(property: SafetyProperty, x: np.ndarray) -> np.ndarray:
    """The nearest float32 numbers inside of the first box that contains the point."""
    inside = (region for region in property.regions if np.all((region.lower <= x) & (x <= region.upper)))
    region = next(inside, None)
    near = x.astype(np.float32)
    if region is not None:
        near = np.where(near < region.lower, np.nextafter(near, np.float32(np.inf)), near)
        near = np.where(near > region.upper, np.nextafter(near, np.float32(-np.inf)), near)
    return near.astype(np.float64)


@eqx.filter_jit
def _value(f: Any, x: Any) -> Any:
    return f(x)
