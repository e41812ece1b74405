"""Primitives of JAX on plane waves, and on bounds of absolute values.

What is linear acts on amplitudes, products are those of waves, and `cos` and `sin` of `2 pi n . x` become waves.
"""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..core import Equation, Rules
from ._plane_waves import Merged, Waves, collect, constant, joined, multiply, trimmed
from ._problem import PDEProblem

LINEAR = (
    *("reshape", "squeeze", "broadcast_in_dim", "transpose", "slice", "reduce_sum", "gather", "dynamic_slice"),
    *("neg", "rev", "expand_dims", "cumsum", "pad", "split"),
)
ADDED = ("add", "add_any", "sub", "concatenate", "convert_element_type", "reduce_precision")
_REMEDY = "plane waves take polynomials and cos, sin of 2 pi n x; representation=SpectralGrid(n) takes any energy"
WAVES = Rules("plane wave", _REMEDY)
BOUNDS = Rules("polynomial", f"{_REMEDY}, with step=Backtracking() or FixedStep(size)")


class Affine(eqx.Module):
    """Arrays of `a . x + b`: `(*shape, dimension + 1)` with `b` last."""

    columns: Float[Array | np.ndarray, "*shape columns"]

    def like(self, columns: Any) -> "Affine":
        """Other coefficients."""
        return Affine(columns)


class Walk:
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


def power(walk: Walk, waves: Waves, exponent: int) -> Waves:
    """A power of a sum, by repeated squares."""
    if exponent < 1:
        raise ValueError(f"energy must be a polynomial, it has the power {exponent}")
    if exponent == 1:
        return waves
    half = power(walk, waves, exponent // 2)
    square = walk.multiply(half, half)
    return square if exponent % 2 == 0 else walk.multiply(square, waves)


class _Bilinear(eqx.Module):
    """A product of JAX as a function of two arrays, hashable so that what is compiled for it is found again."""

    primitive: Any = eqx.field(static=True)
    dimensions: Any = eqx.field(static=True)

    def __call__(self, a: Any, b: Any) -> Any:
        return a * b if self.dimensions is None else jax.lax.dot_general(a, b, self.dimensions)


def bilinear(equation: Equation) -> _Bilinear:
    """The product that an equation is."""
    return _Bilinear(equation.name, equation.params.get("dimension_numbers"))


@WAVES.register(*LINEAR)
def _linear(equation: Equation, walk: Walk, value: Any, *rest: Any) -> list[Any]:
    def on(columns: Any) -> Any:
        # The value that a pad fills with has the type of what it pads.
        others = [jnp.asarray(one, columns.dtype) for one in rest] if equation.name == "pad" else rest
        return jax.vmap(lambda column: equation.bind(column, *others), -1, -1)(columns)

    return [value.like(columns) for columns in on(value.columns)]


@WAVES.register("convert_element_type", "reduce_precision")
def _same(equation: Equation, walk: Walk, value: Any) -> list[Any]:
    return [value]


@WAVES.register("concatenate")
def _concatenate(equation: Equation, walk: Walk, *values: Any) -> list[Any]:
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


@WAVES.register("add", "add_any", "sub")
def _add(equation: Equation, walk: Walk, a: Any, b: Any) -> list[Any]:
    sign = -1.0 if equation.name == "sub" else 1.0
    if not isinstance(a, Waves) and not isinstance(b, Waves):
        a, b = (_columns(value, walk.dimension) for value in (a, b))
        return [Affine(a + sign * b)]
    return [joined(walk.wave(a), walk.wave(b).scaled(sign))]


@WAVES.register("mul")
def _mul(equation: Equation, walk: Walk, a: Any, b: Any) -> list[Any]:
    for value, factor in ((a, b), (b, a)):
        if not isinstance(factor, Waves | Affine):
            return [value.like(value.columns * jnp.asarray(factor)[..., None])]
    return [walk.multiply(walk.wave(a), walk.wave(b))]


@WAVES.register("div")
def _div(equation: Equation, walk: Walk, a: Any, b: Any) -> list[Any]:
    if isinstance(b, Waves | Affine):
        raise ValueError(f"energy must be a polynomial, it divides by what varies; {_REMEDY}")
    return [a.like(a.columns / jnp.asarray(b)[..., None])]


@WAVES.register("dot_general")
def _dot(equation: Equation, walk: Walk, a: Any, b: Any) -> list[Any]:
    product = bilinear(equation)
    if not isinstance(a, Waves | Affine):
        return [b.like(jax.vmap(product, (None, -1), -1)(a, b.columns))]
    if not isinstance(b, Waves | Affine):
        return [a.like(jax.vmap(product, (-1, None), -1)(a.columns, b))]
    return [walk.multiply(walk.wave(a), walk.wave(b), product)]


@WAVES.register("square", "integer_pow")
def _integer_pow(equation: Equation, walk: Walk, value: Any) -> list[Any]:
    return [power(walk, walk.wave(value), 2 if equation.name == "square" else equation.params["y"])]


@WAVES.register("cos", "sin")
def _trigonometric(equation: Equation, walk: Walk, value: Any) -> list[Any]:
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


@BOUNDS.register(*LINEAR, "add", "add_any", "mul", "dot_general", "integer_pow", "square", "concatenate")
@BOUNDS.register("convert_element_type", "reduce_precision")
def _as_it_is(equation: Equation, *values: Any) -> Any:
    if equation.name == "neg":
        return values
    if equation.name == "integer_pow" and equation.params["y"] < 1:
        raise ValueError(f"energy must be a polynomial, it has the power {equation.params['y']}")
    return equation.bind(*values)


@BOUNDS.register("sub")
def _sum_of_sizes(equation: Equation, a: Any, b: Any) -> Any:
    return (a + b,)


@BOUNDS.register("div")
def _divided(equation: Equation, a: Any, b: Any) -> Any:
    if equation.inputs[1].varying:
        raise ValueError(f"energy must be a polynomial, it divides by what varies; {_REMEDY}")
    return (a / b,)
