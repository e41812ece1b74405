"""Precision scoped to a call: float64 where a computation needs it, without a global flag."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import jax

from ._check import check_choice


@contextmanager
def float64() -> Iterator[None]:
    """Compute in float64 inside the block; also a decorator. The rest of the program keeps its setting.

    >>> import jax.numpy as jnp
    >>> with float64():
    ...     print(jnp.zeros(1).dtype)
    float64
    """
    with jax.enable_x64(True):
        yield


@contextmanager
def precision(name: Literal["float32", "float64"]) -> Iterator[None]:
    """Compute in the named precision inside the block; also a decorator.

    **Arguments:** `name`: `"float32"` or `"float64"`.

    **Raises:** `ValueError` for another name.

    >>> import jax.numpy as jnp
    >>> with precision("float32"):
    ...     print(jnp.zeros(1).dtype)
    float32
    """
    check_choice("precision", name, ("float32", "float64"))
    with jax.enable_x64(name == "float64"):
        yield
