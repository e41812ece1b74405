"""Functions that JAX writes as several primitives, found again as one because bounds of the whole are tighter.

A pattern is a reference function, flattened. Its output matches an equation when the primitives, parameters, constants
and the way they are joined agree from there up to the reference's single input. Nothing goes by a name, so a function
that is written in another way keeps its own primitives. What matched becomes

    gelu, silu, softplus, elu, mish      one function of one variable
    softmax_i = 1 / sum_j exp(x_j - x_i) in which differences cancel what is shared, and which lies in (0, 1]
    logsumexp                            a tangent plane from below; chords of exp, then a tangent of log, from above
    where(x > 0, x, a x)                 a x + (1 - a) relu(x)
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from ..core import Constant, Equation, Program, Variable, flatten, splice
from ._interval import INTERVAL, apply_scalar, ends
from ._relax import RELAX, Planes, relax_scalar
from ._scalar import SCALARS, Scalar
from ._sets import Interval


@dataclasses.dataclass(frozen=True)
class Fused:
    """What stands in the place of a primitive in the equation of a matched function."""

    name: str
    function: Callable[..., Any]
    multiple_results: bool = False

    def bind(self, *values: Any, **params: Any) -> Any:
        """The function's value."""
        return self.function(*values, **params)


def _gelu(x: Any) -> Any:
    return jax.nn.gelu(x, approximate=False)


# Inflections and minima from f'' = 0 and f' = 0 in float64; those of the exact GELU are +-sqrt(2).
_FUNCTIONS: dict[str, Scalar] = {
    "mish": Scalar(jax.nn.mish, (-1, 1, -1), (-2.256376396360793, 1.4905711794854282), extrema=(-1.1924312145154958,)),
    "gelu": Scalar(_gelu, (-1, 1, -1), (-1.4142135623730951, 1.4142135623730951), extrema=(-0.7517915246935644,)),
    "gelu_tanh": Scalar(
        jax.nn.gelu, (-1, 1, -1), (-1.4185040087908283, 1.4185040087908283), extrema=(-0.752461422071016,)
    ),
    "silu": Scalar(jax.nn.silu, (-1, 1, -1), (-2.3993572805154675, 2.3993572805154675), extrema=(-1.278464542761074,)),
    "softplus": Scalar(jax.nn.softplus, (1,), monotone=1),
    "elu": Scalar(jax.nn.elu, (1,), monotone=1),
}
SCALARS.update(_FUNCTIONS)
INTERVAL.register(*_FUNCTIONS)(apply_scalar)
RELAX.register(*_FUNCTIONS)(relax_scalar)


def _logsumexp(x: Any, axes: tuple[int, ...]) -> Any:
    return jax.nn.logsumexp(x, axes)


@INTERVAL.register("logsumexp")
def _interval_logsumexp(equation: Equation, x: Interval) -> tuple[Interval]:
    return (Interval(*(_logsumexp(end, **equation.params) for end in ends(x))),)


@RELAX.register("logsumexp")
def _relax_logsumexp(equation: Equation, values: list[Any], place: Any) -> Planes:
    axes = equation.params["axes"]
    low, high = values[0].lower, values[0].upper
    m = 0.5 * (low + high)
    value = _logsumexp(m, axes)
    weights = jax.nn.softmax(m, axes)
    below = value - jnp.sum(weights * m, axes)
    # exp(x - s) lies below its chord k x + o, and log S below its tangent at the value T of the chords in the middle.
    s = jnp.max(high, axes, keepdims=True)
    narrow = high - low <= 1e-6
    at_l, at_u = jnp.exp(low - s), jnp.exp(high - s)
    k = jnp.where(narrow, jnp.exp(m - s), (at_u - at_l) / jnp.where(narrow, 1.0, high - low))
    o = jnp.maximum(at_l - k * low, at_u - k * high)
    T = jnp.sum(k * m + o, axes, keepdims=True)
    above = jnp.squeeze(jnp.log(T) + s - 1.0, axes) + jnp.sum(o / T, axes)
    return Planes((weights,), below, (k / T,), above, axes)


def fuse(program: Program) -> Program:
    """The program with its matched functions as single equations."""
    for name, scalar in _FUNCTIONS.items():
        program = _replace(program, functools.partial(_scalar_match, name, scalar.function))
    program = _replace(program, _leaky_match)
    for kind in (_softmax_match, _logsumexp_match):
        program = _replace(program, kind)
    return program.live()


# A matcher gets an equation and the producers; it gives the equations and the value to put in the place of its output.
_Found = tuple[list[Equation], Any] | None


def _replace(program: Program, matcher: Callable[[Equation, dict[Variable, Equation]], _Found]) -> Program:
    producers = program.producers()
    replaced: dict[Any, Any] = {}
    equations: list[Equation] = []
    for equation in program.equations:
        equation = dataclasses.replace(equation, inputs=tuple(replaced.get(v, v) for v in equation.inputs))
        producers.update(dict.fromkeys(equation.outputs, equation))
        found = matcher(equation, producers) if equation.varying else None
        if found is None:
            equations.append(equation)
            continue
        equations.extend(found[0])
        producers.update({output: new for new in found[0] for output in new.outputs})
        replaced[equation.outputs[0]] = found[1]
    return Program(program.inputs, tuple(equations), tuple(replaced.get(v, v) for v in program.outputs))


def _scalar_match(name: str, function: Any, equation: Equation, producers: dict[Variable, Equation]) -> _Found:
    output = equation.outputs[0]
    if not jnp.issubdtype(output.dtype, jnp.floating):
        return None
    x = _match(_reference(function, output.shape, str(output.dtype)), equation, producers)
    if x is None:
        return None
    value = Variable(output.shape, output.dtype, varying=True)
    return [Equation(Fused(name, function), {}, (x,), (value,), equation.source)], value


def _softmax_match(equation: Equation, producers: dict[Variable, Equation]) -> _Found:
    if equation.name != "div":
        return None
    output = equation.outputs[0]
    for axis in range(len(output.shape)):
        function = functools.partial(jax.nn.softmax, axis=axis)
        x = _match(_reference(function, output.shape, str(output.dtype), axis), equation, producers)
        if x is not None:
            equations, (value,) = splice(functools.partial(_softmax, axis=axis), [x], equation.source)
            return equations, value
    return None


def _softmax(x: Any, axis: int) -> Any:
    x = jnp.moveaxis(x, axis, -1)
    itself = np.eye(x.shape[-1], dtype=bool)
    differences = jnp.where(itself, 0.0, x[..., None, :] - x[..., :, None])
    return jnp.moveaxis(jax.lax.integer_pow(jnp.sum(jnp.exp(differences), -1), -1), -1, axis)


def _logsumexp_match(equation: Equation, producers: dict[Variable, Equation]) -> _Found:
    if equation.name not in ("add", "sub"):
        return None
    for x, axes in _maxima(equation, producers):
        for function in (_LSE, _LSE_KEPT, jax.nn.log_softmax):
            given = functools.partial(function, axis=axes)
            reference = _reference(given, x.shape, str(x.dtype), (function, axes))
            if _match(reference, equation, producers) is not x:
                continue
            shape = tuple(n for i, n in enumerate(x.shape) if i not in axes)
            value = Variable(shape, x.dtype, varying=True)
            fused = Equation(Fused("logsumexp", _logsumexp), {"axes": axes}, (x,), (value,), equation.source)
            if function is _LSE:
                return [fused], value
            form = _keep if function is _LSE_KEPT else _subtract
            rest, (found,) = splice(functools.partial(form, axes=axes), [value, x], equation.source)
            return [fused, *rest], found
    return None


def _LSE(x: Any, axis: Any) -> Any:
    return jax.nn.logsumexp(x, axis)


def _LSE_KEPT(x: Any, axis: Any) -> Any:
    return jax.nn.logsumexp(x, axis, keepdims=True)


def _keep(value: Any, x: Any, axes: tuple[int, ...]) -> Any:
    return jnp.expand_dims(value, axes)


def _subtract(value: Any, x: Any, axes: tuple[int, ...]) -> Any:
    return x - jnp.expand_dims(value, axes)


def _maxima(equation: Equation, producers: dict[Variable, Equation]) -> list[tuple[Variable, tuple[int, ...]]]:
    """Operands and axes of maxima a few equations above: what `logsumexp` subtracts before it takes exponentials."""
    found: dict[tuple[Variable, tuple[int, ...]], None] = {}
    level = [equation]
    for _ in range(_DEPTH):
        level = [producers[v] for e in level for v in e.inputs if v in producers and v.varying]
        for e in level:
            if e.name == "reduce_max":
                found[e.inputs[0], e.params["axes"]] = None
    return list(found)


# The longest way from the result of `logsumexp` or `log_softmax` to its maximum.
_DEPTH = 12


def _leaky_match(equation: Equation, producers: dict[Variable, Equation]) -> _Found:
    """`where(x > 0, x, a x)`, also with `>=` and with 0 for `a x`."""
    if equation.name != "select_n" or len(equation.inputs) != 3:
        return None
    which, off, on = equation.inputs
    test, scaled = producers.get(which), producers.get(off)
    if test is None or test.name not in ("gt", "ge") or test.inputs[0] is not on:
        return None
    if not _is_zero(test.inputs[1], producers):
        return None
    if _is_zero(off, producers):
        equations, (value,) = splice(lambda x: jnp.maximum(x, 0.0), [on], equation.source)
        return equations, value
    if scaled is None or scaled.name != "mul" or on not in scaled.inputs:
        return None
    factor = scaled.inputs[1] if scaled.inputs[0] is on else scaled.inputs[0]
    if factor.varying:
        return None
    equations, (value,) = splice(lambda x, a: a * x + (1.0 - a) * jnp.maximum(x, 0.0), [on, factor], equation.source)
    return equations, value


def _is_zero(value: Any, producers: dict[Variable, Equation]) -> bool:
    while value in producers and producers[value].name in ("broadcast_in_dim", "convert_element_type"):
        value = producers[value].inputs[0]
    return isinstance(value, Constant) and not isinstance(value.value, Tracer) and not np.any(np.asarray(value.value))


_REFERENCES: dict[Any, Program] = {}


def _reference(function: Any, shape: tuple[int, ...], dtype: str, key: Any = None) -> Program:
    """A reference, flattened once for each shape."""
    key = (getattr(function, "func", function), shape, dtype, key)
    if key not in _REFERENCES:
        _REFERENCES[key] = flatten(function, jax.ShapeDtypeStruct(shape, dtype))
    return _REFERENCES[key]


def _match(reference: Program, equation: Equation, producers: dict[Variable, Equation]) -> Variable | None:
    """What stands for the reference's input when its last equation matches `equation`."""
    of_reference = reference.producers()
    start = reference.inputs[0]
    bound: dict[Any, Any] = {}

    def same(ours: Any, theirs: Any) -> bool:
        if isinstance(ours, Constant) or isinstance(theirs, Constant):
            return isinstance(ours, Constant) and isinstance(theirs, Constant) and _equal(ours.value, theirs.value)
        if ours in bound:
            return bound[ours] is theirs
        if ours is not start:
            a, b = of_reference[ours], producers.get(theirs)
            if b is None or a.outputs.index(ours) != b.outputs.index(theirs) or not alike(a, b):
                return False
        elif ours.shape != theirs.shape:
            return False
        bound[ours] = theirs
        return True

    def alike(a: Equation, b: Equation) -> bool:
        if a.name != b.name or len(a.inputs) != len(b.inputs) or not _equal_params(a.params, b.params):
            return False
        return all(same(x, y) for x, y in zip(a.inputs, b.inputs, strict=True))

    last = of_reference.get(reference.outputs[0])
    return bound.get(start) if last is not None and alike(last, equation) else None


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, Tracer) or isinstance(b, Tracer):
        return False
    return np.shape(a) == np.shape(b) and bool(np.all(np.asarray(a) == np.asarray(b)))


def _equal_params(a: Any, b: Any) -> bool:
    # An axis may be an integer of Python or of NumPy; functions and the like are alike when they are printed alike.
    return a.keys() == b.keys() and all(
        bool(a[name] == b[name]) if isinstance(a[name], int | tuple) else str(a[name]) == str(b[name]) for name in a
    )
