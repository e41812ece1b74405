"""Arguments of compiled functions as arrays of the precision in force, and results for what runs in another one."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array


def settle_arrays(tree: Any) -> Any:
    """Floating arrays and numbers in the precision that is switched on, all arrays on the device.

    A number that stayed one would be part of the compiled program, and another one would compile again.

    **Arguments:** `tree`: a pytree; other leaves stay as they are.

    **Returns:** the tree.

    >>> settle_arrays({"a": 1.0, "b": np.ones(2), "c": 3})["b"].dtype
    dtype('float32')
    """

    def settled(leaf: Any) -> Any:
        if isinstance(leaf, float):
            return cast(leaf, jnp.result_type(float))
        if not eqx.is_array(leaf) and not isinstance(leaf, np.ndarray):
            return leaf
        floating = jnp.issubdtype(leaf.dtype, jnp.floating)
        return cast(leaf, jnp.result_type(float) if floating else leaf.dtype)

    return jax.tree.map(settled, tree)


def cast(value: Any, dtype: Any) -> Array:
    """An array on the device; NumPy arrays are cast on the host (JAX 0.10 caches traces under the dtype that came).

    Inside of `jit` too, what is known stays known: some look at the pattern of a matrix.

    **Arguments:** `value`: a number or an array; `dtype`: of the result.

    **Returns:** a JAX array.

    >>> cast(np.ones(2), np.float64).dtype
    dtype('float32')
    """
    if isinstance(value, Tracer):
        return value.astype(dtype)
    with jax.ensure_compile_time_eval():
        if isinstance(value, jax.Array):
            return value.astype(dtype)
        return jnp.asarray(np.asarray(value).astype(jax.dtypes.canonicalize_dtype(dtype)))


def to_host(tree: Any) -> Any:
    """Float64 arrays as NumPy's, where JAX would go on with them in float32.

    **Arguments:** `tree`: a pytree; everything else stays as it is, and everything where float64 is switched on.

    **Returns:** the tree.

    >>> from perturbax import core
    >>> with core.float64():
    ...     x = jnp.ones(2)
    >>> type(to_host(x)).__name__
    'ndarray'
    """
    if jax.config.read("jax_enable_x64"):
        return tree

    def host(leaf: Any) -> Any:
        double = isinstance(leaf, jax.Array) and not isinstance(leaf, Tracer) and leaf.dtype == np.float64
        return np.asarray(leaf) if double else leaf

    return jax.tree.map(host, tree)
