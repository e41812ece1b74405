r"""What a network can learn of an interpolant: conditional means, each the minimiser of a quadratic loss.

    1/2 E |f(x_t, t)|^2 - E y . f(x_t, t),    minimal at f = E[y | x_t],    with an excess of 1/2 E |f - E[y | x_t]|^2

`1/2 |f|^2 - y . f` is `1/2 |f - y|^2` without the part that no `f` changes, whose mean may be infinite: `gamma' z` and
`z / gamma` blow up at the ends. There pairs `x_t = I + gamma z` and `I - gamma z` with targets of opposite sign
(antithetic variates) leave a finite variance.
"""

import abc
from typing import ClassVar

import equinox as eqx
from jaxtyping import Array, Float

from ._path import AbstractPath


class AbstractTarget(eqx.Module):
    """A quantity along the path whose conditional mean is learnt."""

    needs_noise: ClassVar[bool] = False

    @abc.abstractmethod
    def value(self, path: AbstractPath, t: Array, x0: Array, x1: Array, z: Array) -> Float[Array, "*batch d"]:
        """The target, for a time per point."""

    def rough(self, path: AbstractPath) -> bool:
        """Whether its variance is infinite at an end of the path."""
        return False

    def unit(self, scale: Array) -> Array:
        """Its unit, in that of the data."""
        return scale


class Velocity(AbstractTarget):
    """`alpha' x_0 + beta' x_1 + gamma' z`, whose mean is the velocity `b` of the ODE.

    >>> Velocity().needs_noise
    False
    """

    def value(self, path: AbstractPath, t: Array, x0: Array, x1: Array, z: Array) -> Float[Array, "*batch d"]:
        return path.data_velocity(t, x0, x1) + path.gamma_rate(t)[..., None] * z

    def rough(self, path: AbstractPath) -> bool:
        return path.rough


class DataVelocity(AbstractTarget):
    """`alpha' x_0 + beta' x_1`, whose mean is `v = b + gamma gamma' s`. Together with a score or denoiser it gives `b`.

    >>> DataVelocity().needs_noise
    False
    """

    def value(self, path: AbstractPath, t: Array, x0: Array, x1: Array, z: Array) -> Float[Array, "*batch d"]:
        return path.data_velocity(t, x0, x1)


class Denoiser(AbstractTarget):
    """`z`, whose mean is `eta = -gamma s`: of a variance that is the same at all times.

    >>> Denoiser().needs_noise
    True
    """

    needs_noise: ClassVar[bool] = True

    def value(self, path: AbstractPath, t: Array, x0: Array, x1: Array, z: Array) -> Float[Array, "*batch d"]:
        return z

    def unit(self, scale: Array) -> Array:
        return 0.0 * scale + 1.0


class Score(AbstractTarget):
    """`-z / gamma`, whose mean is the score `s`: it weighs the times near the ends more than `Denoiser` does.

    >>> Score().needs_noise
    True
    """

    needs_noise: ClassVar[bool] = True

    def value(self, path: AbstractPath, t: Array, x0: Array, x1: Array, z: Array) -> Float[Array, "*batch d"]:
        return -z / path.gamma(t)[..., None]

    def rough(self, path: AbstractPath) -> bool:
        return True

    def unit(self, scale: Array) -> Array:
        return 1.0 / scale
