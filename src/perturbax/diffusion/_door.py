"""Checks at the door of `sample`: shapes, starts, conditions, shardings. Each returns the settled value."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..core import check_array, check_instance, check_integer
from ..interop import namespace_of
from ._denoise import is_floating
from ._process import AbstractProcess


def settle_shape(shape: Any) -> tuple[int, ...]:
    if isinstance(shape, int) or not hasattr(shape, "__iter__"):
        raise TypeError(f"shape must be a tuple of sizes such as (3, 32, 32), got {shape!r}")
    return tuple(check_integer(f"shape[{i}]", size, minimum=1) for i, size in enumerate(shape))


def check_callable(name: str, value: Any, call: str) -> None:
    if isinstance(value, type):
        raise TypeError(f"{name} must be callable as {call}, got the class {value.__name__}; did you forget ()?")
    if not callable(value):
        raise TypeError(f"{name} must be callable as {call}, got {type(value).__name__}")


def check_drawable(process: AbstractProcess, start: float) -> None:
    if start < process.t_max and process.half_log_snr(start) > 0:
        raise ValueError(
            f"x_T is needed to start at time {start:g}: the state there holds more data than noise (alpha "
            f"{process.alpha(start):.3g}, sigma {process.sigma(start):.3g}) and cannot be drawn as noise"
        )


def settle_start(x_T: Any, shape: tuple[int, ...], name: str = "x_T") -> Any:
    if isinstance(x_T, jax.Array | np.ndarray) or not hasattr(x_T, "shape") or not hasattr(x_T, "dtype"):
        x_T = check_array(name, x_T, shape=(None, *shape))
        return x_T.astype(jnp.promote_types(x_T.dtype, jnp.float32))
    got = tuple(x_T.shape)
    if len(got) != 1 + len(shape) or got[1:] != shape or got[0] == 0:
        raise ValueError(f"{name} must have shape {('batch', *shape)}, got {got}")
    if not is_floating(x_T.dtype):
        raise TypeError(f"{name} must hold floating numbers, got dtype {x_T.dtype}")
    if not all_finite(x_T):
        raise ValueError(f"{name} must be finite")
    return x_T


def place(x_T: Any, sharding: Any) -> Float[Array, "batch ..."]:
    check_instance("sharding", sharding, jax.sharding.Sharding, "a jax.sharding.Sharding")
    if not isinstance(x_T, jax.Array):
        raise TypeError(f"sharding needs x_T as a JAX array, got {type(x_T).__name__}")
    try:
        sharding.shard_shape(x_T.shape)
    except ValueError as error:
        raise ValueError(f"sharding does not fit a batch of shape {x_T.shape}: {error}") from None
    return jax.device_put(x_T, sharding)


def spread_condition(name: str, tree: Any, x_T: Any) -> Any:
    """A condition with the leading axis of the batch, in the framework of `x_T`."""
    batch, known = x_T.shape[0], isinstance(x_T, jax.Array | np.ndarray)

    def spread(leaf: Any) -> Any:
        if known:
            leaf = check_array(name, leaf, kind="any", nonempty=False)
            leaf = leaf if leaf.dtype == bool else check_array(name, leaf, kind="number", nonempty=False)
            leaf = jnp.asarray(leaf) if isinstance(x_T, jax.Array) else np.asarray(leaf)
            leaf = leaf[None] if leaf.ndim == 0 else leaf
        elif len(getattr(leaf, "shape", ())) == 0:
            raise TypeError(f"{name} must hold arrays of the framework of x_T with a leading axis, got {leaf!r}")
        if leaf.shape[0] not in (1, batch):
            raise ValueError(f"{name} must have a leading axis of 1 or of the batch {batch}, got {tuple(leaf.shape)}")
        xp: Any = jnp if isinstance(leaf, jax.Array) else namespace_of(leaf)
        return leaf if leaf.shape[0] == batch else xp.concatenate([leaf] * batch)

    return jax.tree.map(spread, tree)


def all_finite(array: Any) -> bool:
    """Whether an array of any framework is finite; a sum would overflow in half precision."""
    return bool(np.isfinite(float(abs(array).max())))
