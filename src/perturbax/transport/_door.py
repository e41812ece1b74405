"""Checks at the doors of this package: points, times and their precision. Each returns the settled value."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float

from ..core import check_array, check_number


def settle_points(name: str, value: Any, size: int, ndim: int | None = None) -> Float[Array, "*batch d"]:
    """Points with `size` entries in their last axis, in float32, or in float64 where that is switched on."""
    value = check_array(name, value, ndim=ndim)
    if value.ndim == 0 or value.shape[-1] != size:
        raise ValueError(f"{name} must have {size} entries in its last axis, got shape {tuple(value.shape)}")
    return settle(value)


def settle(value: Any) -> Array:
    """An array in the floating precision in force. A host array is cast first: JAX keeps no float64 without leave."""
    dtype = jax.dtypes.canonicalize_dtype(np.float64)
    return value.astype(dtype) if isinstance(value, jax.Array) else jnp.asarray(np.asarray(value, dtype))


def settle_time(name: str, value: Any, batch: tuple[int, ...], *, end: bool) -> Array:
    """A time in [0, 1], or in [0, 1) without `end`: a scalar or one per point."""
    if isinstance(value, Tracer):
        time = value
    elif np.ndim(value) == 0:
        time = np.asarray(check_number(name, value, minimum=0.0, maximum=1.0))
    else:
        time = np.asarray(check_array(name, value))
        if time.min() < 0.0 or time.max() > 1.0:
            raise ValueError(f"{name} must lie in [0, 1], got {time.min():g} to {time.max():g}")
    if not isinstance(time, Tracer) and not end and np.max(time) == 1.0:
        raise ValueError(f"{name} must be < 1 here, got 1")
    if time.ndim and time.shape != batch:
        raise ValueError(f"{name} must be a scalar or have one entry per point, {batch}, got {time.shape}")
    return settle(time)


def settle_times(name: str, value: Any) -> Float[np.ndarray, " times"]:
    """Increasing times in [0, 1], known on the host."""
    if isinstance(value, Tracer):
        raise TypeError(f"{name} must be known outside of jit, since it decides the steps")
    times = np.asarray(check_array(name, value, ndim=1), np.float64)
    if times[0] < 0.0 or times[-1] > 1.0 or (np.diff(times) <= 0.0).any():
        raise ValueError(f"{name} must increase within [0, 1], got {times.tolist()}")
    return times
