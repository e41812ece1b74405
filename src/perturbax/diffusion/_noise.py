"""The noise of a run: sample `i` depends on the key and on `i` alone, however many are drawn with it.

The start has one key per sample, `fold_in(fold_in(key, 0), i)`. A path needs a noise at every stage, and under a small
network generating it is most of the work. So each sample gets the two words of a Threefry key, and the noise of its
elements `2 p` and `2 p + 1` at stage `k` is the Box-Muller transform of the block cipher's output for the counter
`(p, k)`, all of it elementwise and so one loop that XLA fuses with the step. Against `jax.random.normal` with a key
per sample and stage, on a CPU, this takes a third of the time: no keys are derived inside of the loop, the cipher's
rounds are unrolled, and its two words give two normals.

Sources: Salmon et al. 2011, *Parallel random numbers: as easy as 1, 2, 3*; Box & Muller 1958.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt32

_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_PARITY = np.uint32(0x1BD11BDA)


@eqx.filter_jit
def start_noise(key: Any, offset: Any, shape: tuple[int, ...], std: Any, noise: Callable) -> Float[Array, "batch ..."]:
    """The noise that a run starts from, by a process's own `noise`; the first sample is number `offset`."""
    start = jax.random.fold_in(key, 0)

    def one(i: Any) -> Float[Array, "..."]:
        return noise(jax.random.fold_in(jax.random.fold_in(start, i), 0), shape[1:], jnp.float32)

    return std * jax.vmap(one)(_numbers(offset, shape[0]))


@eqx.filter_jit
def path_keys(key: Any, offset: Any, batch: int) -> UInt32[Array, "batch 2"]:
    """The Threefry keys of the samples `offset`, `offset + 1`, ..., from a JAX key of any kind."""
    path = jax.random.fold_in(key, 1)
    return jax.vmap(lambda i: jax.random.bits(jax.random.fold_in(path, i), (2,), jnp.uint32))(_numbers(offset, batch))


@partial(jax.jit, static_argnames=("shape", "dtype"))
def path_noise(
    keys: UInt32[Array, "batch 2"], stage: Any, shape: tuple[int, ...], dtype: Any = jnp.float32
) -> Float[Array, "batch ..."]:
    """Standard normals of shape `(batch, ...)` for a stage of a path, drawn in float32."""
    element = jnp.arange(math.prod(shape[1:]), dtype=jnp.uint32)
    stage = jnp.broadcast_to(jnp.asarray(stage, jnp.uint32), element.shape)
    # Both elements of a pair run the cipher: to share it they would have to be interleaved, which costs XLA more.
    radius, angle = threefry(keys[:, :1], keys[:, 1:], element >> 1, stage)
    cosine, sine = _on_circle(angle)
    return (_radius(radius) * jnp.where(element % 2 == 0, cosine, sine)).reshape(shape).astype(dtype)


def _numbers(offset: Any, batch: int) -> UInt32[Array, " batch"]:
    return offset + jnp.arange(batch, dtype=jnp.uint32)


def threefry(key_0: Any, key_1: Any, x_0: Any, x_1: Any) -> tuple[Any, Any]:
    """Threefry-2x32 with 20 rounds, the cipher of `jax.random`, on arrays of words that broadcast.

    >>> words = [jnp.zeros(1, jnp.uint32)] * 4
    >>> [hex(word[0]) for word in threefry(*words)]
    ['0x6b200159', '0x99ba4efe']
    """
    keys = (key_0, key_1, key_0 ^ key_1 ^ _PARITY)
    x_0, x_1 = x_0 + keys[0], x_1 + keys[1]
    for i in range(5):
        for rotation in _ROTATIONS[i % 2]:
            x_0 = x_0 + x_1
            x_1 = x_0 ^ ((x_1 << rotation) | (x_1 >> (32 - rotation)))
        x_0, x_1 = x_0 + keys[(i + 1) % 3], x_1 + keys[(i + 2) % 3] + np.uint32(i + 1)
    return x_0, x_1


def _as_float(word: Any) -> Any:
    # Processors convert signed integers faster; the words that come here are below 2^31.
    return word.astype(jnp.int32).astype(jnp.float32)


def _radius(word: Any) -> Any:
    """`sqrt(-2 log u)` with `u` uniform on the middles of `2^24` cells of (0, 1); 5.9 at most."""
    return jnp.sqrt(-2.0 * jnp.log((_as_float(word >> 8) + 0.5) * 2.0**-24))


def _on_circle(word: Any) -> tuple[Any, Any]:
    """Cosine and sine of a uniform angle: 29 bits place it in a quarter turn around 0, and two more choose the quarter.

    So small an angle needs a few terms of the series only (they are good to 4e-7), where XLA's functions first reduce
    angles of any size.
    """
    angle = _as_float((word << 2) >> 3) * (0.5 * np.pi * 2.0**-29) - 0.25 * np.pi
    square = angle**2
    cosine = 1 - square * (1 / 2 - square * (1 / 24 - square * (1 / 720 - square / 40320)))
    sine = angle * (1 - square * (1 / 6 - square * (1 / 120 - square / 5040)))
    turned, negative = (word >> 31) == 1, (word >> 30) % 2 == 1
    sign = jnp.where(negative, -1.0, 1.0).astype(jnp.float32)
    return sign * jnp.where(turned, -sine, cosine), sign * jnp.where(turned, cosine, sine)
