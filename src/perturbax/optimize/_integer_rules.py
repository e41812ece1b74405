"""From the equations of a network to steps in integers: the scale that every value is on, and one rule per primitive.

A value `x` is represented by integers `z` with `x = S z`. A layer multiplies the scales of codes and weights, a bias is
rounded on the scale of the sums, and a factor goes into the scale for nothing: so batch normalisation is folded
exactly, and a mean is a sum. ReLU, maxima and moving values around need no scale at all. Scales change in three places:
before a layer, whose codes have as many bits as its weights; where two branches are added; and at the output.
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from ..core import Equation, MissingRuleError, Program, Rules, interpret
from ._integer_builder import INT32, STREAM, Builder, Quantity, compact
from ._integer_steps import (
    STRUCTURAL,
    AbstractStep,
    AddConstant,
    Clip,
    Convolution,
    FloatIsland,
    Join,
    Product,
    Signed,
    Structural,
    Sum,
)
from ._quantizable import weight_operand
from ._rounding import round_weight

# A constant is added on a scale on which the value has at least about so many bits.
_CONSTANT_BITS = 22

INTEGER = Rules(
    "integer",
    "write the model without it, or allow floating-point islands with QuantizationProblem(..., float_islands=True)",
)


def build(builder: Builder, program: Program, codes: tuple[int, int], scale: float) -> Quantity:
    """The output, on one scale, of the program whose input is a code of a range and a scale."""
    variable = program.inputs[0]
    start = Quantity(builder, 0, variable.shape, np.array(scale), max(-codes[0], codes[1]), codes[0] == 0)
    known = interpret(program, _WithIslands() if builder.islands else INTEGER, [start])
    output = known[program.outputs[0]]
    if output.uniform:
        return output
    # No common scale is finer, with a bit to spare for the ratio.
    common = float(np.max(output.scale)) * output.limit / 2.0**29
    return builder.requantise(output, common, (-INT32, INT32), "int32")


class _WithIslands(Rules):
    """The rules in integers, and one in floating point for every other primitive."""

    def __init__(self):
        super().__init__(INTEGER.purpose, INTEGER.remedy)

    def of(self, equation: Equation) -> Callable[..., Any]:
        return INTEGER.of(equation) if equation.name in INTEGER else _island

    def __contains__(self, name: str) -> bool:
        return True


def _island(equation: Equation, *values: Any) -> list[Quantity]:
    varying = [value for value in values if isinstance(value, Quantity)]
    builder, variable = varying[0].builder, equation.outputs[0]
    if len(equation.outputs) > 1 or not jnp.issubdtype(variable.dtype, jnp.floating):
        raise MissingRuleError(f"{equation.name} at {equation.source} makes no floating array and can be no island")

    def function(*reals: Any) -> Any:
        given = iter(reals)
        return equation.bind(*(next(given) if isinstance(value, Quantity) else value for value in values))[0]

    scale = builder.range_of(variable) / STREAM
    scales = tuple(jnp.asarray(value.scale.astype(np.float32)) for value in varying)
    ratio = jnp.asarray(np.float32(1.0 / scale))
    step = FloatIsland(tuple(v.place for v in varying), scales, function, ratio, STREAM)
    place = builder.append(step)
    return [Quantity(builder, place, variable.shape, np.array(scale), STREAM, nonnegative=False)]


def _refuse(equation: Equation, why: str) -> MissingRuleError:
    return MissingRuleError(f"{equation.name} at {equation.source} {why}; {INTEGER.remedy}")


@INTEGER.register("dot_general", "conv_general_dilated")
def _layer(equation: Equation, *values: Any) -> list[Quantity]:
    operand = weight_operand(equation)
    if operand is None:
        varying = next(value for value in values if isinstance(value, Quantity))
        if varying.builder.islands:
            return _island(equation, *values)
        raise _refuse(equation, "multiplies two values that both depend on the input")
    x: Quantity = values[1 - operand]
    builder = x.builder
    layer, bits = builder.layers[equation.outputs[0]]
    x = builder.code(x, equation.inputs[1 - operand], bits)
    if not x.uniform:
        raise _refuse(equation, "takes values on several scales")
    weight, scale = round_weight(layer.weight, bits, layer.channels)
    sums = np.abs(weight.astype(np.int64)).sum(tuple(i for i in range(weight.ndim) if i not in layer.channels))
    limit = int(sums.max()) * x.limit
    if limit > INT32:
        raise ValueError(f"model: the sums of layer {layer.name} could reach {limit}, beyond 2^31 - 1; take fewer bits")
    stored, numbers = jnp.asarray(weight), equation.params["dimension_numbers"]
    if equation.name == "dot_general":
        step: AbstractStep = Product((x.place,), stored, operand == 0, plain(numbers))
        scale = _product_scale(scale, numbers, operand, values[1 - operand].shape)
    else:
        named = (
            "window_strides",
            "padding",
            "lhs_dilation",
            "rhs_dilation",
            "feature_group_count",
            "batch_group_count",
        )
        params = {name: equation.params[name] for name in named}
        params["dimension_numbers"] = (numbers.lhs_spec, numbers.rhs_spec, numbers.out_spec)
        step = Convolution((x.place,), stored, plain(tuple(params.items())))
        scale = scale.reshape([-1 if i == numbers.out_spec[1] else 1 for i in range(weight.ndim)])
    shape = equation.outputs[0].shape
    return [builder.derived(x, step, shape=shape, scale=np.asarray(x.scale * scale), limit=limit, nonnegative=False)]


_CONVOLUTION = (
    "window_strides",
    "padding",
    "lhs_dilation",
    "rhs_dilation",
    "feature_group_count",
    "batch_group_count",
)


def _product_scale(scale: np.ndarray, numbers: Any, operand: int, other: tuple[int, ...]) -> np.ndarray:
    """Scales of channels, of which contracted axes have length 1, laid out as the product is."""
    (contracted, batch), others = (numbers[0][operand], numbers[1][operand]), numbers[0][1 - operand]
    free = [i for i in range(scale.ndim) if i not in (*contracted, *batch)]
    sizes = [scale.shape[i] for i in free]
    ones = [1] * (len(other) - len(others) - len(batch))
    scale = scale.transpose(*batch, *free, *contracted)
    layout = [*ones, *sizes] if operand == 1 else [*sizes, *ones]
    return scale.reshape([scale.shape[i] for i in range(len(batch))] + layout)


@INTEGER.register("add", "add_any", "sub")
def _add(equation: Equation, x: Any, y: Any) -> list[Quantity]:
    negative = equation.name == "sub"
    if isinstance(x, Quantity) and isinstance(y, Quantity):
        return [_join_branches(equation, x, _negated(y) if negative else y)]
    if isinstance(y, Quantity):
        x, y = (_negated(y) if negative else y), x
    else:
        y = -np.asarray(y, np.float64) if negative else np.asarray(y, np.float64)
    return [_add_constant(equation, x, y)]


def _add_constant(equation: Equation, x: Quantity, constant: np.ndarray) -> Quantity:
    shift = int(np.clip(_CONSTANT_BITS - x.limit.bit_length(), 0, 8))
    scale = np.asarray(x.scale / 2.0**shift)
    rounded = np.round(constant / scale)
    limit = x.limit * 2**shift + int(np.abs(rounded).max())
    if limit > INT32:
        raise ValueError(f"model: the constant that is added at {equation.source} leaves the range of 32 bits")
    step = AddConstant((x.place,), jnp.asarray(rounded.astype(np.int32)), shift)
    nonnegative = x.nonnegative and bool((rounded >= 0).all())
    return x.builder.derived(x, step, scale=scale, limit=limit, nonnegative=nonnegative)


def _join_branches(equation: Equation, x: Quantity, y: Quantity) -> Quantity:
    builder, variable = x.builder, equation.outputs[0]
    nonnegative = x.nonnegative and y.nonnegative
    if not (x.uniform and y.uniform and float(x.scale) == float(y.scale) and x.limit + y.limit <= INT32):
        x, y = builder.stream(x, variable), builder.stream(y, variable)
    total = builder.derived(x, Sum((x.place, y.place)), limit=x.limit + y.limit, nonnegative=nonnegative)
    low, high = (0 if nonnegative else -STREAM - 1), STREAM
    return _clipped(total, low, high) if total.limit > high else total


def _clipped(x: Quantity, low: Any, high: Any) -> Quantity:
    bounds = [compact(np.asarray(bound, np.int32)) for bound in (low, high)]
    step = Clip((x.place,), *map(jnp.asarray, bounds))
    limit = min(x.limit, int(max(np.abs(bound.astype(np.int64)).max() for bound in bounds)))
    return x.builder.derived(x, step, limit=limit, nonnegative=x.nonnegative or bool((bounds[0] >= 0).all()))


def _negated(x: Quantity) -> Quantity:
    return x.builder.derived(x, Signed((x.place,), jnp.asarray(np.int32(-1))), nonnegative=False)


@INTEGER.register("neg")
def _neg(equation: Equation, x: Quantity) -> list[Quantity]:
    return [_negated(x)]


@INTEGER.register("mul", "div")
def _scaled(equation: Equation, x: Any, y: Any) -> list[Quantity]:
    if equation.name == "mul" and not isinstance(x, Quantity):
        x, y = y, x
    if not isinstance(x, Quantity) or isinstance(y, Quantity):
        varying = x if isinstance(x, Quantity) else y
        if varying.builder.islands:
            return _island(equation, x, y)
        raise _refuse(equation, "is no multiplication with a constant")
    factor = np.asarray(y, np.float64)
    factor = 1.0 / factor if equation.name == "div" else factor
    size = np.where(factor == 0.0, 1.0, np.abs(factor))
    if not np.isfinite(size).all():
        raise ValueError(f"model: the constant of {equation.name} at {equation.source} must be finite")
    sign = np.sign(factor).astype(np.int32)
    scaled = dataclasses.replace(x, scale=compact(x.scale * size))
    if (sign == 1).all():
        return [scaled]
    return [x.builder.derived(scaled, Signed((x.place,), jnp.asarray(sign)), nonnegative=False)]


@INTEGER.register("max", "min")
def _bounded(equation: Equation, x: Any, y: Any) -> list[Quantity]:
    x, y = (x, y) if isinstance(x, Quantity) else (y, x)
    if isinstance(y, Quantity):
        if x.builder.islands:
            return _island(equation, x, y)
        raise _refuse(equation, "compares two values that both depend on the input")
    bound = np.clip(np.round(np.asarray(y, np.float64) / x.scale), -INT32, INT32)
    return [_clipped(x, bound, INT32) if equation.name == "max" else _clipped(x, -INT32, bound)]


@INTEGER.register("clamp")
def _clamp(equation: Equation, low: Any, x: Quantity, high: Any) -> list[Quantity]:
    bounds = [np.clip(np.round(np.asarray(b, np.float64) / x.scale), -INT32, INT32) for b in (low, high)]
    return [_clipped(x, *bounds)]


@INTEGER.register("convert_element_type", "reduce_precision")
def _unchanged(equation: Equation, x: Quantity) -> list[Quantity]:
    if not jnp.issubdtype(equation.outputs[0].dtype, jnp.floating):
        raise _refuse(equation, "makes integers of values that depend on the input")
    return [x]


@INTEGER.register("concatenate")
def _concatenated(equation: Equation, *values: Any) -> list[Quantity]:
    variable = equation.outputs[0]
    first = next(value for value in values if isinstance(value, Quantity))
    if not all(isinstance(value, Quantity) for value in values):
        raise _refuse(equation, "joins constants to values")
    if not all(value.uniform and float(value.scale) == float(first.scale) for value in values):
        values = tuple(first.builder.stream(value, variable) for value in values)
    limit, nonnegative = max(v.limit for v in values), all(v.nonnegative for v in values)
    step = Join(tuple(v.place for v in values), equation.params["dimension"])
    place = first.builder.append(step)
    return [Quantity(first.builder, place, variable.shape, values[0].scale, limit, nonnegative)]


_WINDOW = ("window_dimensions", "window_strides", "padding", "base_dilation", "window_dilation")
_PARAMS: dict[str, tuple[str, ...]] = {
    "broadcast_in_dim": ("shape", "broadcast_dimensions"),
    "pad": ("padding_config",),
    "reduce_max": ("axes",),
    "reduce_sum": ("axes",),
    "reduce_window_max": _WINDOW,
    "reduce_window_sum": _WINDOW,
    "rev": ("dimensions",),
    "slice": ("start_indices", "limit_indices", "strides"),
    "transpose": ("permutation",),
}


@INTEGER.register(*_PARAMS, "expand_dims", "reshape", "squeeze")
def _structural(equation: Equation, x: Any, *others: Any) -> list[Quantity]:
    name, shape = equation.name, equation.outputs[0].shape
    if not isinstance(x, Quantity) or (name == "pad" and np.any(np.asarray(others[0]) != 0)):
        raise _refuse(equation, "pads with something else than zeros")
    if name in ("expand_dims", "reshape", "squeeze"):
        name, params = "reshape", {"new_sizes": shape}
    else:
        params = {key: equation.params[key] for key in _PARAMS[name]}
        if name == "broadcast_in_dim":
            params = {"shape": shape, "broadcast_dimensions": params["broadcast_dimensions"]}
    summed = name in ("reduce_sum", "reduce_window_sum")
    terms = _terms(name, params, x.shape) if summed else 1
    scale = _moved_scale(x, name, params)
    if scale is None or x.limit * terms > INT32:
        x = x.builder.stream(x, equation.inputs[0])
        scale = x.scale
    if x.limit * terms > INT32:
        raise ValueError(f"model: the sum at {equation.source} could leave the range of 32 bits")
    step = Structural((x.place,), name, plain(tuple(params.items())))
    return [x.builder.derived(x, step, shape=shape, scale=scale, limit=x.limit * terms)]


def _terms(name: str, params: Mapping[str, Any], shape: tuple[int, ...]) -> int:
    if name == "reduce_sum":
        return int(np.prod([shape[axis] for axis in params["axes"]]))
    return int(np.prod(params["window_dimensions"]))


def _moved_scale(x: Quantity, name: str, params: Mapping[str, Any]) -> np.ndarray | None:
    """The scale after a structural step; `None` where it would mix several.

    The step is done on the ranks of the scales, which are integers as its values are.
    """
    if x.uniform:
        return x.scale
    scales, ranks = np.unique(np.broadcast_to(x.scale, x.shape), return_inverse=True)
    ranks = jnp.asarray(ranks.reshape(x.shape).astype(np.int32))
    params = dict(params)
    if name in ("reduce_max", "reduce_sum", "reduce_window_max", "reduce_window_sum"):
        largest = name.replace("sum", "max")
        ends = [np.asarray(STRUCTURAL[largest](sign * ranks, **params)) for sign in (1, -1)]
        if not np.array_equal(ends[0], -ends[1]):
            return None
        return compact(scales[ends[0]])
    return compact(scales[np.asarray(STRUCTURAL[name](ranks, **params))])


def plain(value: Any) -> Any:
    """Parameters of a primitive as nested tuples of Python's own numbers, which a file can hold."""
    if isinstance(value, tuple | list):
        return tuple(map(plain, value))
    return value.item() if isinstance(value, np.generic) else value
