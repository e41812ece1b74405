"""The noise that answers and thresholds are disturbed with."""

import abc
import math
from typing import Any

import equinox as eqx
import jax
import scipy.stats
from jaxtyping import Array, Float


class AbstractNoise(eqx.Module):
    """A symmetric distribution around zero that is given a scale."""

    @abc.abstractmethod
    def sample(self, key: Any, scale: Any) -> Float[Array, ""]:
        """One draw."""

    @abc.abstractmethod
    def bound(self, probability: float) -> float:
        """What the size of a draw of scale 1 exceeds with this probability."""


class Laplace(AbstractNoise):
    """Laplace noise; `scale` is `b` of the density `exp(-|x| / b) / (2 b)`, the standard deviation is `b sqrt(2)`.

    >>> round(Laplace().bound(0.05), 3)
    2.996
    """

    def sample(self, key: Any, scale: Any) -> Float[Array, ""]:
        return scale * jax.random.laplace(key)

    def bound(self, probability: float) -> float:
        return math.log(1.0 / probability)


class Normal(AbstractNoise):
    """Gaussian noise; `scale` is the standard deviation.

    >>> round(Normal().bound(0.05), 3)
    1.96
    """

    def sample(self, key: Any, scale: Any) -> Float[Array, ""]:
        return scale * jax.random.normal(key)

    def bound(self, probability: float) -> float:
        return float(scipy.stats.norm.isf(probability / 2.0))
