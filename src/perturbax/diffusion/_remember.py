"""Remembering what a pure function of immutable values gave.

Compiling a plan takes the host several milliseconds, more than a small network takes to run, and a sampler is usually
called many times with the same parameters.
"""

import dataclasses
import enum
import functools
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

import equinox as eqx
import jax
import numpy as np

_PLAIN = frozenset((type(None), bool, int, float, complex, str, bytes))
_Function = TypeVar("_Function", bound=Callable)


def remembered(function: _Function) -> _Function:
    """Keep the last 64 results of a pure function of the content of its arguments.

    Arguments whose content may change without notice (see `content`) make a call that is not remembered. A result is
    handed out many times: make its arrays read-only with `frozen`.
    """

    @functools.lru_cache(maxsize=64)
    def recall(request: _Request) -> Any:
        return function(*request.arguments, **request.named)

    @functools.wraps(function)
    def call(*arguments: Any, **named: Any) -> Any:
        try:
            key = content((*arguments, *sorted(named.items())))
        except TypeError:
            return function(*arguments, **named)
        return recall(_Request(key, arguments, named))

    return call  # pyright: ignore[reportReturnType]


@dataclasses.dataclass(frozen=True)
class _Request:
    """A call, equal to another one when the contents of the arguments are."""

    content: Hashable
    arguments: tuple[Any, ...] = dataclasses.field(compare=False)
    named: dict[str, Any] = dataclasses.field(compare=False)


def content(value: Any) -> Hashable:
    """A hashable picture of a value, equal for values of the same types and content.

    Made of numbers, texts, enumerations, NumPy arrays, tuples, and Equinox modules of these.

    **Raises:** `TypeError` for anything else: traced values have no content yet, JAX arrays would have to be copied to
    the host, functions and other objects may change what they do and stay equal.

    >>> content((1, np.zeros(2))) == content((1, np.zeros(2))), content(1) == content(1.0)
    (True, False)
    """
    kind = type(value)
    if kind in _PLAIN or isinstance(value, enum.Enum):
        return kind, value
    if kind is tuple:
        kinds = set(map(type, value))
        if len(kinds) == 1 and kinds <= _PLAIN:  # a long table, whose entries need no look at each of them
            return kind, kinds.pop(), value
        return (kind, *map(content, value))
    if isinstance(value, np.ndarray | np.generic) and value.dtype.kind in "biufc":
        return kind, value.dtype.str, value.shape, value.tobytes()
    if isinstance(value, eqx.Module):
        return (kind, *(content(getattr(value, field.name)) for field in dataclasses.fields(value)))
    raise TypeError(f"{kind.__name__} has no content that can be relied on")


def frozen(tree: Any) -> Any:
    """A pytree with read-only copies of its NumPy arrays."""

    def freeze(leaf: Any) -> Any:
        if isinstance(leaf, np.ndarray):
            leaf = leaf.copy()
            leaf.flags.writeable = False
        return leaf

    return jax.tree.map(freeze, tree)
