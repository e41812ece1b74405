"""A random permutation that is never made: each place in it is computed on its own.

A generalised Feistel network (Black and Rogaway, "Ciphers with Arbitrary Finite Domains", 2002) permutes the rectangle
`rows x columns >= size` by rounds that each shift one coordinate by a hash of the other; a place that lands outside of
`range(size)` walks on until it is inside. An epoch of any length needs no memory, no sort, and can start anywhere.
"""

import math
from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int, PRNGKeyArray, UInt32

_ROUNDS = 6


def round_keys(key: PRNGKeyArray) -> UInt32[Array, " rounds"]:
    """What `shuffled` takes of a PRNG key, once for all epochs."""
    return jax.random.bits(key, (_ROUNDS,), jnp.uint32)


def shuffled(
    keys: UInt32[Array, " rounds"], epoch: Int[Array, ""], place: Int[Array, " n"], size: int
) -> Int[Array, " n"]:
    """The entries at `place` of the random permutation of `range(size)` that belongs to an epoch.

    **Arguments:** `keys`: of `round_keys`; `epoch`: another one has another permutation; `place`: numbers in
    `range(size)`; `size`.

    **Returns:** the entries; all places together give every number once.

    >>> sorted(shuffled(round_keys(jax.random.key(0)), jnp.array(0), jnp.arange(5), 5).tolist())
    [0, 1, 2, 3, 4]
    """
    rows = math.isqrt(size - 1) + 1
    columns = -(-size // rows)
    keys = _hash(keys, epoch.astype(jnp.uint32))

    def walk(place: Array) -> Array:
        return jnp.where(place >= size, _permute(keys, place, rows, columns), place)

    inside = _permute(keys, place.astype(jnp.uint32), rows, columns)
    return jax.lax.while_loop(lambda place: jnp.any(place >= size), walk, inside).astype(place.dtype)


# Traced once for its two uses, and part of the program around it all the same.
@partial(jax.jit, static_argnums=(2, 3), inline=True)
def _permute(keys: Array, place: Array, rows: int, columns: int) -> Array:
    row, column = place // columns, place % columns
    for i in range(0, _ROUNDS, 2):
        row = (row + _hash(column, keys[i]) % rows) % rows
        column = (column + _hash(row, keys[i + 1]) % columns) % columns
    return row * columns + column


def _hash(value: Array, key: Array) -> Array:
    """The finaliser of MurmurHash3, with the key mixed in."""
    value = value * jnp.uint32(0x9E3779B1) ^ key
    value = (value ^ (value >> 16)) * jnp.uint32(0x85EBCA6B)
    value = (value ^ (value >> 13)) * jnp.uint32(0xC2B2AE35)
    return value ^ (value >> 16)
