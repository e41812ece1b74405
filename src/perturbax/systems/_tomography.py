"""Computed tomography with parallel beams: integrals of an image along lines.

y[a, s] = int x(s cos a - t sin a, s sin a + t cos a) dt
"""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import jax.scipy.ndimage
import numpy as np
from jaxtyping import Array, Float

from ..core import check_array, check_integer, check_number
from ._imaging import AbstractImaging


class ParallelBeamCT(AbstractImaging):
    """The Radon transform of a square image at some angles, matrix-free.

    The image is read by bilinear interpolation at points of the rotated grid, one pixel apart, and summed along the
    beams; outside of it is 0.

    **Arguments:** `size`: pixels of a side; `angles`: in radians, shape `(views,)`; `scale`: divides the integrals, by
    default by the size, so that the norm of the operator does not grow with it.

    **Raises:** `ValueError` when `size` or `scale` is not positive or an angle not finite.

    >>> ct = ParallelBeamCT(8, [0.0, 1.5707964])
    >>> image = jnp.zeros((8, 8)).at[2, 5].set(8.0)
    >>> ct(image).round(3).argmax(1).tolist()
    [5, 2]
    """

    size: int = eqx.field(static=True)
    # Cosines and sines, made on the host in float64. Arrays, so that other angles are no other program.
    directions: Float[Array, "views 2"]
    scale: Float[Array, ""]

    def __init__(self, size: int, angles: Any, scale: float | None = None):
        self.size = check_integer("size", size, minimum=1)
        angles = np.asarray(check_array("angles", angles, ndim=1), np.float64)
        self.directions = jnp.asarray(np.stack([np.cos(angles), np.sin(angles)], 1), jnp.float32)
        scale = size if scale is None else check_number("scale", scale, minimum=0.0, exclusive=True)
        self.scale = jnp.asarray(scale, jnp.float32)

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.size, self.size)

    def __call__(self, x: Array) -> Array:
        middle = 0.5 * (self.size - 1)
        along, across = np.meshgrid(np.arange(self.size) - middle, np.arange(self.size) - middle, indexing="ij")
        cosine, sine = self.directions[:, 0, None, None], self.directions[:, 1, None, None]
        columns = across * cosine - along * sine + middle
        rows = across * sine + along * cosine + middle
        read = jax.scipy.ndimage.map_coordinates(x, [rows, columns], order=1)
        return read.sum(1) / self.scale
