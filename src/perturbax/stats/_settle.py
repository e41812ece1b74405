"""Arguments of compiled functions as JAX arrays of the right precision."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array


def settled_scale(name: str, value: Any, like: Array) -> Array:
    """A scale in the dtype of the points, a scalar or of their batch shape."""
    value = jnp.asarray(value, like.dtype)
    if value.ndim and value.shape != like.shape[:-1]:
        raise ValueError(f"{name} must be a scalar or have one entry per point, {like.shape[:-1]}, got {value.shape}")
    return value


def settled(x: Any) -> Array:
    """`x` as a JAX array of the precision in force.

    A float64 NumPy array must not reach a JAX function as it is: JAX 0.10 caches the trace under its NumPy dtype, and
    the same call under another precision then fails or answers in the wrong one.
    """
    if isinstance(x, jax.Array):
        return x
    x = np.asarray(x)
    return jnp.asarray(x.astype(jax.dtypes.canonicalize_dtype(x.dtype)))
