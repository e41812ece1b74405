r"""Dyadic numbers `m / 2^e`, and products with them in integers of 32 bits.

    s = f 2^k,  1/2 <= f < 1:      m = round_half_up(2^31 f),   e = 31 - k,      |m / 2^e - s| <= 2^-31 s
    round(z s)  ~  (z m + 2^(e-1)) >> e

The product `z m` has 62 bits, which neither JAX's default integers nor most accelerators have. It is put together from
four products of halves of `|z|` and `m`,

    |z| m = p_11 2^32 + (p_10 + p_01) 2^16 + p_00

and the shift, which rounds halves up, is done on the magnitude: for negative `z` with `2^(e-1) - 1` in the place of
`2^(e-1)`. So the result is exact, on every device and inside of `jit` without float64.
"""

from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Int, UInt

# Where the shift would be beyond the product, every result is zero; where it would be negative, no 31 bits hold it.
_LARGEST_SHIFT = 62


def dyadic(ratio: Any) -> tuple[UInt[np.ndarray, "..."], Int[np.ndarray, "..."]]:
    """The dyadic numbers next to positive ratios, below `2^30`; ratios below `2^-32`, which no integer of 32 bits
    makes more than a half, become zero.

    **Arguments:** `ratio`: positive.

    **Returns:** `m`, 0 or in `[2^30, 2^31]`, as uint32, and `e` in `[1, 62]`, as int32.

    **Raises:** `ValueError` for ratios that are not positive, or too large.

    >>> m, e = dyadic(0.75)
    >>> int(m) / 2 ** int(e)
    0.75
    """
    ratio = np.asarray(ratio, np.float64)
    if not np.all(ratio > 0.0) or not np.all(ratio < 2.0**30):
        raise ValueError(f"ratio must be in (0, 2^30) for a shift of at least one bit, got {ratio.max():g}")
    fraction, exponent = np.frexp(ratio)
    m, e = np.floor(fraction * 2.0**31 + 0.5), 31 - exponent
    vanishes = e > _LARGEST_SHIFT
    return np.where(vanishes, 0, m).astype(np.uint32), np.where(vanishes, 1, e).astype(np.int32)


def multiply(
    z: Int[Array, "..."], m: UInt[Array, "..."], e: Int[Array, "..."], low: Any, high: Any
) -> Int[Array, "..."]:
    """`clip((z m + 2^(e-1)) >> e, low, high)`, exactly.

    **Arguments:** `z`: int32; `m`, `e`: as `dyadic` gives them, of shapes that broadcast to that of `z`; `low`, `high`:
    at most `2^31 - 1` in magnitude.

    **Returns:** int32.
    """
    negative = z < 0
    bits = lax.bitcast_convert_type(z, jnp.uint32)
    magnitude = jnp.where(negative, -bits, bits)  # also of -2^31, which has no positive int32
    upper, lower = _product(magnitude, m)
    # Half of the last bit that stays, one less for negative numbers.
    half = jnp.where(e <= 32, _ONE << _within(e - 1), 0)
    lower = lower + half
    upper = upper + jnp.where(e <= 32, 0, _ONE << _within(e - 33)) + (lower < half)
    upper, lower = upper - (negative & (lower == 0)), lower - negative
    small = e < 32
    kept = jnp.where(small, (lower >> _within(e)) | (upper << _within(32 - e)), upper >> _within(e - 32))
    beyond = (small & ((upper >> _within(e)) != 0)) | (kept > _LARGEST)
    size = lax.bitcast_convert_type(jnp.where(beyond, _LARGEST, kept), jnp.int32)
    return jnp.clip(jnp.where(negative, -size, size), low, high)


def _product(x: Array, y: Array) -> tuple[Array, Array]:
    """The upper and the lower 32 bits of a product."""
    x_1, x_0, y_1, y_0 = x >> 16, x & 0xFFFF, y >> 16, y & 0xFFFF
    p_00, p_01, p_10, p_11 = x_0 * y_0, x_0 * y_1, x_1 * y_0, x_1 * y_1
    middle = (p_00 >> 16) + (p_01 & 0xFFFF) + (p_10 & 0xFFFF)
    return p_11 + (p_01 >> 16) + (p_10 >> 16) + (middle >> 16), (p_00 & 0xFFFF) | (middle << 16)


def _within(shift: Array) -> Array:
    """A shift of a word of 32 bits; others, which a selection discards, are not defined in XLA."""
    return jnp.clip(shift, 0, 31).astype(jnp.uint32)


_ONE, _LARGEST = np.uint32(1), np.uint32(2**31 - 1)
