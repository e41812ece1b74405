"""The multi-layer perceptron as a classifier with features."""

from collections.abc import Callable, Sequence

import equinox as eqx
import jax
from jaxtyping import Array, Float, PRNGKeyArray

from ..core import check_integer, check_key
from ._layers import Linear


class MLP(eqx.Module):
    """A multi-layer perceptron; with class scores as output, a classifier.

    **Arguments:** `inputs`, `outputs`: sizes of the last axis; `hidden`: widths of the hidden layers; `key`: draws the
    weights; `activation`: between the layers, such as `jax.nn.silu`.

    **Raises:** `ValueError` when a size is smaller than 1 or there is no hidden layer.

    >>> import jax.numpy as jnp
    >>> MLP(4, (8, 5), 3, key=jax.random.key(0)).features(jnp.ones((2, 4))).shape
    (2, 5)
    """

    layers: tuple[Linear, ...]
    activation: Callable = eqx.field(static=True)

    def __init__(
        self,
        inputs: int,
        hidden: Sequence[int],
        outputs: int,
        *,
        key: PRNGKeyArray,
        activation: Callable = jax.nn.gelu,
    ):
        check_key("key", key)
        sizes = [check_integer("inputs", inputs, minimum=1)]
        sizes += [check_integer(f"hidden[{i}]", width, minimum=1) for i, width in enumerate(hidden)]
        if len(sizes) == 1:
            raise ValueError("hidden must name at least one layer, got none")
        sizes.append(check_integer("outputs", outputs, minimum=1))
        keys = jax.random.split(key, len(sizes) - 1)
        # Weights of variance 2 / inputs keep the scale through GELU and its like (He et al. 2015).
        self.activation = activation
        self.layers = tuple(
            Linear(a, b, key=k, scale=6.0**0.5) for a, b, k in zip(sizes[:-1], sizes[1:], keys, strict=True)
        )

    def features(self, x: Float[Array, "*batch inputs"]) -> Float[Array, "*batch width"]:
        """The values of the last hidden layer."""
        for layer in self.layers[:-1]:
            x = self.activation(layer(x))
        return x

    def __call__(self, x: Float[Array, "*batch inputs"]) -> Float[Array, "*batch outputs"]:
        return self.layers[-1](self.features(x))
