"""Images moved by a few pixels."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core import check_key, check_number
from ._perturbation import AbstractPerturbation


class RandomShift(AbstractPerturbation):
    """Each image is moved by a whole number of pixels along both axes, all moves being equally likely.

    **Arguments:** `strength`: the most pixels that it is moved by, rounded down; `fill`: value of the pixels that come
    in. The call takes `x` of shape `(..., height, width)`; `jit` and `vmap` go through it.

    **Raises:** `ValueError` or `TypeError` that names the argument.

    >>> RandomShift(1)(jnp.ones((2, 3, 3)), key=jax.random.key(0)).sum((1, 2)).tolist()
    [6.0, 6.0]
    """

    strength: float | int
    fill: float | int = 0.0

    def __check_init__(self):
        check_number("fill", self.fill)

    def __call__(self, x: Any, *, key: Any) -> Float[Array, "*batch height width"]:
        x, most = jnp.asarray(x), int(self.strength)
        check_key("key", key)
        if x.ndim < 2:
            raise ValueError(f"x must have shape (..., height, width), got {x.shape}")
        images = x.reshape(-1, *x.shape[-2:])
        padded = jnp.pad(images, [(0, 0), (most, most), (most, most)], constant_values=self.fill)
        corners = jax.random.randint(key, (len(images), 2), 0, 2 * most + 1)

        def moved(image: Array, corner: Array) -> Array:
            return jax.lax.dynamic_slice(image, corner, x.shape[-2:])

        return jax.vmap(moved)(padded, corners).reshape(x.shape)
