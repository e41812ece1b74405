"""Backward propagation of linear bounds (Zhang et al. 2018, arXiv 1811.00866; Xu et al. 2020, arXiv 2002.12920).

A row `c` asks for a lower bound of `<c, v>` for a variable `v`. It starts as the coefficients of `v` and goes through
the equations in reverse: through an affine one by its transpose; through another one by its lower plane where the
coefficient is positive and by its upper plane where it is negative. A variable that is used twice gets two
contributions. What arrives at the inputs is a linear function, whose least value on the sets is the bound:

    <c, v> >= sum over inputs <A, x> + b.

Rows are independent, so several are one `vmap`, and the upper bound of `<c, v>` is minus the lower one of `<-c, v>`.
"""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core import step
from ._affine import Affine, is_affine
from ._graph import Graph, boxes_of
from ._interval import INTERVAL
from ._relax import KINKS, Planes, kink_of, relaxation, weigh
from ._sets import Interval
from ._slope import AbstractSlope, AdaptiveSlope

# place(equation, values) -> where in [0, 1] the relaxation of an equation lies.
Place = Callable[[Any, list[Any]], Any]


@dataclasses.dataclass(frozen=True, eq=False)
class Backward:
    """A program that is relaxed as far as its intervals are known.

    **Arguments:** `graph`; `known`: intervals and constants by variable; `place`: of each relaxation.
    """

    graph: Graph
    known: dict[Any, Any]
    place: Place
    relaxed: dict[Any, Any] = dataclasses.field(default_factory=dict)

    def relaxation(self, equation: Any) -> Any:
        """The planes of an equation, or its affine function and offset; made once."""
        if equation not in self.relaxed:
            self.relaxed[equation] = self._relax(equation)
        return self.relaxed[equation]

    def _relax(self, equation: Any) -> Any:
        if is_affine(equation):
            affine = Affine(equation, self.known)
            return affine, None if affine.homogeneous else affine.offset()
        return relaxation(equation, self.known, self.place)

    def linear(
        self, variable: Any, row: Float[Array, "..."], also: dict[Any, Array] | None = None
    ) -> tuple[tuple[Array, ...], Array]:
        """`A` for each input, and `b`, with `<row, variable> >= sum <A, x> + b`; `also` has coefficients of variables
        before it, by variable, whose products are added on the left."""
        pending: dict[Any, Array] = {**(also or {}), variable: row}
        constant = jnp.zeros((), row.dtype)
        for equation in reversed(self.graph.program.equations):
            if equation.varying and not pending.keys().isdisjoint(equation.outputs):
                constant += self.pull(equation, pending, row.dtype)
        inputs = self.graph.program.inputs
        coefficients = tuple(pending.get(v, jnp.zeros(v.shape, row.dtype)) for v in inputs)
        return coefficients, constant

    def pull(self, equation: Any, pending: dict[Any, Array], dtype: Any) -> Array:
        """Take the coefficients of an equation's outputs to its operands; the constant that this adds."""
        arrived = [pending.pop(v) if v in pending else jnp.zeros(v.shape, dtype) for v in equation.outputs]
        relaxed = self.relaxation(equation)
        operands = [value for value in equation.inputs if value.varying]
        constant = jnp.zeros((), dtype)
        if isinstance(relaxed, tuple):
            affine, offset = relaxed
            pulled = affine.transpose(tuple(arrived))
            if offset is not None:
                constant += sum(jnp.sum(a * o) for a, o in zip(arrived, offset, strict=True))
        elif isinstance(relaxed, Planes):
            pulled, constant = relaxed.pull(arrived[0])
        else:
            pulled, operands = (), []
            for interval, coefficients in zip(relaxed, arrived, strict=True):
                constant += weigh(coefficients, interval.lower, interval.upper)
        for operand, contribution in zip(operands, pulled, strict=True):
            summed = sum_to(contribution, operand.shape)
            pending[operand] = pending[operand] + summed if operand in pending else summed
        return constant

    def lower(self, variable: Any, row: Float[Array, "..."]) -> Array:
        """The lower bound of `<row, variable>`."""
        return least(self.graph, *self.linear(variable, row))

    def prepare(self, variable: Any) -> None:
        """Relax what is needed outside of the loop over rows."""
        needed = {variable}
        for equation in reversed(self.graph.program.equations):
            if equation.varying and not needed.isdisjoint(equation.outputs):
                self.relaxation(equation)
                needed.update(value for value in equation.inputs if value.varying)


def sum_to(contribution: Array, shape: tuple[int, ...]) -> Array:
    """Coefficients of an operand that was broadcast: it is the same for all elements that it was repeated for."""
    contribution = jnp.sum(contribution, tuple(range(contribution.ndim - len(shape))))
    repeated = tuple(i for i, size in enumerate(shape) if size == 1 and contribution.shape[i] != 1)
    return jnp.sum(contribution, repeated, keepdims=True)


def least(graph: Graph, coefficients: tuple[Array, ...], constant: Array) -> Array:
    """The least value of a linear function on the sets."""
    return constant + sum(s.minimum(a) for s, a in zip(graph.sets, coefficients, strict=True))


def places(slope: AbstractSlope) -> Place:
    """The slope's own place for a kink, the middle for all others."""

    def place(equation: Any, values: list[Any]) -> Any:
        return slope.place(kink_of(equation, values)) if equation.name in KINKS else 0.5

    return place


def each_row(function: Callable[[Array], Any], rows: Array, chunk: int) -> Any:
    """A function of a row for all rows, `chunk` of them at once."""
    if len(rows) <= chunk:
        return jax.vmap(function)(rows)
    return jax.lax.map(function, rows, batch_size=chunk)


def interval_of(backward: Backward, variable: Any, chunk: int) -> Interval:
    """Bounds of every element of a variable."""
    backward.prepare(variable)
    size = math.prod(variable.shape)

    def one(index: Array) -> Array:
        # Made one by one: together the rows are a matrix of the squared size of the variable.
        row = jnp.where(index < size, 1.0, -1.0) * jax.nn.one_hot(index % size, size, dtype=variable.dtype)
        return backward.lower(variable, row.astype(variable.dtype).reshape(variable.shape))

    lower, upper = each_row(one, jnp.arange(2 * size), chunk).reshape(2, *variable.shape)
    return Interval(lower, 0.0 - upper)


def both_signs(variable: Any) -> Array:
    """A row for each element of a variable, and then minus those rows: their lower bounds are the upper ones."""
    size = math.prod(variable.shape)
    rows = jnp.eye(size, dtype=variable.dtype).reshape(size, *variable.shape)
    return jnp.concatenate([rows, -rows])


def refined(
    graph: Graph, place: Place, chunk: int, join: Callable[[Interval, Interval], Interval]
) -> tuple[dict[Any, Any], int]:
    """Intervals of all variables: interval arithmetic, joined with backward bounds at the targets of the graph."""
    known: dict[Any, Any] = dict(zip(graph.program.inputs, boxes_of(graph), strict=True))
    backward, targets, rows = Backward(graph, known, place), set(graph.targets()), 0
    for equation in graph.program.equations:
        step(equation, INTERVAL, known)
        for variable in targets.intersection(equation.outputs):
            known[variable] = join(interval_of(backward, variable, chunk), known[variable])
            rows += 2 * math.prod(variable.shape)
    return known, rows


def merged(graph: Graph, known: dict[Any, Any], variable: Any) -> Interval:
    """The interval of a variable from those of the last ones before it that are not affine in what comes before them.

    The affine equations between are one affine map, in which what is added and subtracted again cancels.
    """
    backward = Backward(graph, known, places(AdaptiveSlope()))

    def lower(row: Array) -> Array:
        pending: dict[Any, Array] = {variable: row}
        constant = jnp.zeros((), row.dtype)
        for equation in reversed(graph.program.equations):
            if equation.varying and not pending.keys().isdisjoint(equation.outputs) and is_affine(equation):
                constant += backward.pull(equation, pending, row.dtype)
        return constant + sum(weigh(a, known[v].lower, known[v].upper) for v, a in pending.items())

    found = jax.vmap(lower)(both_signs(variable)).reshape(2, *variable.shape)
    return Interval(found[0], 0.0 - found[1])


def row_bounds(backward: Backward, rows: Array, chunk: int) -> tuple[Array, tuple[Array, ...], Array]:
    """Lower bounds of rows of the output, with the coefficients and constants that they are the least values of."""
    variable = backward.graph.output
    backward.prepare(variable)

    def one(row: Array) -> Any:
        coefficients, constant = backward.linear(variable, row)
        return least(backward.graph, coefficients, constant), coefficients, constant

    return each_row(one, rows, chunk)


def interval_rows(interval: Interval, rows: Array) -> Array:
    """Lower bounds of rows of a variable from its interval."""
    return jax.vmap(lambda row: weigh(row, interval.lower, interval.upper))(rows)
