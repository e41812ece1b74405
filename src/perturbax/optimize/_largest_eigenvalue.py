"""The largest eigenvalue of a symmetric operator by Lanczos' method, begun again from its Ritz vector.

A run holds a few vectors only, however many steps it takes, and ends by the residual `|A v - value v|`: an eigenvalue
is no further than that from `value`, and the error of the largest one is of the order of its square.
"""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from ..core import iterate
from ..linalg import ritz_pairs, tridiagonalize

# Steps of a run: they are worth more than restarts, and each holds a vector.
_STEPS = 16


class Largest(eqx.Module):
    """The eigenvalue, the residual of its vector, how often the operator was applied, and how it went."""

    value: Float[Array, ""]
    residual: Float[Array, ""]
    evaluations: Int[Array, ""]
    result: Any


class _State(eqx.Module):
    vector: Array
    value: Array
    residual: Array


def largest_eigenvalue(operator: Callable[[Array], Array], start: Array, tol: Any, max_restarts: int) -> Largest:
    """Until the residual is at most `tol` of the value. `start` must have a part along an eigenvector of it."""

    def step(state: _State) -> _State:
        pairs = ritz_pairs(tridiagonalize(operator, state.vector, _STEPS))
        return _State(pairs.vectors[-1], pairs.values[-1], pairs.residuals[-1])

    def done(_: Any, state: _State) -> Array:
        return state.residual <= tol * jnp.abs(state.value)

    zero = jnp.zeros((), start.dtype)
    found = iterate(step, _State(start, zero, zero), done=done, max_steps=max_restarts, throw=False)
    return Largest(found.state.value, found.state.residual, _STEPS * found.steps, found.result)
