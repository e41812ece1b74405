"""A wave on top of a sequence: the noise that finds the resonances of a recurrent model."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core import check_key, check_number
from ._perturbation import AbstractPerturbation


class FourierMode(AbstractPerturbation):
    """A sine of one frequency and a random phase is added to each sequence, the same to all its channels.

    `u_l + a sin(2 pi f l + phi)`, `phi` uniform.

    **Arguments:** `strength`: the amplitude `a`, in the unit of the sequence; `frequency`: `f` in cycles per step, at
    most 1/2. The call takes `x` of shape `(..., length, channels)`; `jit` and `vmap` go through it.

    **Raises:** `ValueError` or `TypeError` that names the argument.

    Source: Yu et al. 2023 (arXiv 2310.01698), section 5.2.

    >>> FourierMode(0.1, frequency=0.25)(jnp.zeros((3, 8, 1)), key=jax.random.key(0)).shape
    (3, 8, 1)
    """

    strength: Any
    frequency: Any

    def __check_init__(self):
        check_number("frequency", self.frequency, minimum=0.0, maximum=0.5)

    def __call__(self, x: Any, *, key: Any) -> Float[Array, "*batch length channels"]:
        x = jnp.asarray(x)
        check_key("key", key)
        if x.ndim < 2:
            raise ValueError(f"x must have shape (..., length, channels), got {x.shape}")
        phase = jax.random.uniform(key, (*x.shape[:-2], 1, 1), x.dtype, 0.0, 2.0 * jnp.pi)
        steps = jnp.arange(x.shape[-2], dtype=x.dtype)[:, None]
        return x + self.strength * jnp.sin(2.0 * jnp.pi * self.frequency * steps + phase)
