"""The dense tanh network of physics-informed learning."""

from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core import check_integer
from ..nn import Linear


class Dense(eqx.Module):
    """A multi-layer perceptron with Glorot's initial weights, pointwise.

    **Arguments:** `inputs`, `hidden`, `outputs`: sizes; `key`: draws the weights; `activation`: between the layers.

    >>> Dense(2, (8,), 1, key=jax.random.key(0))(jnp.ones(2)).shape
    (1,)
    """

    layers: tuple[Linear, ...]
    activation: Callable = eqx.field(static=True)

    def __init__(self, inputs: int, hidden: Sequence[int], outputs: int, *, key: Any, activation: Callable = jnp.tanh):
        self.layers = glorot([inputs, *hidden, outputs], key)
        self.activation = activation

    def __call__(self, x: Float[Array, " inputs"]) -> Float[Array, " outputs"]:
        for layer in self.layers[:-1]:
            x = self.activation(layer(x))
        return self.layers[-1](x)


def glorot(sizes: Sequence[int], key: Any) -> tuple[Linear, ...]:
    """Layers between some sizes with Glorot's initial weights."""
    keys = jax.random.split(key, len(sizes) - 1)
    # Linear draws from U(-1, 1) / sqrt(inputs); Glorot's limit is sqrt(6 / (inputs + outputs)).
    return tuple(
        Linear(a, b, key=k, scale=(6.0 * a / (a + b)) ** 0.5)
        for a, b, k in zip(sizes[:-1], sizes[1:], keys, strict=True)
    )


def check_hidden(hidden: Any) -> None:
    """Refuse widths that are no positive integers, or none."""
    if not hidden:
        raise ValueError("hidden must name at least one layer, got none")
    for k, width in enumerate(hidden):
        check_integer(f"hidden[{k}]", width, minimum=1)
