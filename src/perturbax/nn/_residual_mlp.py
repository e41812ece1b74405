"""A residual multi-layer perceptron that is told a noise level and a class: a small network for diffusion on vectors.

    h_0 = W_in x + c,    h_{i+1} = h_i + V_i silu(W_i (norm(h_i) + c)),    y = W_out norm(h_n)

with the condition `c = silu(W_c fourier(s) + E[label])`.
"""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from ..core import check_integer, check_key
from ._layers import Linear, normalise

_FREQUENCIES = 16


class _Block(eqx.Module):
    inner: Linear
    outer: Linear

    def __init__(self, width: int, *, key: PRNGKeyArray):
        first, second = jax.random.split(key)
        self.inner = Linear(width, width, key=first)
        self.outer = Linear(width, width, key=second, scale=0.5)

    def __call__(self, h: Array, condition: Array) -> Array:
        return h + self.outer(jax.nn.silu(self.inner(normalise(h) + condition)))


class ResidualMLP(eqx.Module):
    """A residual MLP `(x, level, label) -> y` with `y` of the size of `x`.

    It starts as the zero function, which with EDM preconditioning is a good denoiser of small noise.

    **Arguments:** `size`: of the last axis of `x`; `width`: of the hidden state; `blocks`: residual blocks; `classes`:
    how many labels there are, 0 for an unconditional network; `key`: draws the weights.

    **Raises:** `ValueError` when a size is smaller than 1 or `classes` is negative.

    >>> network = ResidualMLP(4, width=8, blocks=1, classes=3, key=jax.random.key(0))
    >>> network(jnp.ones((2, 4)), jnp.zeros(2), jnp.array([0, -1])).shape
    (2, 4)
    """

    inputs: Linear
    level: Linear
    labels: Float[Array, "classes width"]
    blocks: tuple[_Block, ...]
    outputs: Linear

    def __init__(self, size: int, *, width: int = 192, blocks: int = 3, classes: int = 0, key: PRNGKeyArray):
        check_key("key", key)
        size, width = check_integer("size", size, minimum=1), check_integer("width", width, minimum=1)
        blocks, classes = check_integer("blocks", blocks, minimum=1), check_integer("classes", classes, minimum=0)
        first, second, third, last, *rest = jax.random.split(key, 4 + blocks)
        self.inputs = Linear(size, width, key=first)
        self.level = Linear(2 * _FREQUENCIES, width, key=second)
        self.labels = jax.random.normal(third, (classes, width))
        self.blocks = tuple(_Block(width, key=k) for k in rest)
        self.outputs = Linear(width, size, key=last, scale=0.0)

    def __call__(
        self,
        x: Float[Array, "*batch size"],
        level: Float[Array, "*#batch"],
        label: Int[Array, "*#batch"] | None = None,
    ) -> Float[Array, "*batch size"]:
        """**Arguments:** `x`: shape `(..., size)`; `level`: the noise level, about 1 in size, a scalar or one per
        point; `label`: classes, where -1 (or `None`) is unconditional.

        **Raises:** `ValueError` when a label is given to an unconditional network.
        """
        classes = self.labels.shape[0]
        if label is not None and classes == 0:
            raise ValueError("label was given, but this network was made with classes=0")
        frequencies = jnp.exp(jnp.linspace(math.log(0.25), math.log(16.0), _FREQUENCIES))
        angles = level[..., None] * frequencies
        condition = self.level(jnp.concatenate((jnp.sin(angles), jnp.cos(angles)), axis=-1))
        if label is not None:
            # A one-hot row of zeros, for label -1, adds nothing.
            condition = condition + jax.nn.one_hot(label, classes, dtype=x.dtype) @ self.labels
        condition = jax.nn.silu(condition)
        h = self.inputs(x) + condition
        for block in self.blocks:
            h = block(h, condition)
        return self.outputs(normalise(h))
