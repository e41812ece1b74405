"""The lower line of a ReLU that is neither on nor off: any slope from 0 to 1 is sound."""

import abc
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array

from ..core import check_number
from ._sets import Interval


class AbstractSlope(eqx.Module):
    """How the lower slope of a ReLU is chosen from the interval of its input."""

    @abc.abstractmethod
    def place(self, z: Interval) -> Array:
        """The slope, in [0, 1]."""


class AdaptiveSlope(AbstractSlope):
    """1 where the interval reaches farther up than down, else 0: the least area between the lines.

    Source: Zhang et al. 2018, arXiv 1811.00866.
    """

    def place(self, z: Interval) -> Array:
        return (z.upper > -z.lower).astype(z.lower.dtype)


class SameSlope(AbstractSlope):
    """That of the upper line, `u / (u - l)`: Fast-Lin.

    Source: Weng et al. 2018, arXiv 1804.09699.
    """

    def place(self, z: Interval) -> Array:
        undecided = (z.lower < 0) & (z.upper > 0)
        return jnp.where(undecided, z.upper / jnp.where(undecided, z.upper - z.lower, 1.0), 1.0)


class FixedSlope(AbstractSlope):
    """One number for all.

    **Arguments:** `value`: in [0, 1].

    **Raises:** `ValueError` outside of it.
    """

    value: Any = 0.0

    def __check_init__(self):
        check_number("value", self.value, minimum=0.0, maximum=1.0)

    def place(self, z: Interval) -> Array:
        return jnp.full(z.shape, self.value, z.lower.dtype)
