"""Networks of two arguments, a vector and a condition, for generators, critics, encoders and decoders."""

from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from ..core import check_integer
from ._mlp import MLP


def leaky_relu(x: Float[Array, "*batch"]) -> Float[Array, "*batch"]:
    """`max(x, 0.2 x)`."""
    return jax.nn.leaky_relu(x, 0.2)


class ConditionalMLP(eqx.Module):
    """A multi-layer perceptron `(x, p) -> y` on both arguments side by side, with leaky rectified units of slope 0.2.

    **Arguments:** `inputs`: size of the last axis of `x`; `conditions`: of `p`, may be 0; `hidden`: widths of the
    hidden layers; `outputs`: size of `y`, `None` for a number without an axis; `key`: draws the weights.

    **Raises:** `TypeError`, `ValueError` for sizes that do not fit.

    >>> ConditionalMLP(3, 1, (8, 8), None, key=jax.random.key(0))(jnp.ones((5, 3)), jnp.ones((5, 1))).shape
    (5,)
    """

    network: MLP
    scalar: bool = eqx.field(static=True)

    def __init__(self, inputs: int, conditions: int, hidden: Sequence[int], outputs: int | None, *, key: PRNGKeyArray):
        check_integer("inputs", inputs, minimum=1)
        check_integer("conditions", conditions, minimum=0)
        self.scalar = outputs is None
        self.network = MLP(
            inputs + conditions, hidden, 1 if outputs is None else outputs, key=key, activation=leaky_relu
        )

    def __call__(self, x: Float[Array, "*batch inputs"], p: Float[Array, "*batch conditions"]) -> Float[Array, "..."]:
        y = self.network(jnp.concatenate((x, p), axis=-1))
        return y[..., 0] if self.scalar else y
