"""How far a descent goes along its direction."""

import abc
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core import check_integer, check_number
from ._representation import AbstractSpace

# Of the interval that has the largest safe step in it.
_BISECTIONS = 12


class Taken(NamedTuple):
    """A step: its size, where it ends, the energy there, what was dropped, and how many energies were computed."""

    size: Float[Array, ""]
    u: Any
    energy: Float[Array, ""]
    dropped: Float[Array, ""]
    evaluations: Any


class AbstractStep(eqx.Module):
    """A rule for the size of a step."""

    @abc.abstractmethod
    def take(self, space: AbstractSpace, u: Any, energy: Any, d: Any, slope: Any, scale: Any, previous: Any) -> Taken:
        """A step from `u` to `u - size d`.

        `slope` is the mean of `DE d`, `scale` bounds what the direction is steeper than that of H1, and `previous` is
        the size of the last step.
        """


class FixedStep(AbstractStep):
    """The same size in every step: `2 / (m + M)` is the best one where the second derivative of the energy lies between
    `m` and `M` in H1; the distance to the minimiser then falls by `(M - m) / (M + m)`.

    **Arguments:** `size`.

    **Raises:** `ValueError` when it is not positive.

    >>> FixedStep(0.4).size
    0.4
    """

    size: float = 0.5

    def __check_init__(self):
        check_number("size", self.size, minimum=0.0, exclusive=True)

    def take(self, space: AbstractSpace, u: Any, energy: Any, d: Any, slope: Any, scale: Any, previous: Any) -> Taken:
        return _taken(space, u, d, jnp.asarray(self.size))


class BoundedStep(AbstractStep):
    """The largest step that a bound `M` of the second derivative along it allows, `1 / M`: the energy falls by at least
    half of the size times the square of the gradient.

    With `PlaneWaves` the bound is rigorous, from sums of absolute amplitudes; with `SpectralGrid` it is that of both
    ends of the step.

    >>> BoundedStep()
    BoundedStep()
    """

    def take(self, space: AbstractSpace, u: Any, energy: Any, d: Any, slope: Any, scale: Any, previous: Any) -> Taken:
        most = 1.0 / (scale * space.curvature(u, d, 0.0))

        def halve(_: Any, bounds: Any) -> Any:
            low, high = bounds
            size = 0.5 * (low + high)
            safe = size * scale * space.curvature(u, d, size) <= 1.0
            return jnp.where(safe, size, low), jnp.where(safe, high, size)

        # A step of `1 / M(most)` is safe, since `M` grows with the step.
        least = 1.0 / (scale * space.curvature(u, d, most))
        size, _ = jax.lax.fori_loop(0, _BISECTIONS, halve, (least, most))
        return _taken(space, u, d, size)


class Backtracking(AbstractStep):
    """Halves the size until the energy falls by a share `decrease` of what its slope promises, and tries twice the size
    in the next step.

    For energies whose curvature is not known. Each trial costs an energy.

    **Arguments:** `first`: the size that is tried first; `decrease`; `trials`: at most in a step.

    **Raises:** `ValueError` for numbers out of range.

    Source: Armijo's condition; Nocedal & Wright 2006, Numerical Optimization.

    >>> Backtracking().decrease
    0.0001
    """

    first: float = 1.0
    decrease: float = 1e-4
    trials: int = 40

    def __check_init__(self):
        check_number("first", self.first, minimum=0.0, exclusive=True)
        check_number("decrease", self.decrease, minimum=0.0, maximum=1.0, exclusive=True)
        check_integer("trials", self.trials, minimum=1)

    def take(self, space: AbstractSpace, u: Any, energy: Any, d: Any, slope: Any, scale: Any, previous: Any) -> Taken:
        # Near the minimum the differences of energies are those of rounding.
        slack = 8.0 * jnp.finfo(jnp.result_type(float)).eps * jnp.abs(energy)

        def refused(tried: Taken) -> Any:
            enough = tried.energy <= energy - self.decrease * tried.size * slope + slack
            return ~enough & (tried.evaluations < self.trials)

        def again(tried: Taken) -> Taken:
            new = _taken(space, u, d, 0.5 * tried.size)
            return new._replace(evaluations=tried.evaluations + 1)

        begin = jnp.where(previous > 0.0, 2.0 * previous, self.first / scale)
        return jax.lax.while_loop(refused, again, _taken(space, u, d, begin))


def _taken(space: AbstractSpace, u: Any, d: Any, size: Any) -> Taken:
    moved, dropped = space.move(u, d, size)
    return Taken(size, moved, space.energy(moved), dropped, jnp.ones((), jnp.int32))
