"""Affine equations, and their transposes without a rule for any of them.

With the operands that vary as arguments, such an equation is `y = L z + y(0)`. The derivative at any point is `L`, so
JAX's own derivative of the primitive and its own transposition of linear functions give `L` and `L^T`. `|L|`, which
intervals need, is the same equation with the absolute values of its constants.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..core import Constant, Equation

# Each output is a sum of inputs, so L has no negative entry: by name, the operands that may vary (None: all).
STRUCTURAL: dict[str, tuple[int, ...] | None] = {
    "add": None,
    "add_any": None,
    "broadcast_in_dim": (0,),
    "concatenate": None,
    "convert_element_type": None,
    "cumsum": None,
    "dynamic_slice": (0,),
    "dynamic_update_slice": (0, 1),
    "gather": (0,),
    "pad": None,
    "reduce_sum": None,
    "reduce_window_sum": None,
    "reshape": (0,),
    "rev": None,
    "scatter": (0, 2),
    "scatter-add": (0, 2),
    "slice": None,
    "split": None,
    "squeeze": None,
    "stack": None,
    "tile": None,
    "transpose": None,
    "unstack": None,
}
# Structural with one operand, of whose elements each output is one: a bound of the operand is as good.
COPYING = {
    "broadcast_in_dim",
    "gather",
    "reshape",
    "rev",
    "slice",
    "split",
    "squeeze",
    "tile",
    "transpose",
    "unstack",
}
# Elementwise with one operand that varies: intervals pass without loss.
SCALING = {"neg", "add", "sub", "mul", "div"}


def is_affine(equation: Equation) -> bool:
    """Whether the outputs are affine in the operands that vary."""
    name = equation.name
    varying = [i for i, value in enumerate(equation.inputs) if value.varying]
    values = [*(equation.inputs[i] for i in varying), *equation.outputs]
    if not all(jnp.issubdtype(value.dtype, jnp.floating) for value in values):
        return False
    if name in STRUCTURAL:
        allowed = STRUCTURAL[name]
        return allowed is None or set(varying) <= set(allowed)
    if name == "select_n":
        return 0 not in varying
    if name in ("neg", "sub"):
        return True
    if name == "div":
        return varying == [0]
    return name in ("mul", "dot_general", "conv_general_dilated") and len(varying) == 1


def is_structural(equation: Equation) -> bool:
    """Whether, being affine, no coefficient is negative."""
    return equation.name in STRUCTURAL or equation.name == "select_n"


class Affine:
    """An affine equation as a function of the operands that vary.

    **Arguments:** `equation`; `known`: values of the variables that do not vary.
    """

    def __init__(self, equation: Equation, known: dict[Any, Any]):
        self.equation = equation
        self.values = [
            None if value.varying else value.value if isinstance(value, Constant) else known[value]
            for value in equation.inputs
        ]
        self.operands = tuple(value for value in equation.inputs if value.varying)
        self.shapes = tuple(jax.ShapeDtypeStruct(value.shape, value.dtype) for value in self.operands)
        constants = [value for value in self.values if value is not None]
        floating = any(jnp.issubdtype(jnp.asarray(value).dtype, jnp.floating) for value in constants)
        # A product with a constant has no constant part; nor has an equation without constants.
        self.homogeneous = equation.name in ("mul", "div", "dot_general", "conv_general_dilated") or not floating

    def __call__(self, *operands: Any) -> tuple[Any, ...]:
        given = iter(operands)
        return self.equation.bind(*(next(given) if value is None else value for value in self.values))

    def offset(self) -> tuple[Any, ...]:
        """The outputs for operands of zero."""
        return self(*(jnp.zeros(shape.shape, shape.dtype) for shape in self.shapes))

    def linear(self, *operands: Any) -> tuple[Any, ...]:
        """`L z`."""
        zeros = tuple(jnp.zeros(shape.shape, shape.dtype) for shape in self.shapes)
        return jax.jvp(self, zeros, operands)[1]

    def transpose(self, cotangents: tuple[Any, ...]) -> tuple[Any, ...]:
        """`L^T` of one cotangent for each output."""
        return jax.linear_transpose(self.linear, *self.shapes)(cotangents)

    def magnitude(self) -> Callable[..., tuple[Any, ...]]:
        """`|L|` as a function of the operands that vary."""
        if is_structural(self.equation):
            return self.linear
        if self.equation.name == "neg":
            return lambda z: (z,)
        if self.equation.name == "sub":
            shape = self.equation.outputs[0].shape
            return lambda *zs: (sum(jnp.broadcast_to(z, shape) for z in zs),)

        def product(z: Any) -> tuple[Any, ...]:
            return self.equation.bind(*(z if value is None else abs(_as_array(value)) for value in self.values))

        return product


def _as_array(value: Any) -> Any:
    return value if isinstance(value, jax.Array) else np.asarray(value)
