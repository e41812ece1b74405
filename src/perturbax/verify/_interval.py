"""Interval arithmetic: one rule per primitive, from intervals of the operands to intervals of the outputs.

A linear map of centre `c` and radius `r` has centre `L c` and radius `|L| r`. What is monotone takes its ends; products
take the extremes of the four corners. A comparison is a boolean interval, `False <= ? <= True` where it is undecided.
"""

from typing import Any

import jax.numpy as jnp
import numpy as np

from ..core import Equation, Rules
from ._affine import STRUCTURAL, Affine
from ._scalar import SCALARS, Scalar, integer_power, real_power
from ._sets import Interval

INTERVAL = Rules("interval", "add one with perturbax.verify.register, or keep the perturbed values away from it")


def ends(value: Any) -> tuple[Any, Any]:
    """The lower and the upper end; a constant is both."""
    return (value.lower, value.upper) if isinstance(value, Interval) else (value, value)


def scalar_of(equation: Equation) -> Scalar | None:
    """The function of one variable that an equation applies, when it is one."""
    if equation.name == "integer_pow":
        return integer_power(equation.params["y"])
    if equation.name == "pow":
        exponent = getattr(equation.inputs[1], "value", None)
        plain = isinstance(exponent, float | int | np.generic | np.ndarray) and np.size(exponent) == 1
        return real_power(float(np.asarray(exponent).item())) if plain else None
    return SCALARS.get(equation.name)


def apply_scalar(equation: Equation, x: Any, *_: Any) -> tuple[Interval]:
    """The rule of every primitive in `SCALARS`."""
    scalar = scalar_of(equation)
    if scalar is None:
        raise ValueError(f"the exponent at {equation.source} must be one number that is known, of a perturbed base")
    return (scalar.range(x),)


INTERVAL.register(*SCALARS, "integer_pow", "pow")(apply_scalar)


@INTERVAL.register(*STRUCTURAL)
def _structural(equation: Equation, *values: Any) -> tuple[Interval, ...]:
    allowed = STRUCTURAL[equation.name]
    for i, value in enumerate(values):
        if allowed is not None and i not in allowed and isinstance(value, Interval):
            raise ValueError(f"an index of {equation.name} at {equation.source} must not depend on perturbed values")
    if equation.name == "convert_element_type" and equation.outputs[0].dtype == bool:
        return _is_nonzero(values[0])
    lower, upper = zip(*map(ends, values), strict=True)
    return tuple(map(Interval, equation.bind(*lower), equation.bind(*upper)))


def _is_nonzero(x: Interval) -> tuple[Interval]:
    """A number as a boolean, which is not monotone."""
    return (Interval((x.lower > 0) | (x.upper < 0), (x.lower != 0) | (x.upper != 0)),)


@INTERVAL.register(
    "and",
    "ceil",
    "clamp",
    "cummax",
    "cummin",
    "floor",
    "max",
    "min",
    "or",
    "reduce_and",
    "reduce_max",
    "reduce_min",
    "reduce_or",
    "reduce_window_max",
    "reduce_window_min",
    "round",
    "sign",
)
def _monotone(equation: Equation, *values: Any) -> tuple[Interval, ...]:
    lower, upper = zip(*map(ends, values), strict=True)
    return tuple(map(Interval, equation.bind(*lower), equation.bind(*upper)))


@INTERVAL.register("sort")
def _sorted(equation: Equation, *values: Any) -> tuple[Interval, ...]:
    if len(values) > 1:
        raise ValueError(f"sorting several arrays by one at {equation.source} must not depend on perturbed values")
    return _monotone(equation, *values)


@INTERVAL.register("neg", "not")
def _antitone(equation: Equation, x: Interval) -> tuple[Interval]:
    return (Interval(*equation.bind(x.upper), *equation.bind(x.lower)),)


@INTERVAL.register("sub")
def _difference(equation: Equation, x: Any, y: Any) -> tuple[Interval]:
    (a, b), (c, d) = ends(x), ends(y)
    return (Interval(a - d, b - c),)


@INTERVAL.register("abs")
def _absolute(equation: Equation, x: Interval) -> tuple[Interval]:
    least = jnp.maximum(jnp.maximum(x.lower, -x.upper), 0.0)
    return (Interval(least, jnp.maximum(-x.lower, x.upper)),)


@INTERVAL.register("mul", "div")
def _product(equation: Equation, x: Any, y: Any) -> tuple[Interval]:
    (a, b), (c, d) = ends(x), ends(y)
    if equation.name == "mul" and equation.inputs[0] is equation.inputs[1]:
        return (SCALARS["square"].range(x),)
    corners = [equation.bind(p, q)[0] for p in (a, b)[: 1 + (a is not b)] for q in (c, d)[: 1 + (c is not d)]]
    found = Interval(jnp.stack(corners).min(0), jnp.stack(corners).max(0))
    if equation.name == "div" and isinstance(y, Interval):
        contains_zero = (c <= 0) & (d >= 0)
        lower = jnp.where(contains_zero, -jnp.inf, found.lower)
        return (Interval(lower, jnp.where(contains_zero, jnp.inf, found.upper)),)
    return (found,)


@INTERVAL.register("dot_general", "conv_general_dilated")
def _linear(equation: Equation, x: Any, y: Any) -> tuple[Interval]:
    if isinstance(x, Interval) and isinstance(y, Interval):
        raise ValueError(f"{equation.name} at {equation.source}: both operands are perturbed")
    interval = x if isinstance(x, Interval) else y
    known = {v: value for v, value in zip(equation.inputs, (x, y), strict=True) if not v.varying}
    affine = Affine(equation, known)
    centre, radius = 0.5 * (interval.lower + interval.upper), 0.5 * (interval.upper - interval.lower)
    (middle,), (spread,) = affine(centre), affine.magnitude()(radius)
    return (Interval(middle - spread, middle + spread),)


@INTERVAL.register("lt", "le", "gt", "ge", "eq", "ne")
def _comparison(equation: Equation, x: Any, y: Any) -> tuple[Interval]:
    (a, b), (c, d) = ends(x), ends(y)
    if equation.name in ("gt", "ge"):
        (a, b), (c, d) = (c, d), (a, b)
    # What an end that is NaN compares with is undecided, so the upper ends are negated.
    if equation.name in ("lt", "gt"):
        return (Interval(b < c, ~(a >= d)),)
    if equation.name in ("le", "ge"):
        return (Interval(b <= c, ~(a > d)),)
    if equation.inputs[0] is equation.inputs[1]:
        same = jnp.isfinite(a) & jnp.isfinite(b)  # x == x but for NaN
        equal = Interval(same, jnp.ones_like(same))
    else:
        equal = Interval((a == b) & (c == d) & (a == c), ~((a > d) | (c > b)))
    return (equal,) if equation.name == "eq" else (Interval(~equal.upper, ~equal.lower),)


@INTERVAL.register("is_finite")
def _is_finite(equation: Equation, x: Interval) -> tuple[Interval]:
    finite = jnp.isfinite(x.lower) & jnp.isfinite(x.upper)
    return (Interval(finite, jnp.ones_like(finite)),)


@INTERVAL.register("select_n")
def _selection(equation: Equation, which: Any, *cases: Any) -> tuple[Interval]:
    if not isinstance(which, Interval):
        lower, upper = zip(*map(ends, cases), strict=True)
        return (Interval(*equation.bind(which, *lower), *equation.bind(which, *upper)),)
    if len(cases) > 2:
        raise ValueError(f"a choice between {len(cases)} at {equation.source} must not depend on perturbed values")
    # Where the choice is decided both ends choose alike; elsewhere the result lies in the hull of the cases.
    lower, upper = zip(*map(ends, cases), strict=True)
    decided = [[jnp.where(pick, end[1], end[0]) for end in (lower, upper)] for pick in (which.lower, which.upper)]
    (a, b), (c, d) = decided
    return (Interval(jnp.minimum(a, c), jnp.maximum(b, d)),)
