"""Asking and telling as two small programs, compiled once for each method, for solvers that are not compiled."""

import functools
from collections.abc import Callable
from typing import Any

import jax

from ._tuner import AbstractTuner


@functools.lru_cache(maxsize=64)
def compiled(method: AbstractTuner, implementation: str) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """`ask(state, context, key data, round)` and `tell(state, choice, cost)`, to be called in float64.

    Keys go in as their data: unwrapping them at every call takes longer than a round.
    """

    def ask(state: Any, context: Any, data: Any, number: Any) -> Any:
        key = jax.random.wrap_key_data(data, impl=implementation)
        return method.ask(state, context, jax.random.fold_in(key, number))

    return jax.jit(ask), jax.jit(method.tell)
