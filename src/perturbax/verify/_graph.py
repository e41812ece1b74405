"""What all methods start from: the function as a program, its input sets, and which intervals are needed."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from ..core import Equation, Program, Variable, flatten, splice
from ._affine import COPYING, SCALING, is_affine
from ._interval import scalar_of
from ._patterns import fuse
from ._sets import AbstractInputSet, Interval


@dataclasses.dataclass(frozen=True, eq=False)
class Graph:
    """A program with the set of each input. `f` has one output."""

    program: Program
    sets: tuple[AbstractInputSet, ...]
    producers: dict[Variable, Equation]

    @property
    def output(self) -> Any:
        """What is bounded."""
        return self.program.outputs[0]

    def targets(self) -> list[Variable]:
        """The variables whose intervals decide how good the relaxations are, in the order of the program."""
        found: dict[Variable, None] = {}
        for equation in self.program.equations:
            if equation.varying and not is_affine(equation):
                for value in equation.inputs:
                    if value.varying and jnp.issubdtype(value.dtype, jnp.floating):
                        self._add_target(value, found)
        order = {variable: i for i, equation in enumerate(self.program.equations) for variable in equation.outputs}
        return sorted(found, key=order.__getitem__)

    def _add_target(self, value: Variable, found: dict[Variable, None]) -> None:
        equation = self.producers.get(value)
        if equation is None:  # an input, whose box is known
            return
        operands = [operand for operand in equation.inputs if operand.varying]
        copied = equation.name in COPYING or (equation.name in SCALING and len(operands) == 1)
        if copied and is_affine(equation):
            self._add_target(operands[0], found)
            return
        scalar = scalar_of(equation)
        monotone = equation.name in ("max", "min", "abs", "reduce_max", "reduce_min") or (scalar and scalar.monotone)
        # The image of an interval under a monotone function is exact; and its operand is a target of its own.
        if not monotone:
            found[value] = None


def is_set(value: Any) -> bool:
    """Whether a leaf of the inputs is a set."""
    return isinstance(value, AbstractInputSet)


def trace(f: Callable[..., Any], inputs: Any) -> Graph:
    """The graph of `f` on a tree of sets and arrays."""
    leaves, structure = jax.tree.flatten(inputs, is_leaf=is_set)
    sets = tuple(leaf for leaf in leaves if is_set(leaf))

    def of_members(*members: Any) -> Any:
        given = iter(members)
        return f(jax.tree.unflatten(structure, [next(given) if is_set(leaf) else leaf for leaf in leaves]))

    boxes = [jax.eval_shape(lambda s=s: s.interval().lower) for s in sets]
    shape = jax.eval_shape(of_members, *boxes)
    floating = isinstance(shape, jax.ShapeDtypeStruct) and jnp.issubdtype(shape.dtype, jnp.floating)
    if not floating:
        raise TypeError(f"f must return one floating array (class scores or margins, not a label), got {shape}")
    program = rewrite(fuse(flatten(of_members, *boxes)))
    if not program.outputs[0].varying:
        raise ValueError("f must depend on the perturbed inputs, got a constant")
    return Graph(program, sets, program.producers())


def rewrite(program: Program) -> Program:
    """The same function in primitives that have good relaxations."""
    replaced: dict[Any, Any] = {}
    equations: list[Equation] = []
    for equation in program.equations:
        inputs = tuple(replaced.get(value, value) for value in equation.inputs)
        equation = dataclasses.replace(equation, inputs=inputs)
        rule = REWRITINGS.get(equation.name)
        by = rule(equation) if rule is not None and equation.varying else None
        if by is None:
            equations.append(equation)
            continue
        added, outputs = splice(by, equation.inputs, equation.source)
        equations.extend(added)
        replaced.update(zip(equation.outputs, outputs, strict=True))
    outputs = tuple(replaced.get(value, value) for value in program.outputs)
    return Program(program.inputs, tuple(equations), outputs).live()


def _division(equation: Equation) -> Callable[..., Any] | None:
    if not equation.inputs[1].varying:
        return None
    return lambda x, y: x * lax.integer_pow(y, -1)


def _clamp(equation: Equation) -> Callable[..., Any]:
    return lambda low, x, high: jnp.minimum(jnp.maximum(x, low), high)


def _dot(equation: Equation) -> Callable[..., Any] | None:
    """A product of two perturbed arrays as the sum of products that it is."""
    if not (equation.inputs[0].varying and equation.inputs[1].varying):
        return None
    (contract_x, contract_y), (batch_x, batch_y) = equation.params["dimension_numbers"]

    def product(x: Any, y: Any) -> Any:
        free_x = [i for i in range(x.ndim) if i not in (*contract_x, *batch_x)]
        free_y = [i for i in range(y.ndim) if i not in (*contract_y, *batch_y)]
        x = x.transpose(*batch_x, *free_x, *contract_x)
        y = y.transpose(*batch_y, *free_y, *contract_y)
        batch, m, n = len(batch_x), len(free_x), len(free_y)
        shape = (*x.shape[: batch + m], *y.shape[batch:])
        x = lax.broadcast_in_dim(x, shape, (*range(batch + m), *range(batch + m + n, len(shape))))
        y = lax.broadcast_in_dim(y, shape, (*range(batch), *range(batch + m, len(shape))))
        return jnp.sum(x * y, tuple(range(batch + m + n, len(shape))))

    return product


def _window(equation: Equation) -> Callable[..., Any] | None:
    """Pooling by a maximum as the maximum over a new axis of the shifted arrays."""
    params = equation.params
    if any(d != 1 for d in (*params["base_dilation"], *params["window_dilation"])):
        return None
    largest = equation.name == "reduce_window_max"
    window, strides, padding = params["window_dimensions"], params["window_strides"], params["padding"]

    def pool(x: Any) -> Any:
        # Finite, so that a coefficient of zero keeps it out of sums.
        fill = np.asarray((-1.0 if largest else 1.0) * _FAR, x.dtype)
        x = lax.pad(x, fill, [(low, high, 0) for low, high in padding])
        counts = [(n - w) // s + 1 for n, w, s in zip(x.shape, window, strides, strict=True)]
        shifted = []
        for start in np.ndindex(*window):
            limit = [a + (c - 1) * s + 1 for a, c, s in zip(start, counts, strides, strict=True)]
            shifted.append(lax.slice(x, start, limit, strides))
        return (jnp.max if largest else jnp.min)(jnp.stack(shifted), 0)

    return pool


# Beyond every activation, and its square is a float32.
_FAR = 1e18

REWRITINGS: dict[str, Callable[[Equation], Callable[..., Any] | None]] = {
    "clamp": _clamp,
    "div": _division,
    "dot_general": _dot,
    "reduce_window_max": _window,
    "reduce_window_min": _window,
}


def boxes_of(graph: Graph) -> list[Interval]:
    """The box around the set of each input."""
    return [box.interval() for box in graph.sets]
