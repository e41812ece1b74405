"""Asking and telling as two small programs, compiled once for each method, for solvers that are not compiled.

Such a call costs less for its arithmetic than for every array that goes in and comes out. So a state is one vector on
the way, and a key is its data.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
from jax.flatten_util import ravel_pytree

from ..core import float64
from ._tuner import AbstractTuner


class Compiled(NamedTuple):
    """`ask(vector, context, key data, round)` and `tell(vector, choice, cost)`, to be called in float64, and `unpack`,
    which makes a state of a vector again."""

    ask: Callable[..., Any]
    tell: Callable[..., Any]
    unpack: Callable[[Any], Any]


@functools.lru_cache(maxsize=64)
def compiled(method: AbstractTuner, implementation: str) -> Compiled:
    """The programs of a method, for keys of an implementation."""
    with float64():
        unpack = ravel_pytree(method.init())[1]

    def ask(vector: Any, context: Any, data: Any, number: Any) -> Any:
        key = jax.random.wrap_key_data(data, impl=implementation)
        return method.ask(unpack(vector), context, jax.random.fold_in(key, number))

    def tell(vector: Any, choice: Any, cost: Any) -> Any:
        return pack(method.tell(unpack(vector), choice, cost))

    return Compiled(jax.jit(ask), jax.jit(tell), unpack)


def pack(state: Any) -> Any:
    """A state as a vector; whole numbers keep their values in float64."""
    return ravel_pytree(state)[0]
