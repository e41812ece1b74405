"""Magnetic resonance imaging: the Fourier transform of an image under each coil, at some frequencies.

    y_c = M F (s_c x),      A* y = sum_c conj(s_c) F^{-1} (M y_c)

with orthonormal `F`, sensitivities `s_c` and a mask `M`. With `sum_c |s_c|^2 = 1` the norm of `A` is at most 1.
"""

import math
import warnings
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Complex

from ..core import check_array, check_integer, check_key, check_number
from ._imaging import AbstractImaging, settle_image_shape, settle_mask


class MRI(AbstractImaging):
    """Undersampled k-space of one or several coils. The zero frequency is at index 0 of each axis.

    **Arguments:**

    - `mask`: booleans of the shape of the image: which frequencies are measured.
    - `maps`: complex, shape `(coils, *image)`; one coil that sees everything alike when `None`. Maps whose squares do
      not sum to 1 are divided by the root of the sum where it is positive, with a warning.
    - `complex_image`: whether images are complex.

    **Raises:** `TypeError`, `ValueError` when shapes do not fit or a value is not finite.

    >>> operator = MRI(jnp.ones((4, 4), bool))
    >>> operator(jnp.eye(4)).shape, bool(jnp.allclose(operator.adjoint(operator(jnp.eye(4))), jnp.eye(4), atol=1e-6))
    ((1, 4, 4), True)
    """

    mask: Bool[Array, "*image"]
    maps: Complex[Array, "coils *image"]
    complex_image: bool = eqx.field(static=True)

    def __init__(self, mask: Any, maps: Any = None, complex_image: bool = False):
        self.mask = settle_mask("mask", mask)
        if maps is None:
            maps = np.ones((1, *self.mask.shape), np.complex64)
        maps = np.asarray(check_array("maps", maps, shape=(None, *self.mask.shape), kind="number"), np.complex64)
        total = np.sqrt(np.square(np.abs(maps)).sum(0))
        if np.abs(total[total > 0] - 1.0).max() > 1e-3:
            warnings.warn("maps are divided by the root of the sum of their squares, which was not 1", stacklevel=2)
        self.maps = jnp.asarray(maps / np.where(total > 0, total, 1.0))
        self.complex_image = complex_image

    @property
    def shape(self) -> tuple[int, ...]:
        return self.mask.shape

    @property
    def dtype(self) -> Any:
        return jnp.complex64 if self.complex_image else jnp.float32

    def __call__(self, x: Array) -> Array:
        axes = tuple(range(1, 1 + self.mask.ndim))
        return jnp.where(self.mask, jnp.fft.fftn(self.maps * x, axes=axes, norm="ortho"), 0.0)


def coil_maps(coils: int, shape: tuple[int, ...]) -> Complex[np.ndarray, "coils *image"]:
    """Smooth synthetic sensitivities: Gaussian bells around points on an ellipse, each with a phase of its own.

    **Arguments:** `coils`: how many; `shape`: of the image, two axes.

    **Returns:** complex64, with squares that sum to 1.

    **Raises:** `ValueError` when `coils` is not positive or `shape` has not two axes.

    >>> float(np.square(np.abs(coil_maps(3, (8, 8)))).sum(0).max().round(4))
    1.0
    """
    check_integer("coils", coils, minimum=1)
    height, width = _plane(shape)
    rows, columns = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    angle = 2.0 * np.pi * np.arange(coils)[:, None, None] / coils
    distance = np.square(rows - np.sin(angle)) + np.square(columns - np.cos(angle))
    maps = np.exp(-0.5 * distance + 1j * (angle + 0.5 * (np.cos(angle) * columns + np.sin(angle) * rows)))
    return (maps / np.sqrt(np.square(np.abs(maps)).sum(0))).astype(np.complex64)


def column_mask(
    key: Any,
    shape: tuple[int, int],
    acceleration: float | int = 4,
    centre: float | int = 0.08,
    *,
    deviation: float | int = math.inf,
) -> Bool[np.ndarray, "height width"]:
    """Whole columns of k-space: a fully measured centre and random others, uniform or dense around the centre.

    **Arguments:** `key`: JAX PRNG key; `shape`: of the image; `acceleration`: columns over measured ones, at least 1;
    `centre`: share of the columns that is measured around frequency 0; `deviation`: of the normal density of the
    others, as a share of the highest frequency, such as 1/3; infinite for uniform positions.

    **Returns:** booleans with the zero frequency at index 0.

    **Raises:** `ValueError` when a number is out of range.

    >>> int(column_mask(jax.random.key(0), (8, 32)).sum(1)[0])
    8
    """
    height, width = _plane(shape)
    chosen = _draw(key, (width,), acceleration, centre, deviation)
    return np.broadcast_to(chosen, (height, width))


def point_mask(
    key: Any,
    shape: tuple[int, int],
    acceleration: float | int = 4,
    centre: float | int = 0.08,
    *,
    deviation: float | int = math.inf,
) -> Bool[np.ndarray, "height width"]:
    """Single points of k-space: a fully measured centre and random others; see `column_mask`.

    >>> int(point_mask(jax.random.key(0), (16, 16), acceleration=8).sum())
    32
    """
    return _draw(key, _plane(shape), acceleration, centre, deviation)


def _draw(
    key: Any, shape: tuple[int, ...], acceleration: float | int, centre: float | int, deviation: float | int
) -> Bool[np.ndarray, "..."]:
    check_key("key", key)
    check_number("acceleration", acceleration, minimum=1.0)
    check_number("centre", centre, minimum=0.0, maximum=1.0)
    check_number("deviation", deviation, minimum=0.0, exclusive=True, finite=False)
    frequency = np.stack(np.meshgrid(*(np.fft.fftfreq(n) for n in shape), indexing="ij"))
    count = max(1, round(math.prod(shape) / acceleration))
    # The centre is a box that holds its share of all frequencies.
    inside = (np.abs(frequency) <= 0.5 * centre ** (1.0 / len(shape))).all(0)
    score = np.array(jax.random.gumbel(key, shape)) - 0.5 * np.square(frequency / (0.5 * deviation)).sum(0)
    score[inside] = np.inf
    chosen = np.zeros(math.prod(shape), bool)
    chosen[np.argsort(-score, axis=None, kind="stable")[:count]] = True
    return chosen.reshape(shape)


def _plane(shape: Any) -> tuple[int, int]:
    shape = settle_image_shape(tuple(shape))
    if len(shape) != 2:
        raise ValueError(f"shape must have two axes, got {shape}")
    return shape[0], shape[1]
