"""The steps of a program in integers, each with the numbers of the values that it takes.

Codes of activations are uint8 or int8 and weights int8; all other values are int32. Every step acts on one input and is
mapped over a batch from outside. Widths are in the values of arrays only, so that allocations share a compiled program.
"""

import abc
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int, UInt

from ._dyadic import multiply


class AbstractStep(eqx.Module):
    """A step: values in, the next value out."""

    inputs: eqx.AbstractVar[tuple[int, ...]]

    @abc.abstractmethod
    def __call__(self, *values: Array) -> Array:
        """The value that it makes."""


class Requantise(AbstractStep):
    """`clip(round(z m / 2^e), low, high)`: to another scale, by a dyadic number."""

    inputs: tuple[int, ...] = eqx.field(static=True)
    m: UInt[Array, "..."]
    e: Int[Array, "..."]
    low: Int[Array, ""]
    high: Int[Array, ""]
    dtype: str = eqx.field(static=True)

    def __call__(self, *values: Array) -> Array:
        return multiply(values[0].astype(jnp.int32), self.m, self.e, self.low, self.high).astype(self.dtype)


class FloatRequantise(AbstractStep):
    """`clip(round(z s), low, high)` in float32, as inference does that is in integers only by name."""

    inputs: tuple[int, ...] = eqx.field(static=True)
    ratio: Float[Array, "..."]
    low: Int[Array, ""]
    high: Int[Array, ""]
    dtype: str = eqx.field(static=True)

    def __call__(self, *values: Array) -> Array:
        scaled = jnp.round(values[0].astype(jnp.float32) * self.ratio.astype(jnp.float32))
        # To the largest float32 that is an int32: the conversion of a larger one is not defined.
        whole = jnp.clip(scaled, -(2.0**31) + 128.0, 2.0**31 - 128.0).astype(jnp.int32)
        return jnp.clip(whole, self.low, self.high).astype(self.dtype)


class Product(AbstractStep):
    """A layer: a `dot_general` of codes and weights, summed in int32; `first` when the weight is the first operand."""

    inputs: tuple[int, ...] = eqx.field(static=True)
    weight: Int[Array, "..."]
    first: bool = eqx.field(static=True)
    dimension_numbers: Any = eqx.field(static=True)

    def __call__(self, *values: Array) -> Array:
        pair = (self.weight, values[0]) if self.first else (values[0], self.weight)
        return lax.dot_general(*pair, self.dimension_numbers, preferred_element_type=jnp.int32)


class Convolution(AbstractStep):
    """A layer: a convolution of codes with a kernel, summed in int32; `params` are those of `conv_general_dilated`."""

    inputs: tuple[int, ...] = eqx.field(static=True)
    weight: Int[Array, "..."]
    params: Any = eqx.field(static=True)

    def __call__(self, *values: Array) -> Array:
        # XLA convolves arrays of one dtype only, and codes are unsigned where weights are not.
        lhs, rhs = values[0].astype(jnp.int32), self.weight.astype(jnp.int32)
        named = dict(self.params)
        numbers = lax.ConvDimensionNumbers(*named.pop("dimension_numbers"))
        return lax.conv_general_dilated(lhs, rhs, dimension_numbers=numbers, **named)


class AddConstant(AbstractStep):
    """`z 2^shift + c`, such as a bias on the scale of the sums."""

    inputs: tuple[int, ...] = eqx.field(static=True)
    constant: Int[Array, "..."]
    shift: int = eqx.field(static=True)

    def __call__(self, *values: Array) -> Array:
        return (values[0].astype(jnp.int32) << self.shift) + self.constant


class Signed(AbstractStep):
    """`z` times 1, -1 or 0: the sign of a factor whose size is in the scale."""

    inputs: tuple[int, ...] = eqx.field(static=True)
    sign: Int[Array, "..."]

    def __call__(self, *values: Array) -> Array:
        return values[0].astype(jnp.int32) * self.sign


class Clip(AbstractStep):
    """Between two constants, such as a ReLU."""

    inputs: tuple[int, ...] = eqx.field(static=True)
    low: Int[Array, "..."]
    high: Int[Array, "..."]

    def __call__(self, *values: Array) -> Array:
        return jnp.clip(values[0].astype(jnp.int32), self.low, self.high)


class Sum(AbstractStep):
    """Two values of one scale, such as the branches of a residual block."""

    inputs: tuple[int, ...] = eqx.field(static=True)

    def __call__(self, *values: Array) -> Array:
        return values[0].astype(jnp.int32) + values[1].astype(jnp.int32)


class Join(AbstractStep):
    """Several values of one scale, one after the other along an axis."""

    inputs: tuple[int, ...] = eqx.field(static=True)
    axis: int = eqx.field(static=True)

    def __call__(self, *values: Array) -> Array:
        return jnp.concatenate([value.astype(jnp.int32) for value in values], self.axis)


class Structural(AbstractStep):
    """What moves, sums or compares values of one scale: a function of `STRUCTURAL` with its parameters."""

    inputs: tuple[int, ...] = eqx.field(static=True)
    name: str = eqx.field(static=True)
    params: Any = eqx.field(static=True)

    def __call__(self, *values: Array) -> Array:
        return STRUCTURAL[self.name](values[0].astype(jnp.int32), **dict(self.params))


class FloatIsland(AbstractStep):
    """An equation that has no counterpart in integers, in float32 between two scales."""

    inputs: tuple[int, ...] = eqx.field(static=True)
    scales: tuple[Float[Array, "..."], ...]
    function: Callable[..., Array] = eqx.field(static=True)
    ratio: Float[Array, ""]
    limit: int = eqx.field(static=True)

    def __call__(self, *values: Array) -> Array:
        reals = [z.astype(jnp.float32) * s for z, s in zip(values, self.scales, strict=True)]
        return jnp.clip(jnp.round(self.function(*reals) * self.ratio), -self.limit, self.limit).astype(jnp.int32)


def _pad(x: Array, padding_config: Any) -> Array:
    return lax.pad(x, jnp.zeros((), x.dtype), padding_config)


def _window(combine: Callable[..., Array], start: int) -> Callable[..., Array]:
    def pool(x: Array, **params: Any) -> Array:
        return lax.reduce_window(x, jnp.asarray(start, x.dtype), combine, **params)

    return pool


STRUCTURAL: dict[str, Callable[..., Array]] = {
    "broadcast_in_dim": lax.broadcast_in_dim,
    "pad": _pad,
    "reduce_max": lambda x, axes: jnp.max(x, axes),
    "reduce_sum": lambda x, axes: jnp.sum(x, axes, dtype=jnp.int32),
    "reduce_window_max": _window(lax.max, -(2**31)),
    "reduce_window_sum": _window(lax.add, 0),
    "reshape": lax.reshape,
    "rev": lax.rev,
    "slice": lax.slice,
    "transpose": lax.transpose,
}
