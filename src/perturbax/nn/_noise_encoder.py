"""A perceptron that represents noisy images and is told their noise level."""

import math
from collections.abc import Callable, Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from ..core import check_integer, check_key, check_number
from ._layers import Linear


class NoiseEncoder(eqx.Module):
    """A representation `(x, level) -> h` of images of which the standard deviation `level` of their noise is known.

    The image is scaled to unit variance, `(x - centre) / sqrt(level^2 + deviation^2)`; `log(level) / 4` is appended.

    **Arguments:** `shape`: of one image; `hidden`: widths of the layers, the last of which is the representation;
    `centre`, `deviation`: mean and standard deviation of the pixels without noise; `key`: draws the weights;
    `activation`: after each layer.

    **Raises:** `ValueError` when a size is smaller than 1, there is no layer, or `deviation` is not positive.

    Source: Karras et al. 2022 (scaling).

    >>> encoder = NoiseEncoder((4, 4), (8, 5), key=jax.random.key(0))
    >>> encoder(jnp.ones((2, 4, 4)), 0.5).shape
    (2, 5)
    """

    layers: tuple[Linear, ...]
    shape: tuple[int, ...] = eqx.field(static=True)
    centre: float = eqx.field(static=True)
    deviation: float = eqx.field(static=True)
    activation: Callable = eqx.field(static=True)

    def __init__(
        self,
        shape: Sequence[int],
        hidden: Sequence[int],
        *,
        centre: float = 0.0,
        deviation: float = 0.5,
        key: PRNGKeyArray,
        activation: Callable = jax.nn.gelu,
    ):
        check_key("key", key)
        self.shape = tuple(check_integer(f"shape[{i}]", size, minimum=1) for i, size in enumerate(shape))
        self.centre = check_number("centre", centre)
        self.deviation = check_number("deviation", deviation, minimum=0.0, exclusive=True)
        self.activation = activation
        sizes = [math.prod(self.shape) + 1]
        sizes += [check_integer(f"hidden[{i}]", width, minimum=1) for i, width in enumerate(hidden)]
        if len(sizes) == 1:
            raise ValueError("hidden must name at least one layer, got none")
        keys = jax.random.split(key, len(sizes) - 1)
        self.layers = tuple(
            Linear(a, b, key=k, scale=6.0**0.5) for a, b, k in zip(sizes[:-1], sizes[1:], keys, strict=True)
        )

    @property
    def width(self) -> int:
        """Size of the representation."""
        return self.layers[-1].weight.shape[1]

    def __call__(
        self, x: Float[Array, "batch ..."], level: Float[Array, "*#batch"] | float
    ) -> Float[Array, "batch width"]:
        """**Arguments:** `x`: shape `(batch, *shape)`; `level`: a number, or one for each image."""
        level = jnp.broadcast_to(jnp.asarray(level, x.dtype), x.shape[:1])
        scale = jax.lax.rsqrt(jnp.square(level) + self.deviation**2)
        flat = (x - self.centre).reshape(x.shape[0], -1) * scale[:, None]
        h = jnp.concatenate([flat, 0.25 * jnp.log(level)[:, None]], axis=1)
        for layer in self.layers:
            h = self.activation(layer(h))
        return h
