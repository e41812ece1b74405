"""A user's energy, evaluated on plane waves: equations of JAX with waves in the place of numbers.

The derivatives of a polynomial energy with trigonometric coefficients are exact. What depends on `x` alone is worked
out once, by `sources`; what depends on the solution is worked out under `jit`, by `on_waves`. The integral of an output
is linear in it, so that behind the last product only means are needed: `mean_on_waves` never forms that product.

`on_magnitudes` evaluates the same program on bounds of absolute values. With sums of amplitudes these are bounds at
every point of the box, and with Barron norms, which are submultiplicative, bounds of Barron norms.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from ..core import Constant, Equation, Program, Variable, flatten
from ._plane_waves import Waves, mean_product, trimmed
from ._problem import PDEProblem
from ._wave_rules import ADDED, BOUNDS, LINEAR, WAVES, Affine, Walk, bilinear, power


class _Unknown:
    """What depends on the solution, while `sources` works out what does not."""


def sources(problem: PDEProblem, function: Callable) -> dict[int, Waves]:
    """What a function of `(x, u, p)` computes from `x` alone and then uses with the rest, by the number of the value.

    **Raises:** `ValueError` for what is not a sum of plane waves on the domain; `MissingRuleError`.
    """
    program, walk = _program(problem, function), Walk(problem, None, 0.0)
    known: dict[Any, Any] = dict(zip(program.inputs, (_position(problem), _Unknown(), _Unknown()), strict=True))
    for equation in program.equations:
        values = equation.values(known)
        if any(isinstance(value, _Unknown) for value in values):
            found: Any = [_Unknown()] * len(equation.outputs)
        elif equation.varying:
            found = WAVES.of(equation)(equation, walk, *values)
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
    program, walk = _program(problem, function), Walk(problem, capacity, tolerance)
    known = _begin(program, given, u, p)
    for equation in _unknown_ones(program, given):
        values = equation.values(known)
        found = WAVES.of(equation)(equation, walk, *values) if equation.varying else equation.bind(*values)
        known.update(zip(equation.outputs, found, strict=True))
    return [walk.wave(_read(output, known)) for output in program.outputs], walk.dropped


def mean_on_waves(
    problem: PDEProblem, function: Callable, given: dict[int, Waves], u: Waves, p: Waves, capacity: int, tolerance: Any
) -> Array:
    """The mean over the box of the one output of a function of `(x, u, p)`."""
    program, walk = _program(problem, function), Walk(problem, capacity, tolerance)
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
            found = WAVES.of(equation)(equation, walk, *equation.values(known))
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
            found = BOUNDS.of(equation)(equation, *sizes)
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
    return equation.name in (*LINEAR, *ADDED) and len(equation.outputs) == 1


def _mean_of_product(equation: Equation, walk: Walk, values: list[Any]) -> Any:
    if equation.name in ("mul", "dot_general"):
        a, b = map(walk.wave, values)
        return mean_product(a, b, bilinear(equation))
    exponent = 2 if equation.name == "square" else equation.params["y"]
    half = power(walk, values[0], exponent // 2)
    return mean_product(half, half if exponent % 2 == 0 else walk.multiply(half, values[0]))
