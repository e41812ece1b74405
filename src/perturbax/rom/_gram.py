"""POD by the method of snapshots, for one set of snapshots or a batch of them: eigenvectors of Gram matrices.

Of `x W x' = U diag(s^2) U'` the modes are the rows of `diag(1 / s) U' x`. Rounding takes small ones away from being
orthonormal; a Cholesky factor of their own Gram matrix gives that back.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ._weight import AbstractWeight

# A few times the root of the rounding unit, below which eigenvalues of a Gram matrix are only its errors.
RESOLUTION = 1e-7
# What the modes may be away from orthonormal.
_ORTHONORMAL = 1e-10


def host_or_device() -> Any:
    """NumPy on a CPU, whose product of an array with its own transpose takes half the work of another; else JAX."""
    return np if jax.default_backend() == "cpu" else jnp


def by_snapshots(x: Any, weight: AbstractWeight, count: int) -> tuple[Any, Float[np.ndarray, "*batch values"]]:
    """At most `count` modes in rows, zero where there are no more, and all singular values. `x` has shape
    `(*batch, m, n)`. Run it in float64."""
    xp = host_or_device()
    x = xp.asarray(x)
    squares, vectors = xp.linalg.eigh(x @ xp.asarray(weight.times(x)).swapaxes(-1, -2))
    values = np.sqrt(np.maximum(np.asarray(squares)[..., ::-1], 0.0))[..., : min(x.shape[-2:])]
    first = values[..., :count]
    real = first > RESOLUTION * values[..., :1]
    mix = vectors[..., ::-1][..., : first.shape[-1]] * (real / np.where(real, first, 1.0))[..., None, :]
    modes = mix.swapaxes(-1, -2) @ x
    gram = modes @ xp.asarray(weight.times(modes)).swapaxes(-1, -2)
    gram = (gram + gram.swapaxes(-1, -2)) / 2.0 + np.eye(first.shape[-1]) * ~real[..., None]
    if bool(abs(gram - np.eye(first.shape[-1])).max() > _ORTHONORMAL):
        # The factor is near the identity, and a product with its inverse is what is fastest.
        modes = xp.linalg.inv(xp.linalg.cholesky(gram)) @ modes
    return modes, values
