"""Ginibre matrices of a given norm."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Inexact

from ..core import float64


def ginibre(key: Any, like: Inexact[np.ndarray, "n n"], norm: float) -> Inexact[np.ndarray, "n n"]:
    """Independent normal numbers, real or complex as `like`, scaled to a 2-norm."""
    with float64():
        Z = np.asarray(jax.random.normal(key, (2, *like.shape), jnp.float64))
    Z = Z[0] + 1j * Z[1] if np.iscomplexobj(like) else Z[0]
    return norm * Z / np.linalg.norm(Z, 2)
