"""Small networks that the tests of quantisation share."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import lax

from perturbax import nn

X = jax.random.normal(jax.random.key(0), (60, 5))
Y = (jnp.arange(60) % 4).astype(jnp.int32)
MLP = nn.MLP(5, (8, 6), 4, key=jax.random.key(1), activation=jax.nn.relu)
PICTURES = jax.random.uniform(jax.random.key(2), (40, 6, 6))


class Residual(eqx.Module):
    """Convolution with batch normalisation, maximum pooling, a residual block, average pooling, and a product."""

    stem: jax.Array
    first: jax.Array
    second: jax.Array
    head: jax.Array
    gamma: jax.Array
    beta: jax.Array

    def __init__(self, key):
        keys = jax.random.split(key, 6)
        self.stem = jax.random.normal(keys[0], (4, 1, 3, 3)) / 3.0
        self.first = jax.random.normal(keys[1], (4, 4, 3, 3)) / 6.0
        self.second = jax.random.normal(keys[2], (4, 4, 3, 3)) / 6.0
        self.head = jax.random.normal(keys[3], (4, 3))
        self.gamma, self.beta = jax.random.normal(keys[4], (4, 1, 1)), jax.random.normal(keys[5], (4, 1, 1))

    def __call__(self, x):
        h = convolve(x[None], self.stem) * self.gamma + self.beta
        h = lax.reduce_window(jax.nn.relu(h), -jnp.inf, lax.max, (1, 2, 2), (1, 2, 2), "VALID")
        h = jax.nn.relu(h + convolve(jax.nn.relu(convolve(h, self.first)), self.second))
        return h.mean((1, 2)) @ self.head


def convolve(x, kernel):
    return lax.conv_general_dilated(x[None], kernel, (1, 1), "SAME")[0]


RESIDUAL = Residual(jax.random.key(3))
