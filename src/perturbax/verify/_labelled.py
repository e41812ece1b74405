"""Inputs with labels, as trainings take them."""

from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ..core import check_array


def settle_labelled(name: str, data: Any) -> tuple[Array, Array]:
    """A pair of inputs, shape `(n, ...)`, and labels, shape `(n,)`, as float32 and int32.

    **Raises:** `TypeError`, `ValueError` that name the argument when it is something else.
    """
    if not isinstance(data, tuple | list) or len(data) != 2:
        raise TypeError(f"{name} must be a pair of inputs and labels, got {type(data).__name__}")
    x = check_array(f"{name}[0]", data[0])
    labels = check_array(f"{name}[1]", data[1], shape=(x.shape[0],), kind="integer")
    return jnp.asarray(np.asarray(x, np.float32)), jnp.asarray(np.asarray(labels, np.int32))
