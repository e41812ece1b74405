"""A user's energy, evaluated on plane waves: equations of JAX with waves in the place of numbers.

What is linear acts on amplitudes, products are those of waves, and `cos` and `sin` of `2 pi n . x` become waves. So the
derivatives of a polynomial energy with trigonometric coefficients are exact. What depends on `x` alone is worked out
once, by `sources`; what depends on the solution is worked out under `jit`, by `on_waves`. The integral of an output is
linear in it, so that behind the last product only means are needed: `mean_on_waves` never forms that product.

`on_magnitudes` evaluates the same program on bounds of absolute values. With sums of amplitudes these are bounds at
every point of the box, and with Barron norms, which are submultiplicative, bounds of Barron norms.
"""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..core import Constant, Equation, Program, Rules, Variable, flatten
from ._plane_waves import Merged, Waves, collect, constant, joined, mean_product, multiply, trimmed
from ._problem import PDEProblem

_LINEAR = (
    *("reshape", "squeeze", "broadcast_in_dim", "transpose", "slice", "reduce_sum", "gather", "dynamic_slice"),
    *("neg", "rev", "expand_dims", "cumsum", "pad", "split"),
)
_ADDED = ("add", "add_any", "sub", "concatenate", "convert_element_type", "reduce_precision")
_REMEDY = "plane waves take polynomials and cos, sin of 2 pi n x; representation=SpectralGrid(n) takes any energy"
_WAVES = Rules("plane wave", _REMEDY)
_BOUNDS = Rules("polynomial", f"{_REMEDY}, with step=Backtracking() or FixedStep(size)")


class Affine(eqx.Module):
    """Arrays of `a . x + b`: `(*shape, dimension + 1)` with `b` last."""

    columns: Float[Array | np.ndarray, "*shape columns"]

    def like(self, columns: Any) -> "Affine":
        """Other coefficients."""
        return Affine(columns)


class _Unknown:
    """What depends on the solution, while `sources` works out what does not."""


class _Walk:
    """What rules need beside the values: the box, how much is kept, and the largest share that was dropped."""

    def __init__(self, problem: PDEProblem, capacity: int | None, tolerance: Any):
        self.lower = jnp.asarray(problem.domain.lower, float)
        self.sides = jnp.asarray(problem.domain.upper, float) - self.lower
        self.dimension = problem.dimension
        self.capacity, self.tolerance = capacity, tolerance
        self.dropped: Any = jnp.zeros(())

    def keep(self, merged: Merged) -> Waves:
        """A sum, with account of what was dropped."""
        self.dropped = jnp.maximum(self.dropped, merged.dropped)
        return trimmed(merged.waves) if self.capacity is None else merged.waves

    def multiply(self, a: Waves, b: Waves, bilinear: Callable = jnp.multiply) -> Waves:
        """The product of two sums."""
        a, b = self.collected(a), self.collected(b)
        capacity = 2 * len(a.frequencies) * len(b.frequencies) if self.capacity is None else self.capacity
        return self.keep(multiply(a, b, capacity, self.tolerance, bilinear))

    def collected(self, waves: Waves) -> Waves:
        """A sum in which no wave is there twice."""
        return waves if waves.distinct else self.keep(collect(waves, len(waves.frequencies), 0.0))

    def wave(self, value: Any) -> Waves:
        """A value as waves."""
        if isinstance(value, Affine):
            raise ValueError(f"energy must be periodic in x, it has x outside of cos and sin; {_REMEDY}")
        return value if isinstance(value, Waves) else constant(value, self.dimension)


def sources(problem: PDEProblem, function: Callable) -> dict[int, Waves]:
    """What a function of `(x, u, p)` computes from `x` alone and then uses with the rest, by the number of the value.

    **Raises:** `ValueError` for what is not a sum of plane waves on the domain; `MissingRuleError`.
    """
    program, walk = _program(problem, function), _Walk(problem, None, 0.0)
    known: dict[Any, Any] = dict(zip(program.inputs, (_position(problem), _Unknown(), _Unknown()), strict=True))
    for equation in program.equations:
        values = equation.values(known)
        if any(isinstance(value, _Unknown) for value in values):
            found: Any = [_Unknown()] * len(equation.outputs)
        elif equation.varying:
            found = _WAVES.of(equation)(equation, walk, *values)
        else:
            found = equation.bind(*values)
        known.update(zip(equation.outputs, found, strict=True))
    wanted = {}
    for number, value in _numbered(program).items():
        if isinstance(known[value], Waves | Affine) and _meets_unknown(program, value, known):
            wanted[number] = trimmed(walk.collected(walk.wave(known[value])))
    return wanted


def on_waves(
    problem: PDEProblem, function: Callable, given: dict[int, Waves], u: Waves, p: Waves, capacity: int, tolerance: Any
) -> tuple[list[Waves], Array]:
    """The outputs of a function of `(x, u, p)` for waves, and the largest share that was dropped of a product."""
    program, walk = _program(problem, function), _Walk(problem, capacity, tolerance)
    known = _begin(program, given, u, p)
    for equation in _unknown_ones(program, given):
        values = equation.values(known)
        found = _WAVES.of(equation)(equation, walk, *values) if equation.varying else equation.bind(*values)
        known.update(zip(equation.outputs, found, strict=True))
    return [walk.wave(_read(output, known)) for output in program.outputs], walk.dropped


def mean_on_waves(
    problem: PDEProblem, function: Callable, given: dict[int, Waves], u: Waves, p: Waves, capacity: int, tolerance: Any
) -> Array:
    """The mean over the box of the one output of a function of `(x, u, p)`."""
    program, walk = _program(problem, function), _Walk(problem, capacity, tolerance)
    linear = _linear_to_the_output(program)
    known = _begin(program, given, u, p)
    means: dict[Any, Any] = {}

    def mean(value: Any) -> Any:
        if isinstance(value, Constant):
            return value.value
        if value not in means:
            means[value] = known[value].mean() if isinstance(known[value], Waves) else known[value]
        return means[value]

    for equation in _unknown_ones(program, given):
        output = equation.outputs[0]
        if not equation.varying:
            known.update(zip(equation.outputs, equation.bind(*equation.values(known)), strict=True))
        elif output not in linear:
            found = _WAVES.of(equation)(equation, walk, *equation.values(known))
            known.update(zip(equation.outputs, found, strict=True))
        elif _is_product(equation):
            means[output] = _mean_of_product(equation, walk, equation.values(known))
        else:
            means[output] = equation.bind(*map(mean, equation.inputs))[0]
    return mean(program.outputs[0])


def on_magnitudes(problem: PDEProblem, function: Callable, given: dict[int, Any], u: Array, p: Array) -> list[Array]:
    """Bounds of the absolute values of the outputs of a function of `(x, u, p)`, from bounds of `u`, of `p` and of the
    values that `sources` gave."""
    program = _program(problem, function)
    known = _begin(program, given, u, p)
    for equation in _unknown_ones(program, given):
        values = equation.values(known)
        if equation.varying:
            sizes = [
                jnp.abs(value) if jnp.issubdtype(jnp.asarray(value).dtype, jnp.inexact) else value for value in values
            ]
            found = _BOUNDS.of(equation)(equation, *sizes)
        else:
            found = equation.bind(*values)
        known.update(zip(equation.outputs, found, strict=True))
    return [jnp.abs(jnp.asarray(_read(output, known))) for output in program.outputs]


def _program(problem: PDEProblem, function: Callable) -> Program:
    scalar = jax.ShapeDtypeStruct((), jnp.result_type(float))
    vector = jax.ShapeDtypeStruct((problem.dimension,), jnp.result_type(float))
    return flatten(function, vector, scalar, vector)


def _position(problem: PDEProblem) -> Affine:
    return Affine(jnp.eye(problem.dimension, problem.dimension + 1, dtype=float))


def _numbered(program: Program) -> dict[int, Variable]:
    return dict(enumerate(output for equation in program.equations for output in equation.outputs))


def _read(value: Any, known: dict[Any, Any]) -> Any:
    return value.value if isinstance(value, Constant) else known[value]


def _meets_unknown(program: Program, value: Variable, known: dict[Any, Any]) -> bool:
    if any(output is value for output in program.outputs):
        return True
    uses = [equation for equation in program.equations if any(one is value for one in equation.inputs)]
    return any(isinstance(known[output], _Unknown) for equation in uses for output in equation.outputs)


def _begin(program: Program, given: dict[int, Any], u: Any, p: Any) -> dict[Any, Any]:
    values = _numbered(program)
    known: dict[Any, Any] = {values[number]: waves for number, waves in given.items()}
    return known | {program.inputs[1]: u, program.inputs[2]: p}


def _unknown_ones(program: Program, given: dict[int, Any]) -> list[Equation]:
    """The equations that depend on the solution, and those on nothing."""
    depends = {program.inputs[1], program.inputs[2]}
    chosen = []
    for equation in program.equations:
        if not equation.varying:
            chosen.append(equation)
        elif any(value in depends for value in equation.inputs):
            depends.update(equation.outputs)
            chosen.append(equation)
    return chosen


def _linear_to_the_output(program: Program) -> set[Any]:
    """The values of which only the mean is needed: they reach the output through linear equations alone."""
    producers, linear = program.producers(), set()
    others: dict[Any, list[Equation]] = {}
    for equation in program.equations:
        for value in equation.inputs:
            others.setdefault(value, []).append(equation)
    waiting = [value for value in program.outputs if isinstance(value, Variable)]
    while waiting:
        value = waiting.pop()
        # A value that some product needs as waves is met again from each use that is linear.
        uses = others.get(value, [])
        if value not in producers or any(use.outputs[0] not in linear or _is_product(use) for use in uses):
            continue
        equation = producers[value]
        if _is_product(equation):
            linear.add(value)
        elif _is_linear(equation):
            linear.add(value)
            waiting.extend(one for one in equation.inputs if isinstance(one, Variable) and one.varying)
    return linear


def _is_product(equation: Equation) -> bool:
    """Whether an equation is a product of two values that vary."""
    if equation.name in ("square", "integer_pow"):
        return True
    return equation.name in ("mul", "dot_general") and all(value.varying for value in equation.inputs)


def _is_linear(equation: Equation) -> bool:
    if equation.name in ("mul", "dot_general"):
        return not _is_product(equation)
    if equation.name == "div":
        return not equation.inputs[1].varying
    return equation.name in (*_LINEAR, *_ADDED) and len(equation.outputs) == 1


def _mean_of_product(equation: Equation, walk: _Walk, values: list[Any]) -> Any:
    if equation.name in ("mul", "dot_general"):
        a, b = map(walk.wave, values)
        return mean_product(a, b, _bilinear(equation))
    exponent = 2 if equation.name == "square" else equation.params["y"]
    half = _power(walk, values[0], exponent // 2)
    return mean_product(half, half if exponent % 2 == 0 else walk.multiply(half, values[0]))


def _power(walk: _Walk, waves: Waves, exponent: int) -> Waves:
    if exponent < 1:
        raise ValueError(f"energy must be a polynomial, it has the power {exponent}")
    if exponent == 1:
        return waves
    half = _power(walk, waves, exponent // 2)
    square = walk.multiply(half, half)
    return square if exponent % 2 == 0 else walk.multiply(square, waves)


class _Bilinear(eqx.Module):
    """A product of JAX as a function of two arrays, hashable so that what is compiled for it is found again."""

    primitive: Any = eqx.field(static=True)
    dimensions: Any = eqx.field(static=True)

    def __call__(self, a: Any, b: Any) -> Any:
        return a * b if self.dimensions is None else jax.lax.dot_general(a, b, self.dimensions)


def _bilinear(equation: Equation) -> _Bilinear:
    return _Bilinear(equation.name, equation.params.get("dimension_numbers"))


@_WAVES.register(*_LINEAR)
def _linear(equation: Equation, walk: _Walk, value: Any, *rest: Any) -> list[Any]:
    def on(columns: Any) -> Any:
        # The value that a pad fills with has the type of what it pads.
        others = [jnp.asarray(one, columns.dtype) for one in rest] if equation.name == "pad" else rest
        return jax.vmap(lambda column: equation.bind(column, *others), -1, -1)(columns)

    return [value.like(columns) for columns in on(value.columns)]


@_WAVES.register("convert_element_type", "reduce_precision")
def _same(equation: Equation, walk: _Walk, value: Any) -> list[Any]:
    return [value]


@_WAVES.register("concatenate")
def _concatenate(equation: Equation, walk: _Walk, *values: Any) -> list[Any]:
    if all(isinstance(value, Affine) for value in values):
        return [Affine(jnp.concatenate([value.columns for value in values], equation.params["dimension"]))]
    waves = [walk.wave(value) for value in values]
    terms = [len(one.frequencies) for one in waves]
    parts = []
    for k, one in enumerate(waves):
        wide = [(0, 0)] * len(one.shape) + [(sum(terms[:k]), sum(terms[k + 1 :]))]
        parts.append(jnp.pad(one.amplitudes, wide))
    joined = jnp.concatenate(parts, equation.params["dimension"])
    return [Waves(jnp.concatenate([one.frequencies for one in waves]), joined)]


@_WAVES.register("add", "add_any", "sub")
def _add(equation: Equation, walk: _Walk, a: Any, b: Any) -> list[Any]:
    sign = -1.0 if equation.name == "sub" else 1.0
    if not isinstance(a, Waves) and not isinstance(b, Waves):
        a, b = (_columns(value, walk.dimension) for value in (a, b))
        return [Affine(a + sign * b)]
    return [joined(walk.wave(a), walk.wave(b).scaled(sign))]


@_WAVES.register("mul")
def _mul(equation: Equation, walk: _Walk, a: Any, b: Any) -> list[Any]:
    for value, factor in ((a, b), (b, a)):
        if not isinstance(factor, Waves | Affine):
            return [value.like(value.columns * jnp.asarray(factor)[..., None])]
    return [walk.multiply(walk.wave(a), walk.wave(b))]


@_WAVES.register("div")
def _div(equation: Equation, walk: _Walk, a: Any, b: Any) -> list[Any]:
    if isinstance(b, Waves | Affine):
        raise ValueError(f"energy must be a polynomial, it divides by what varies; {_REMEDY}")
    return [a.like(a.columns / jnp.asarray(b)[..., None])]


@_WAVES.register("dot_general")
def _dot(equation: Equation, walk: _Walk, a: Any, b: Any) -> list[Any]:
    bilinear = _bilinear(equation)
    if not isinstance(a, Waves | Affine):
        return [b.like(jax.vmap(bilinear, (None, -1), -1)(a, b.columns))]
    if not isinstance(b, Waves | Affine):
        return [a.like(jax.vmap(bilinear, (-1, None), -1)(a.columns, b))]
    return [walk.multiply(walk.wave(a), walk.wave(b), bilinear)]


@_WAVES.register("square", "integer_pow")
def _integer_pow(equation: Equation, walk: _Walk, value: Any) -> list[Any]:
    return [_power(walk, walk.wave(value), 2 if equation.name == "square" else equation.params["y"])]


@_WAVES.register("cos", "sin")
def _trigonometric(equation: Equation, walk: _Walk, value: Any) -> list[Any]:
    if not isinstance(value, Affine):
        raise ValueError(f"energy must be a polynomial, it has {equation.name} of the solution or of waves; {_REMEDY}")
    shape = value.columns.shape[:-1]
    columns = value.columns.reshape(-1, walk.dimension + 1)
    turns = np.asarray(columns[:, :-1] * walk.sides / (2.0 * jnp.pi))
    frequencies = np.round(turns).astype(np.int32)
    if np.abs(turns - frequencies).max(initial=0.0) > 1e-6:
        raise ValueError(
            f"energy must be periodic on the domain, it has {turns.tolist()} turns of {equation.name} in x"
        )
    phases = columns[:, -1] + columns[:, :-1] @ walk.lower
    factor = 1.0 if equation.name == "cos" else -1j
    diagonal = jnp.diag(factor * jnp.exp(1j * phases))
    return [Waves(jnp.asarray(frequencies), diagonal.reshape(*shape, -1))]


def _columns(value: Any, dimension: int) -> Any:
    if isinstance(value, Affine):
        return value.columns
    value = jnp.asarray(value, float)
    return jnp.concatenate([jnp.zeros((*value.shape, dimension)), value[..., None]], -1)


@_BOUNDS.register(*_LINEAR, "add", "add_any", "mul", "dot_general", "integer_pow", "square", "concatenate")
@_BOUNDS.register("convert_element_type", "reduce_precision")
def _as_it_is(equation: Equation, *values: Any) -> Any:
    if equation.name == "neg":
        return values
    if equation.name == "integer_pow" and equation.params["y"] < 1:
        raise ValueError(f"energy must be a polynomial, it has the power {equation.params['y']}")
    return equation.bind(*values)


@_BOUNDS.register("sub")
def _sum_of_sizes(equation: Equation, a: Any, b: Any) -> Any:
    return (a + b,)


@_BOUNDS.register("div")
def _divided(equation: Equation, a: Any, b: Any) -> Any:
    if equation.inputs[1].varying:
        raise ValueError(f"energy must be a polynomial, it divides by what varies; {_REMEDY}")
    return (a / b,)
