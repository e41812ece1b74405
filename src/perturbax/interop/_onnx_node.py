"""A node of an ONNX graph as the rules of its operators see it, and how known values are told from traced ones.

Shapes, axes and indices must be known when a function is traced. They come as NumPy arrays and stay NumPy arrays
through every operator whose inputs are all known, in NumPy's arithmetic of 64 bits; everything else is JAX.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

Rule = Callable[..., Any]
"""The meaning of an operator: called with the node and one value for each input, `None` for absent ones."""


@dataclass(frozen=True)
class Node:
    """A node: its operator, the names of its values, its attributes and the version of the operator set."""

    label: str
    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    opset: int
    attributes: dict[str, Any] = field(default_factory=dict)

    def get(self, name: str, default: Any) -> Any:
        """An attribute, or its default."""
        return self.attributes.get(name, default)

    def need(self, name: str) -> Any:
        """An attribute without a default."""
        if name not in self.attributes:
            raise ValueError(f"the attribute {name!r} is missing")
        return self.attributes[name]

    def refuse(self, **supported: Any) -> None:
        """Attributes that may only have the value that is given here, which is also their default."""
        for name, value in supported.items():
            if self.get(name, value) != value:
                raise ValueError(f"{name}={self.attributes[name]!r} is not supported, only {value!r} is")


def is_known(value: Any) -> bool:
    """Whether a value stays in NumPy."""
    return isinstance(value, np.ndarray | np.generic)


def settled(value: Any) -> Any:
    """A known floating array in a dtype that JAX is set to; all others as they are.

    On the host, for JAX 0.10 caches traces under the dtype that came.
    """
    if is_known(value) and jax.dtypes.issubdtype(value.dtype, np.floating):
        return value.astype(jax.dtypes.canonicalize_dtype(value.dtype))
    return value


def namespace(*values: Any) -> ModuleType:
    """NumPy when all values are known, else JAX."""
    return np if all(is_known(value) for value in values) else jnp


def known(what: str, value: Any) -> np.ndarray:
    """The value of an input that has to be known when the function is traced."""
    if isinstance(value, Tracer):
        raise ValueError(
            f"{what} must be known when the function is traced, but it depends on what is traced; give integer inputs "
            "of the network as NumPy arrays, or export the network with constant shapes"
        )
    return np.asarray(value)


def known_integers(what: str, value: Any) -> list[int]:
    """Shapes, axes and the like as Python integers."""
    return [int(number) for number in np.ravel(known(what, value))]


def axes_of(node: Node, axes: Any = None) -> list[int] | None:
    """Axes from the second input, as newer operator sets have them, or from the attribute of older ones."""
    if axes is not None:
        return known_integers("axes", axes)
    given = node.get("axes", None)
    return None if given is None else [int(axis) for axis in given]
