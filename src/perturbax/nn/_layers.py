"""Layers that act on the last axis of arrays of any batch shape, as one matrix product."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray


class Linear(eqx.Module):
    """`x W + b` on the last axis.

    **Arguments:** `inputs`, `outputs`: sizes; `key`: draws the weights from `U(-1, 1) / sqrt(inputs)`; `scale`: factor
    on them; the bias starts at 0.
    """

    weight: Float[Array, "inputs outputs"]
    bias: Float[Array, " outputs"]

    def __init__(self, inputs: int, outputs: int, *, key: PRNGKeyArray, scale: float = 1.0):
        limit = scale / inputs**0.5
        self.weight = jax.random.uniform(key, (inputs, outputs), minval=-limit, maxval=limit)
        self.bias = jnp.zeros(outputs)

    def __call__(self, x: Float[Array, "*batch inputs"]) -> Float[Array, "*batch outputs"]:
        return x @ self.weight + self.bias


def normalise(x: Float[Array, "*batch width"]) -> Float[Array, "*batch width"]:
    """Layer normalisation without parameters."""
    centred = x - x.mean(-1, keepdims=True)
    return centred * jax.lax.rsqrt(jnp.square(centred).mean(-1, keepdims=True) + 1e-5)
