"""Forward propagation of linear bounds: every variable between two linear functions of the inputs.

With the inputs as one vector `x`, `A_l x + b_l <= v <= A_u x + b_u`. An affine equation with the linear part `L` gives

    A_l' = L (A_l + A_u) / 2 - |L| (A_u - A_l) / 2,      A_u' = L (A_l + A_u) / 2 + |L| (A_u - A_l) / 2

because `L` is the difference of its positive and negative parts; a plane is an affine function of its operands.
Until the first relaxation both are one array, and nothing is computed twice.
"""

import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array

from ..core import Equation, step
from ._affine import Affine, is_affine, is_structural
from ._backward import Place, least
from ._graph import Graph, boxes_of
from ._interval import INTERVAL
from ._relax import Planes, relaxation
from ._sets import Interval


class Form(eqx.Module):
    """Linear bounds of a variable: coefficients of shape `(inputs, *shape)` and constants of its shape."""

    lower: Any
    below: Any
    upper: Any
    above: Any


def forward(graph: Graph, place: Place) -> tuple[dict[Any, Any], dict[Any, Form]]:
    """Intervals of all variables, with interval arithmetic where that is tighter, and the forms of the varying ones."""
    known: dict[Any, Any] = dict(zip(graph.program.inputs, boxes_of(graph), strict=True))
    forms, targets = _of_inputs(graph), {*graph.targets(), graph.output}
    for equation in graph.program.equations:
        step(equation, INTERVAL, known)
        if not equation.varying:
            continue
        for variable, form in zip(equation.outputs, _push(equation, known, forms, place), strict=True):
            if form is None:
                continue
            forms[variable] = form
            if variable in targets:
                known[variable] = extremes(graph, form).intersect(known[variable])
    return known, forms


def extremes(graph: Graph, form: Form) -> Interval:
    """The least and the greatest values of the linear bounds."""
    shape = form.below.shape

    def lower(coefficients: Array, constant: Array) -> Array:
        rows = coefficients.reshape(len(coefficients), -1).T
        found = jax.vmap(lambda row, b: least(graph, split(graph, row), b))(rows, constant.reshape(-1))
        return found.reshape(shape)

    return Interval(lower(form.lower, form.below), 0.0 - lower(-form.upper, -form.above))


def split(graph: Graph, row: Array) -> tuple[Array, ...]:
    """Coefficients of all inputs as arrays of their shapes."""
    parts, start = [], 0
    for variable in graph.program.inputs:
        size = math.prod(variable.shape)
        parts.append(row[start : start + size].reshape(variable.shape))
        start += size
    return tuple(parts)


def _of_inputs(graph: Graph) -> dict[Any, Form]:
    total = sum(math.prod(variable.shape) for variable in graph.program.inputs)
    forms, start = {}, 0
    for variable in graph.program.inputs:
        size = math.prod(variable.shape)
        own = jnp.eye(total, size, -start, dtype=variable.dtype).reshape(total, *variable.shape)
        zero = jnp.zeros(variable.shape, variable.dtype)
        forms[variable] = Form(own, zero, own, zero)
        start += size
    return forms


def _push(equation: Equation, known: dict[Any, Any], forms: dict[Any, Form], place: Place) -> list[Form | None]:
    total = len(next(iter(forms.values())).lower)
    if is_affine(equation):
        return list(_push_affine(equation, known, [forms[v] for v in equation.inputs if v.varying]))
    relaxed = relaxation(equation, known, place)
    if isinstance(relaxed, Planes):
        return [_push_planes(relaxed, [forms[v] for v in equation.inputs if v.varying])]
    return [
        Form(jnp.zeros((total, *v.shape), v.dtype), y.lower, jnp.zeros((total, *v.shape), v.dtype), y.upper)
        if jnp.issubdtype(v.dtype, jnp.floating)
        else None
        for v, y in zip(equation.outputs, relaxed, strict=True)
    ]


def _push_affine(equation: Equation, known: dict[Any, Any], operands: list[Form]) -> list[Form]:
    affine = Affine(equation, known)
    magnitude, structural = affine.magnitude(), is_structural(equation)

    def pushed(lower: tuple[Array, ...], upper: tuple[Array, ...]) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
        if structural:
            return affine.linear(*lower), affine.linear(*upper)
        centre = affine.linear(*(0.5 * (a + b) for a, b in zip(lower, upper, strict=True)))
        spread = magnitude(*(0.5 * (b - a) for a, b in zip(lower, upper, strict=True)))
        both = list(zip(centre, spread, strict=True))
        return tuple(c - r for c, r in both), tuple(c + r for c, r in both)

    offset = affine.offset()
    if all(f.lower is f.upper and f.below is f.above for f in operands):
        exact = jax.vmap(affine.linear)(*(f.lower for f in operands))
        constant = [b + o for b, o in zip(affine.linear(*(f.below for f in operands)), offset, strict=True)]
        return [Form(a, b, a, b) for a, b in zip(exact, constant, strict=True)]
    lower, upper = jax.vmap(pushed)(tuple(f.lower for f in operands), tuple(f.upper for f in operands))
    below, above = pushed(tuple(f.below for f in operands), tuple(f.above for f in operands))
    return [Form(a, b + o, c, d + o) for a, b, c, d, o in zip(lower, below, upper, above, offset, strict=True)]


def _push_planes(planes: Planes, operands: list[Form]) -> Form:
    def plane(slopes: tuple[Array, ...], low: list[Array], high: list[Array]) -> Array:
        terms = [jnp.where(a > 0, a * p, a * q) for a, p, q in zip(slopes, low, high, strict=True)]
        whole = sum(terms[1:], terms[0])
        return jnp.sum(whole, planes.axes) if planes.axes else whole

    lows, highs = [f.lower for f in operands], [f.upper for f in operands]
    lower = jax.vmap(lambda *ends: plane(planes.lower, list(ends[: len(lows)]), list(ends[len(lows) :])))
    upper = jax.vmap(lambda *ends: plane(planes.upper, list(ends[: len(lows)]), list(ends[len(lows) :])))
    below, above = [f.below for f in operands], [f.above for f in operands]
    return Form(
        lower(*lows, *highs),
        plane(planes.lower, below, above) + planes.lower_offset,
        upper(*highs, *lows),
        plane(planes.upper, above, below) + planes.upper_offset,
    )
