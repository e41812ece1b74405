r"""Sums of plane waves: an algebra of real functions on a box that is exact but for what is dropped, and says how much.

    u(y) = sum_k Re(a_k exp(2 pi i n_k . y)),    y in [0, 1]^d,   n_k whole,    a_k = 2 u^_n, and u^_0 for n = 0

A wave stands for `n` and `-n`, so that every sum is real by construction. The sum of `|a_k|` is that of the absolute
Fourier coefficients, and `|u|_B = sum (1 + |n_k|) |a_k|` is the Barron norm. It is submultiplicative, `|u v|_B <= |u|_B
|v|_B`, because `1 + |n + m| <= (1 + |n|) (1 + |m|)`.

A product is that of all pairs: `a` at `n` times `b` at `m` is `a b / 2` at `n + m` and `a b* / 2` at `n - m`. Equal
waves are found by sorting keys of 64 bits that are linear in `n` with random coefficients: the key of a sum is the sum
of the keys, that of `-n` the negative, and no frequency of a pair is written down before it is known to be kept. Two of
`P` different waves share a key with a probability of about `P^2 / 2^64`, 4e-6 for products of 2048 waves.
"""

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

# Pairs of a product that are formed at once; more are merged block by block.
_PAIRS = 2**22

# Of these the largest are sorted and merged: so many times the terms of the product, and at least so many.
_CANDIDATES, _LEAST = 32, 8192


class Waves(eqx.Module):
    """A sum of plane waves, or an array of such sums that share their frequencies.

    - `frequencies`: `n`, `(terms, dimension)`. A term that is not used has amplitude 0.
    - `amplitudes`: `a`, `(*shape, terms)`.
    - `distinct`: whether no wave is there twice.
    """

    frequencies: Int[Array | np.ndarray, "terms dimension"]
    amplitudes: Any
    distinct: bool = eqx.field(static=True, default=False)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the array of sums."""
        return self.amplitudes.shape[:-1]

    @property
    def columns(self) -> Any:
        """The amplitudes: what linear functions of an array of sums act on."""
        return self.amplitudes

    @property
    def lengths(self) -> Float[Array, " terms"]:
        """`|n|`."""
        return jnp.sqrt(jnp.sum(jnp.square(self.frequencies.astype(float)), -1))

    def barron_norm(self) -> Float[Array, "*shape"]:
        """`|u|_B` of each sum."""
        return jnp.sum((1.0 + self.lengths) * jnp.abs(self.amplitudes), -1)

    def absolute(self) -> Float[Array, "*shape"]:
        """The sum of `|a|` of each sum: a bound of `|u(x)|`."""
        return jnp.sum(jnp.abs(self.amplitudes), -1)

    def live(self) -> Int[Array, ""]:
        """How many terms are used."""
        return jnp.sum(jnp.any(self.amplitudes != 0.0, tuple(range(self.amplitudes.ndim - 1))))

    def mean(self) -> Float[Array, "*shape"]:
        """The mean over the box of each sum."""
        still = jnp.all(self.frequencies == 0, -1)
        return jnp.sum(jnp.where(still, self.amplitudes, 0.0).real, -1)

    def scaled(self, factor: Any) -> "Waves":
        """Each amplitude times its factor."""
        return self.like(self.amplitudes * factor)

    def like(self, amplitudes: Any) -> "Waves":
        """The same waves with other amplitudes."""
        return Waves(self.frequencies, amplitudes, self.distinct)

    def padded(self, capacity: int) -> "Waves":
        """The same sum with room for more terms."""
        room = capacity - self.frequencies.shape[0]
        wide = [(0, 0)] * (self.amplitudes.ndim - 1) + [(0, room)]
        return Waves(jnp.pad(self.frequencies, ((0, room), (0, 0))), jnp.pad(self.amplitudes, wide), self.distinct)


class Merged(NamedTuple):
    """A sum in which equal waves are one term, and the share of its Barron norm that was dropped."""

    waves: Waves
    dropped: Float[Array, ""]


def constant(value: Any, dimension: int) -> Waves:
    """Numbers as sums of one wave of frequency 0."""
    amplitudes = jnp.asarray(value, complex)[..., None]
    return Waves(jnp.zeros((1, dimension), jnp.int32), amplitudes, distinct=True)


def zero(dimension: int, capacity: int) -> Waves:
    """The function 0, with room."""
    return Waves(jnp.zeros((capacity, dimension), jnp.int32), jnp.zeros(capacity, complex), distinct=True)


def joined(a: Waves, b: Waves) -> Waves:
    """`a + b`, in which a wave of both is there twice."""
    if a.frequencies is b.frequencies:
        return a.like(a.amplitudes + b.amplitudes)
    shape = jnp.broadcast_shapes(a.shape, b.shape)
    parts = [jnp.broadcast_to(w.amplitudes, (*shape, w.amplitudes.shape[-1])) for w in (a, b)]
    return Waves(jnp.concatenate([a.frequencies, b.frequencies]), jnp.concatenate(parts, -1))


@eqx.filter_jit
def collect(waves: Waves, capacity: int, tolerance: Any) -> Merged:
    """The sum with equal waves added, of at most `capacity` terms, without the smallest ones: those that have together
    at most the share `tolerance` of the Barron norm, and those that do not fit."""
    n = waves.frequencies
    return _merge(n, keys(n), waves.amplitudes, jnp.square(waves.lengths), capacity, tolerance, 0.0)


@eqx.filter_jit
def multiply(a: Waves, b: Waves, capacity: int, tolerance: Any, bilinear: Callable = jnp.multiply) -> Merged:
    """`a b`, or another bilinear function of arrays of sums, with terms left out as by `collect`."""
    rows = min(len(a.frequencies), max(1, _PAIRS // len(b.frequencies)))
    blocks = -(-len(a.frequencies) // rows)
    if blocks == 1:
        return _pairs(a, b, capacity, tolerance, bilinear)
    wide = a.padded(rows * blocks)
    parts = jnp.moveaxis(wide.amplitudes.reshape(*a.shape, blocks, rows), -2, 0)

    share = tolerance / (2 * blocks)

    def one(carry: Any, part: Any) -> Any:
        waves, dropped = carry
        new = _pairs(Waves(*part), b, capacity, share, bilinear)
        both = collect(joined(waves, new.waves), capacity, share)
        # Shares of smaller sums are larger than those of the whole.
        return (both.waves, dropped + new.dropped + both.dropped), None

    first = _pairs(Waves(wide.frequencies[:rows], parts[0]), b, capacity, share, bilinear)
    begin = first.waves.padded(capacity), first.dropped
    rest = wide.frequencies.reshape(blocks, rows, -1)[1:], parts[1:]
    return Merged(*jax.lax.scan(one, begin, rest)[0])


def mean_product(a: Waves, b: Waves, bilinear: Callable = jnp.multiply) -> Array:
    """The mean over the box of `a b`: `a_0 b_0 + sum Re(a_n b_n*) / 2`."""
    if a.frequencies is b.frequencies and a.distinct:
        return _paired(a.frequencies, a.amplitudes, b.amplitudes, bilinear)
    flat_a, flat_b = (one.amplitudes.reshape(-1, one.amplitudes.shape[-1]) for one in (a, b))
    # As one array of sums, in which equal waves of the two meet.
    both = Waves(jnp.concatenate([a.frequencies, b.frequencies]), jax.scipy.linalg.block_diag(flat_a, flat_b))
    merged = collect(both, len(both.frequencies), 0.0).waves
    left = merged.amplitudes[: len(flat_a)].reshape(*a.shape, -1)
    right = merged.amplitudes[len(flat_a) :].reshape(*b.shape, -1)
    return _paired(merged.frequencies, left, right, bilinear)


def along(waves: Waves, axes: tuple[int, ...], sides: Any) -> Waves:
    """A derivative of a scalar sum along axes of a box with these sides."""
    rates = 2.0 * jnp.pi * waves.frequencies / sides
    factor = jnp.ones(len(waves.frequencies), complex)
    for axis in axes:
        factor = 1j * rates[:, axis] * factor
    return waves.scaled(factor)


def gradient(waves: Waves, sides: Any) -> Waves:
    """The gradient of a scalar sum, `(dimension,)`."""
    rates = 2.0 * jnp.pi * waves.frequencies / sides
    return waves.like(1j * rates.T * waves.amplitudes)


def divergence(waves: Waves, sides: Any) -> Waves:
    """The divergence of `(dimension,)` sums."""
    rates = 2.0 * jnp.pi * waves.frequencies / sides
    return waves.like(jnp.sum(1j * rates.T * waves.amplitudes, 0))


def inverse_helmholtz(waves: Waves, sides: Any) -> Waves:
    """`(I - Lap)^-1` of it."""
    return waves.scaled(1.0 / helmholtz(waves, sides))


def helmholtz(waves: Waves, sides: Any) -> Float[Array, " terms"]:
    """`1 + |2 pi n / side|^2` of each term."""
    return 1.0 + jnp.sum(jnp.square(2.0 * jnp.pi * waves.frequencies / sides), -1)


def trimmed(waves: Waves, share: float = 1e-15) -> Waves:
    """Without the terms that are zero to rounding, with a number of terms that is a power of two: what is compiled for
    one source is then used for others. Not under `jit`, and in NumPy, so that nothing is compiled."""
    amplitudes, frequencies = np.asarray(waves.amplitudes), np.asarray(waves.frequencies)
    size = np.abs(amplitudes).reshape(-1, amplitudes.shape[-1]).max(0, initial=0.0)
    kept = np.flatnonzero(size > share * size.max(initial=0.0))
    room = (1 << max(0, int(len(kept) - 1).bit_length())) - len(kept)
    wide = [(0, 0)] * (amplitudes.ndim - 1) + [(0, room)]
    frequencies = np.pad(frequencies[kept], ((0, room), (0, 0)))
    return Waves(jnp.asarray(frequencies), jnp.asarray(np.pad(amplitudes[..., kept], wide)), waves.distinct)


def keys(frequencies: Any) -> Int[Array, " terms"]:
    """The keys of frequencies, in arithmetic modulo 2^64."""
    return jnp.sum(frequencies.astype(jnp.int64) * _multipliers(frequencies.shape[-1]), -1)


@functools.lru_cache
def _multipliers(dimension: int) -> np.ndarray:
    return np.random.default_rng(0).integers(-(2**63), 2**63 - 1, dimension, dtype=np.int64) | 1


def _paired(frequencies: Any, left: Any, right: Any, bilinear: Callable) -> Array:
    weight = jnp.where(jnp.all(frequencies == 0, -1), 1.0, 0.5)
    return jnp.sum(weight * jax.vmap(bilinear, (-1, -1), -1)(left, jnp.conj(right)).real, -1)


def _pairs(a: Waves, b: Waves, capacity: int, tolerance: Any, bilinear: Callable) -> Merged:
    key_a, key_b = keys(a.frequencies)[:, None], keys(b.frequencies)
    square_a, square_b = jnp.square(a.lengths)[:, None], jnp.square(b.lengths)
    cross = 2.0 * a.frequencies.astype(float) @ b.frequencies.astype(float).T
    product = jax.vmap(jax.vmap(bilinear, (None, -1), -1), (-1, None), -2)
    pairs = [0.5 * product(a.amplitudes, other) for other in (b.amplitudes, jnp.conj(b.amplitudes))]
    amplitudes = jnp.stack(pairs, -3)
    amplitudes = amplitudes.reshape(*amplitudes.shape[:-3], -1)
    found = jnp.stack([key_a + key_b, key_a - key_b]).reshape(-1)
    squares = jnp.stack([square_a + square_b + cross, square_a + square_b - cross]).reshape(-1)
    size = jnp.abs(amplitudes).reshape(-1, found.size).sum(0)
    mass = (1.0 + jnp.sqrt(jnp.maximum(squares, 0.0))) * size
    # Most pairs are negligible: they are left out before anything is sorted.
    places, lost = _largest(mass, max(_CANDIDATES * capacity, _LEAST))

    def locate(k: Any) -> Any:
        sign, row, column = k // cross.size, (k % cross.size) // cross.shape[1], k % cross.shape[1]
        return a.frequencies[row] + (1 - 2 * sign)[..., None] * b.frequencies[column]

    return _merge(locate(places), found[places], amplitudes[..., places], squares[places], capacity, tolerance, lost)


def _merge(
    frequencies: Any, found: Any, amplitudes: Any, squares: Any, capacity: int, tolerance: Any, lost: Any
) -> Merged:
    """Equal waves added; the largest of them by their Barron norms, where `lost` of it has been left out before."""
    flipped, count = found < 0, found.shape[0]
    amplitudes = jnp.where(flipped, jnp.conj(amplitudes), amplitudes)
    amplitudes = jnp.where(found == 0, amplitudes.real, amplitudes)
    found, order = jax.lax.sort((jnp.abs(found), jnp.arange(count, dtype=jnp.int32)), num_keys=1, is_stable=False)
    # Where the run of equal keys begins that each one is in.
    start = jnp.searchsorted(found, found)
    rows = jnp.moveaxis(amplitudes, -1, 0)[order]
    sums = jnp.zeros_like(rows).at[start].add(rows)
    size = jnp.sum(jnp.abs(sums).reshape(count, -1), -1)
    mass = (1.0 + jnp.sqrt(jnp.maximum(squares[order], 0.0))) * size
    total = jnp.sum(mass) + lost
    places, outside = _largest(mass, capacity)
    outside = outside + lost
    largest = mass[places]
    # What would be dropped if a term and all smaller ones were.
    tail = _sums_from(largest) + outside
    kept = (tail > tolerance * total) & (largest > 0.0)
    dropped = jnp.sum(jnp.where(kept, 0.0, largest)) + outside
    chosen = order[places]
    signs = jnp.where(flipped[chosen], -1, 1)[:, None]
    waves = Waves(
        jnp.where(kept[:, None], signs * frequencies[chosen], 0).astype(jnp.int32),
        jnp.where(kept, jnp.moveaxis(sums[places], 0, -1), 0.0),
        distinct=True,
    )
    return Merged(waves, dropped / jnp.where(total > 0.0, total, 1.0))


def _largest(mass: Float[Array, " n"], count: int) -> tuple[Int[Array, " k"], Float[Array, ""]]:
    """The places of the largest of some numbers, in order, and the sum of the others."""
    if count >= len(mass):
        return jnp.argsort(-mass), jnp.zeros((), mass.dtype)
    # In float32, for which XLA has a fast way on a CPU; the sums stay in float64.
    scale = jnp.max(mass)
    _, places = jax.lax.top_k((mass / jnp.where(scale > 0.0, scale, 1.0)).astype(jnp.float32), count)
    return places, jnp.maximum(jnp.sum(mass) - jnp.sum(mass[places]), 0.0)


def _sums_from(values: Float[Array, " n"]) -> Float[Array, " n"]:
    """The sum of each number and all later ones, row by row of a square: XLA takes long to compile a cumulative sum."""
    side = math.isqrt(len(values) - 1) + 1
    square = jnp.pad(values, (0, side * side - len(values))).reshape(side, side)
    later = jnp.tri(side, k=-1)
    sums = square @ (later + jnp.eye(side)) + (later.T @ jnp.sum(square, -1))[:, None]
    return sums.reshape(-1)[: len(values)]
