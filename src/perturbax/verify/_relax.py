"""Linear relaxations: two planes that hold an equation which is not affine, one rule per primitive.

With the operands `x_i` that vary, and a sum over `axes` for what reduces an axis,

    sum(lower_i x_i) + lower_offset <= y <= sum(upper_i x_i) + upper_offset

on the box of the operands. Functions of one variable get the lines of `_scalar`; `max(x, y) = y + relu(x - y)` those of
the ReLU; `x y` the mean of both McCormick planes, which is its tangent plane less and plus the product of the radii. An
equation with an interval rule and none here is held by the constants of its interval.

A `place` in [0, 1] moves a relaxation within the sound ones: a tangent between the ends of its interval, the lower line
of a ReLU between the slopes 0 and 1.
"""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array

from ..core import Equation, Program, Rules
from ._affine import is_affine
from ._interval import INTERVAL, apply_scalar, ends, scalar_of
from ._scalar import SCALARS, Lines, Scalar
from ._sets import Interval

RELAX = Rules("linear relaxation", "add one with perturbax.verify.register")
# By its place a relaxation of these is a kink with a slope; all others have a tangent.
KINKS = {"max", "min", "abs"}


class Planes(eqx.Module):
    """The planes of one equation with one output. Coefficients have the shapes of the operands, or that to which they
    are broadcast."""

    lower: tuple[Array, ...]
    lower_offset: Array
    upper: tuple[Array, ...]
    upper_offset: Array
    axes: tuple[int, ...] = eqx.field(static=True, default=())

    def pull(self, coefficients: Array) -> tuple[tuple[Array, ...], Array]:
        """Coefficients of the operands, and the constant, in a lower bound of `<coefficients, y>`."""
        positive, negative = jnp.maximum(coefficients, 0.0), jnp.minimum(coefficients, 0.0)
        constant = weigh(coefficients, self.lower_offset, self.upper_offset)
        if self.axes:
            positive, negative = (jnp.expand_dims(c, self.axes) for c in (positive, negative))
        pulled = tuple(positive * a + negative * b for a, b in zip(self.lower, self.upper, strict=True))
        return pulled, constant


def weigh(coefficients: Array, lower: Array, upper: Array) -> Array:
    """The least value of `<coefficients, y>` for `lower <= y <= upper`. A coefficient of 0 silences an infinite end."""
    ends = jnp.where(coefficients > 0, lower, upper)
    return jnp.sum(jnp.where(coefficients == 0, 0.0, coefficients * jnp.where(coefficients == 0, 0.0, ends)))


def relaxation(equation: Equation, known: dict[Any, Any], place: Callable[..., Any]) -> Planes | list[Interval]:
    """The planes of an equation, or for one without a rule the intervals of its outputs.

    Where a plane is not finite, as at the end of a domain, the interval of the output is in its place.
    """
    outputs = [known[output] for output in equation.outputs]
    dtype = equation.outputs[0].dtype
    if equation.name not in RELAX or any(value.dtype != dtype for value in equation.inputs if value.varying):
        return outputs
    values = equation.values(known)
    planes = RELAX.of(equation)(equation, values, place(equation, values))
    lower, below = _finite_or(planes.lower, planes.lower_offset, outputs[0].lower, planes.axes)
    upper, above = _finite_or(planes.upper, planes.upper_offset, outputs[0].upper, planes.axes)
    return Planes(lower, below, upper, above, planes.axes)


def movable(program: Program, known: dict[Any, Any], place: Callable[..., Any]) -> dict[Equation, Array]:
    """The places of all relaxations that have one, each with one number per element."""
    found = {}
    for equation in program.equations:
        if _has_place(equation.name) and equation.varying and not is_affine(equation):
            values = equation.values(known)
            start, shape = place(equation, values), equation.outputs[0].shape
            found[equation] = jnp.broadcast_to(jnp.asarray(start, equation.outputs[0].dtype), shape)
    return found


def _has_place(name: str) -> bool:
    return name in KINKS or name in SCALARS or name in ("mul", "integer_pow", "pow")


def _finite_or(coefficients: Any, offset: Any, end: Any, axes: tuple[int, ...]) -> tuple[tuple[Array, ...], Array]:
    finite = jnp.isfinite(offset)
    for coefficient in coefficients:
        finite &= jnp.isfinite(coefficient).all(axes) if axes else jnp.isfinite(coefficient)
    spread = jnp.expand_dims(finite, axes)
    return tuple(jnp.where(spread, c, 0.0) for c in coefficients), jnp.where(finite, offset, end)


@RELAX.register(*SCALARS, "integer_pow", "pow")
def relax_scalar(equation: Equation, values: list[Any], place: Any) -> Planes:
    """The rule of every primitive in `SCALARS`."""
    scalar = scalar_of(equation)
    assert scalar is not None  # its interval rule refused the others
    return _from_lines(scalar.lines(values[0], place))


def _from_lines(lines: Lines) -> Planes:
    return Planes((lines.lower_slope,), lines.lower_offset, (lines.upper_slope,), lines.upper_offset)


def relu_lines(z: Interval, place: Any) -> Lines:
    """`relu` on an interval, with the lower slope `place` where it is neither on nor off."""
    low, high = z.lower, z.upper
    on, off = low >= 0, high <= 0
    undecided = ~on & ~off
    steep = jnp.where(undecided, high / jnp.where(undecided, high - low, 1.0), on.astype(low.dtype))
    slope = jnp.where(undecided, place, on.astype(low.dtype))
    return Lines(slope, jnp.zeros_like(low), steep, jnp.where(undecided, -steep * low, 0.0))


def kink_of(equation: Equation, values: list[Any]) -> Interval:
    """The interval of what the ReLU inside of a kink is applied to."""
    if equation.name == "abs":
        return values[0]
    (a, b), (c, d) = map(ends, values)
    return Interval(a - d, b - c)


@RELAX.register("max", "min")
def _larger(equation: Equation, values: list[Any], place: Any) -> Planes:
    lines = relu_lines(kink_of(equation, values), place)
    lower = (lines.lower_slope, 1.0 - lines.lower_slope)
    upper = (lines.upper_slope, 1.0 - lines.upper_slope)
    below, above = lines.lower_offset, lines.upper_offset
    if equation.name == "min":
        # min(x, y) = x + y - max(x, y)
        lower, upper = tuple(1.0 - a for a in upper), tuple(1.0 - a for a in lower)
        below, above = -above, -below
    for i, value in enumerate(values):
        if not isinstance(value, Interval):
            # Beside an infinite constant there is a coefficient of 0.
            below, above = (b + a * jnp.where(a == 0, 0.0, value) for a, b in ((lower[i], below), (upper[i], above)))
    vary = [i for i, value in enumerate(values) if isinstance(value, Interval)]
    return Planes(tuple(lower[i] for i in vary), below, tuple(upper[i] for i in vary), above)


@RELAX.register("abs")
def _absolute(equation: Equation, values: list[Any], place: Any) -> Planes:
    # |x| = 2 relu(x) - x
    lines = relu_lines(values[0], place)
    doubled = Lines(
        2.0 * lines.lower_slope - 1.0, 2.0 * lines.lower_offset, 2.0 * lines.upper_slope - 1.0, 2.0 * lines.upper_offset
    )
    return _from_lines(doubled)


@RELAX.register("mul")
def _product(equation: Equation, values: list[Any], place: Any) -> Planes:
    x, y = values
    if equation.inputs[0] is equation.inputs[1]:
        square = _from_lines(SCALARS["square"].lines(x, place))
        lower, upper = ((0.5 * a, 0.5 * a) for a in (*square.lower, *square.upper))
        return Planes(lower, square.lower_offset, upper, square.upper_offset)
    shape = equation.outputs[0].shape
    (a, b), (c, d) = ends(x), ends(y)
    p = jnp.broadcast_to(jnp.asarray(place, a.dtype), shape)
    q = 1.0 - p
    # Lower planes touch the corners (a, c) and (b, d), upper ones (a, d) and (b, c).
    lower, upper = (p * c + q * d, p * a + q * b), (p * d + q * c, p * a + q * b)
    return Planes(lower, -(p * a * c + q * b * d), upper, -(p * a * d + q * b * c))


@RELAX.register("reduce_max", "reduce_min")
def _largest(equation: Equation, values: list[Any], place: Any) -> Planes:
    axes = equation.params["axes"]
    x = values[0]
    if equation.name == "reduce_min":
        x = Interval(-x.upper, -x.lower)
    low, high = x.lower, x.upper
    # From below by the input with the largest lower end, of several by that with the largest upper end, or their mean.
    best = jnp.max(low, axes, keepdims=True)
    highest = jnp.where(low == best, high, -jnp.inf)
    chosen = (highest == jnp.max(highest, axes, keepdims=True)).astype(low.dtype)
    lower = chosen / jnp.sum(chosen, axes, keepdims=True)
    # From above max x <= best + sum relu(x - best), each ReLU below its chord; or by the largest upper end.
    above = jnp.maximum(high - best, 0.0)
    slope = jnp.where(above > 0, above / jnp.maximum(high - low, above), 0.0)
    top = jnp.max(high, axes, keepdims=True)
    middle = best + jnp.sum(slope * 0.5 * (high - low), axes, keepdims=True)
    by_chords = middle < top
    upper = jnp.where(by_chords, slope, 0.0)
    offset = jnp.squeeze(jnp.where(by_chords, best - jnp.sum(slope * low, axes, keepdims=True), top), axes)
    zero = jnp.zeros_like(offset)
    if equation.name == "reduce_min":
        return Planes((upper,), -offset, (lower,), zero, axes)
    return Planes((lower,), zero, (upper,), offset, axes)


def register(primitive: Any, *, scalar: Scalar | None = None, interval: Any = None, relax: Any = None) -> None:
    """Teach the bounds a primitive of JAX that they do not know, or another rule for one that they know.

    **Arguments:**

    - `primitive`: its name, as in `jax.make_jaxpr`.
    - `scalar`: for an elementwise function of one variable all that is needed; else
    - `interval`: `interval(equation, *values) -> (Interval, ...)`, one for each output; a value is an `Interval` where
      it varies and an array where it does not.
    - `relax`: `relax(equation, values, place) -> Planes`, for equations with one output; without it linear bounds take
      the interval.

    **Raises:** `TypeError` when the primitive is not named by a text, a rule is no function, or there are none or two
    for the interval.

    >>> import jax
    >>> register("erf_inv", scalar=Scalar(jax.lax.erf_inv, (-1, 1), (0.0,), monotone=1))
    """
    if not isinstance(primitive, str):
        raise TypeError(f"primitive must be the name of a primitive, got {primitive!r}")
    if (scalar is None) == (interval is None):
        raise TypeError("register needs scalar or interval, and not both")
    for name, rule in (("interval", interval), ("relax", relax)):
        if rule is not None and not callable(rule):
            raise TypeError(f"{name} must be a function, got {rule!r}")
    if scalar is not None:
        SCALARS[primitive] = scalar
        interval, relax = apply_scalar, relax_scalar
    INTERVAL.register(primitive)(interval)
    if relax is not None:
        RELAX.register(primitive)(relax)
