"""Values of a network in integers, and the steps that make them one from the other."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from ..core import Variable
from ._dyadic import dyadic
from ._integer_steps import AbstractStep, FloatRequantise, Requantise
from ._quantizable import Layer
from ._rounding import code_range

INT32 = 2**31 - 1
# The sum of two branches has 16 bits, as in the configurations of the authors' code.
STREAM = 2**15 - 1


@dataclasses.dataclass(frozen=True, eq=False)
class Quantity:
    """A value of the program in integers: its number, `S` in float64 (broadcast against the value), the largest
    magnitude that `z` can reach, and whether it is never negative."""

    builder: "Builder"
    place: int
    shape: tuple[int, ...]
    scale: np.ndarray
    limit: int
    nonnegative: bool

    @property
    def uniform(self) -> bool:
        """Whether there is one scale for all."""
        return self.scale.size == 1


class Builder:
    """The steps as they grow. `layers` has the layer and its width by what it makes, `ranges` the largest magnitude of
    each variable on the calibration data."""

    def __init__(
        self, layers: Mapping[Any, tuple[Layer, int]], ranges: Mapping[Any, float], dyadic: bool, islands: bool
    ):
        self.steps: list[AbstractStep] = []
        self.layers, self.ranges, self.dyadic, self.islands = layers, ranges, dyadic, islands
        self._codes: dict[tuple[int, int], Quantity] = {}

    def append(self, step: AbstractStep) -> int:
        """The number of the value that a new step makes; that of the input is 0."""
        self.steps.append(step)
        return len(self.steps)

    def derived(self, x: Quantity, step: AbstractStep, **changes: Any) -> Quantity:
        """What a step makes of a value."""
        return dataclasses.replace(x, place=self.append(step), **changes)

    def requantise(self, x: Quantity, scale: float, codes: tuple[int, int], dtype: str) -> Quantity:
        """The value on one other scale, clipped to a range of integers."""
        ratio = np.asarray(x.scale / scale)
        low, high = codes
        ends = jnp.asarray(np.int32(low)), jnp.asarray(np.int32(high))
        if self.dyadic:
            m, e = dyadic(ratio)
            step: AbstractStep = Requantise((x.place,), jnp.asarray(m), jnp.asarray(e), *ends, dtype)
        else:
            step = FloatRequantise((x.place,), jnp.asarray(ratio.astype(np.float32)), *ends, dtype)
        limit = min(int(np.ceil(float(np.max(ratio)) * x.limit)) + 1, max(-low, high))
        return self.derived(x, step, scale=np.array(scale), limit=limit)

    def code(self, x: Quantity, variable: Variable, bits: int) -> Quantity:
        """The codes that a layer takes."""
        codes = code_range(bits, x.nonnegative)
        scale = self.range_of(variable) / codes[1]
        if x.uniform and float(x.scale) == scale and x.limit <= max(-codes[0], codes[1]) and x.place == 0:
            return x
        if (x.place, bits) not in self._codes:
            dtype = "uint8" if x.nonnegative else "int8"
            self._codes[x.place, bits] = self.requantise(x, scale, codes, dtype)
        return self._codes[x.place, bits]

    def stream(self, x: Quantity, variable: Variable) -> Quantity:
        """The value on the one scale of 16 bits that a variable has, not clipped to them yet."""
        return self.requantise(x, self.range_of(variable) / STREAM, (-(2**30), 2**30), "int32")

    def range_of(self, variable: Variable) -> float:
        """The largest magnitude; 1 for what was always zero."""
        return self.ranges[variable] or 1.0


def compact(scale: Any) -> np.ndarray:
    """The same scale with length 1 along the axes on which it does not depend."""
    scale = np.asarray(scale)
    for axis in range(scale.ndim):
        first = scale.take([0], axis)
        if (scale == first).all():
            scale = first
    return scale
