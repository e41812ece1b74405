"""Sequence classifiers made of state-space layers.

h <- h + GLU(gelu(SSM(norm(h)))),      GLU(x) = (x W_1 + b_1) sigmoid(x W_2 + b_2)
"""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from ...core import check_integer, check_key
from .._layers import Linear, normalise
from ._layer import AbstractSSM


class Block(eqx.Module):
    """Layer normalisation, a state-space layer, GELU, a gated linear unit, and the input added.

    **Arguments:** `layer`: such as `S4D(...)`; `width`: its channels; `key`: draws the weights.
    """

    layer: AbstractSSM
    gated: Linear

    def __init__(self, layer: AbstractSSM, width: int, *, key: PRNGKeyArray):
        self.layer = layer
        self.gated = Linear(width, 2 * width, key=key)

    def __call__(self, h: Float[Array, "*batch length width"]) -> Float[Array, "*batch length width"]:
        return h + jax.nn.glu(self.gated(jax.nn.gelu(self.layer(normalise(h)))))


class SequenceClassifier(eqx.Module):
    """Scores of classes for sequences: a linear encoder, blocks, the mean over the sequence, a linear decoder.

    **Arguments:**

    - `inputs`, `width`, `classes`: channels of the input, of the blocks, and number of classes.
    - `layers`: functions `make(key)` that make the state-space layer of each block, of `width` channels.
    - `key`: draws the weights.

    **Raises:** `TypeError`, `ValueError` that name the argument.

    >>> from perturbax.nn import ssm
    >>> def make(key):
    ...     return ssm.S4D(8, ssm.s4d_legs(4), key=key)
    >>> ssm.SequenceClassifier(1, 8, 3, [make, make], key=jax.random.key(0))(jnp.ones((5, 20, 1))).shape
    (5, 3)
    """

    encoder: Linear
    blocks: tuple[Block, ...]
    decoder: Linear

    def __init__(
        self,
        inputs: int,
        width: int,
        classes: int,
        layers: list[Callable[[PRNGKeyArray], AbstractSSM]],
        *,
        key: PRNGKeyArray,
    ):
        for name, value in (("inputs", inputs), ("width", width), ("classes", classes)):
            check_integer(name, value, minimum=1)
        if not layers:
            raise ValueError("layers must make at least one state-space layer, got none")
        encoder_key, decoder_key, *keys = jax.random.split(check_key("key", key), 2 + 2 * len(layers))
        # One input more, a constant: the normalisation of a block would leave of a single channel only its sign.
        self.encoder = Linear(inputs + 1, width, key=encoder_key)
        pairs = zip(layers, keys[::2], keys[1::2], strict=True)
        self.blocks = tuple(Block(make(a), width, key=b) for make, a, b in pairs)
        self.decoder = Linear(width, classes, key=decoder_key)

    def __call__(self, u: Float[Array, "*batch length inputs"]) -> Float[Array, "*batch classes"]:
        h = self.encoder(jnp.concatenate([u, jnp.ones((*u.shape[:-1], 1))], axis=-1))
        for block in self.blocks:
            h = block(h)
        return self.decoder(normalise(h).mean(-2))
