"""A family of drifts without a model: gradients of a potential that is a network."""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
from jaxtyping import Array, Float, PRNGKeyArray

from ..nn import MLP


class GradientField(eqx.Module):
    """The family `b(x) = grad psi(x)` with a multi-layer perceptron `psi`, for populations that nothing is known of.

    **Arguments:** `size`: the dimension; `hidden`: widths of the layers; `key`: draws the weights.

    **Raises:** `ValueError` when a size is smaller than 1.

    Source: Shen, Berlinghieri & Broderick 2025, arXiv 2408.06277, for single cells.

    >>> import jax.numpy as jnp
    >>> GradientField(2, (8,), key=jax.random.key(0))(jnp.ones((5, 2)), 0.0).shape
    (5, 2)
    """

    potential: MLP

    def __init__(self, size: int, hidden: Sequence[int] = (128, 64, 64), *, key: PRNGKeyArray):
        self.potential = MLP(size, hidden, 1, key=key)

    def __call__(self, x: Array, t: Any) -> Float[Array, "*batch d"]:
        # Every potential depends on its own point only, so that the gradient of their sum has all of them.
        return jax.grad(lambda x: self.potential(x).sum())(x)
