"""A network as a function of the weights of its layers, which are read off its jaxpr.

A layer is a product or a convolution of which one operand varies with the input and the other one is known: its weight.
Nothing is asked of the classes that a model is made of. The weight may be an array of the model or what the model makes
of some, such as a transposed one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ..core import Constant, Equation, Program, Variable, flatten

_LAYERS = ("dot_general", "conv_general_dilated")


class Network(eqx.Module):
    """`apply(model, x)` for one input of a shape."""

    model: Any
    apply: Callable[[Any, Any], Any] = eqx.field(static=True)
    shape: tuple[int, ...] = eqx.field(static=True)

    def program(self) -> Program:
        """The function of one input as equations. Inside of `jit` the arrays of the model stay traced."""
        return flatten(lambda x: self.apply(self.model, x), jax.ShapeDtypeStruct(self.shape, jnp.float32))

    def __call__(self, weights: Sequence[Array], x: Array) -> Array:
        """The output for other weights of the layers, in their order."""
        return self.changed(x, lambda i, activation, weight: (activation, weights[i]))

    def changed(self, x: Array, at_layer: Callable[[int, Array, Array], tuple[Array, Array]]) -> Array:
        """The output when the activation and the weight of layer `i` are `at_layer(i, activation, weight)`."""
        program = self.program()
        return value_of(program.outputs[0], _evaluate(program, x, at_layer))

    def activations(self, weights: Sequence[Array], x: Array) -> list[Array]:
        """What every equation that varies makes, after the input itself, as far as it is floating."""
        program = self.program()
        known = _evaluate(program, x, lambda i, activation, weight: (activation, weights[i]))
        return [known[variable] for variable in observed(program)]


@dataclass(frozen=True, eq=False)
class Layer:
    """A layer of a network.

    `name`: of the array in the model; `weight`: as the layer uses it, with a scale for each index along the axes
    `channels`; `multiplications`: for one input.
    """

    name: str
    weight: np.ndarray
    channels: tuple[int, ...]
    multiplications: int

    @property
    def parameters(self) -> int:
        """How many weights there are."""
        return int(self.weight.size)


def observed(program: Program) -> list[Variable]:
    """The variables whose ranges are measured, in order."""
    made = [output for equation in program.equations if equation.varying for output in equation.outputs]
    return [v for v in (*program.inputs, *made) if jnp.issubdtype(v.dtype, jnp.floating)]


def weight_operand(equation: Equation) -> int | None:
    """Which operand is the weight, where the equation is a layer."""
    if equation.name not in _LAYERS or sum(value.varying for value in equation.inputs) != 1:
        return None
    return 1 if equation.inputs[0].varying else 0


def value_of(value: Any, known: dict[Any, Any]) -> Any:
    """A constant's value, or what is known of a variable."""
    return value.value if isinstance(value, Constant) else known[value]


def constants(program: Program) -> dict[Any, Any]:
    """The values of the variables that do not vary."""
    known: dict[Any, Any] = {}
    for equation in program.equations:
        if not equation.varying:
            made = equation.bind(*(value_of(value, known) for value in equation.inputs))
            known.update(zip(equation.outputs, made, strict=True))
    return known


def find_layers(network: Network, program: Program) -> tuple[Layer, ...]:
    """The layers in the order of evaluation. An array that serves several layers, whole or in slices, is a weight of
    its own for each.

    **Raises:** `ValueError` when there is none.
    """
    known = constants(program)
    names = _names(network.model)
    found: list[Layer] = []
    for equation in program.equations:
        operand = weight_operand(equation)
        if operand is None:
            continue
        source = equation.inputs[operand]
        weight = np.asarray(value_of(source, known), np.float32)
        name = names.get(id(_array_behind(source, program)), "layer")
        before = sum(layer.name.partition(" ")[0] == name for layer in found)
        channels, multiplications = _geometry(equation, operand, weight)
        found.append(Layer(f"{name} {before + 1}" if before else name, weight, channels, multiplications))
    if not found:
        raise ValueError("model must have a layer: a product or a convolution of its input with an array")
    return tuple(found)


def layer_outputs(program: Program) -> list[Variable]:
    """What the layers make, in their order."""
    return [equation.outputs[0] for equation in program.equations if weight_operand(equation) is not None]


def joined(program: Program) -> list[tuple[int, ...]]:
    """Layers that feed one addition, by their numbers, for each addition of two values that both vary."""
    number = {output: i for i, output in enumerate(layer_outputs(program))}
    producers = program.producers()
    groups: list[tuple[int, ...]] = []
    for equation in program.equations:
        if not _is_join(equation):
            continue
        found: set[int] = set()
        waiting = list(equation.inputs)
        while waiting:
            value = waiting.pop()
            if value in number:
                found.add(number[value])
            elif value in producers and not _is_join(producers[value]):
                waiting.extend(operand for operand in producers[value].inputs if operand.varying)
        if len(found) > 1:
            groups.append(tuple(sorted(found)))
    return groups


def _evaluate(program: Program, x: Array, at_layer: Callable[..., tuple[Array, Array]]) -> dict[Any, Any]:
    known: dict[Any, Any] = {program.inputs[0]: x}
    layer = 0
    for equation in program.equations:
        values = [value_of(value, known) for value in equation.inputs]
        operand = weight_operand(equation)
        if operand is not None:
            values[1 - operand], values[operand] = at_layer(layer, values[1 - operand], values[operand])
            layer += 1
        known.update(zip(equation.outputs, equation.bind(*values), strict=True))
    return known


def _is_join(equation: Equation) -> bool:
    return equation.name in ("add", "add_any", "sub") and all(value.varying for value in equation.inputs)


def _names(model: Any) -> dict[int, str]:
    paths = jax.tree_util.tree_leaves_with_path(model)
    return {id(leaf): jax.tree_util.keystr(path, simple=True, separator=".") for path, leaf in paths}


def _array_behind(source: Any, program: Program) -> Any:
    """The one array that a weight is made of, where it is one."""
    producers = program.producers()
    while source in producers:
        inputs = [value for value in producers[source].inputs if _shape(value)]
        if len(inputs) != 1:
            return None
        source = inputs[0]
    return getattr(source, "value", None)


def _shape(value: Any) -> tuple[int, ...]:
    return np.shape(value.value) if isinstance(value, Constant) else value.shape


def _geometry(equation: Equation, operand: int, weight: np.ndarray) -> tuple[tuple[int, ...], int]:
    """The axes of channels and the number of multiplications for one input."""
    numbers = equation.params["dimension_numbers"]
    outputs = int(np.prod(equation.outputs[0].shape))
    if equation.name == "conv_general_dilated":
        if operand != 1:
            raise ValueError(f"the kernel of the convolution at {equation.source} must not depend on the input")
        out = numbers.rhs_spec[0]
        return (out,), outputs * weight.size // weight.shape[out]
    contracted = numbers[0][operand]
    channels = tuple(axis for axis in range(weight.ndim) if axis not in contracted)
    return channels, outputs * int(np.prod([weight.shape[axis] for axis in contracted]))
