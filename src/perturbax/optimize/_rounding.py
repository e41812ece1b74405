"""Uniform quantisation: codes of weights with a scale for each channel, and the ranges of codes.

S_c = max |W_c| / (2^(b-1) - 1),      q = clip(round(W / S), -2^(b-1), 2^(b-1) - 1)
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int8


def code_range(bits: int, nonnegative: bool) -> tuple[int, int]:
    """The smallest and the largest code.

    >>> code_range(4, True), code_range(4, False)
    ((0, 15), (-8, 7))
    """
    return (0, 2**bits - 1) if nonnegative else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


def round_weight(
    weight: np.ndarray, bits: int, channels: Sequence[int]
) -> tuple[Int8[np.ndarray, "..."], Float[np.ndarray, "..."]]:
    """Codes, and scales in float64 with length 1 along the other axes. A channel of zeros has the scale 1.

    >>> codes, scale = round_weight(np.array([[1.0, -0.5], [0.25, 0.5]]), 4, channels=(1,))
    >>> codes.tolist(), scale.shape
    ([[7, -7], [2, 7]], (1, 2))
    """
    weight = np.asarray(weight, np.float64)
    others = tuple(axis for axis in range(weight.ndim) if axis not in channels)
    largest = np.abs(weight).max(others, keepdims=True)
    low, high = code_range(bits, nonnegative=False)
    scale = np.where(largest > 0.0, largest, high) / high
    return np.clip(np.round(weight / scale), low, high).astype(np.int8), scale
