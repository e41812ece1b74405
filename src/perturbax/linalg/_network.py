"""A network as the proposal of a search direction."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array


class Proposal(eqx.Module):
    """`r -> f(r / rms(r))`: the scale that the network sees depends neither on the residual nor on the grid.

    The network computes in the precision of its weights, whatever that of the residual is.
    """

    network: Callable[[Array], Array]

    def __call__(self, r: Array) -> Array:
        scale = jnp.sqrt(jnp.mean(jnp.square(r)))
        unit = r / jnp.where(scale > 0.0, scale, 1.0)
        return self.network(unit.astype(precision_of(self.network, r.dtype))).astype(r.dtype)


def precision_of(network: Any, default: Any) -> Any:
    """The dtype of the floating arrays of a network."""
    weights = jax.tree.leaves(eqx.filter(network, eqx.is_inexact_array))
    return weights[0].dtype if weights else default


def check_network(network: Any) -> None:
    """Refuse what cannot be called."""
    if isinstance(network, type):
        raise TypeError(f"network must be a function from residuals to directions, got the class {network.__name__}")
    if not callable(network):
        raise TypeError(f"network must be a function from residuals to directions, got {type(network).__name__}")
