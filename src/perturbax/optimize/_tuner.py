"""What tunes a parameter: asks and tells, as pure functions of a state.

    choice = tuner.ask(state, context, key)          which value the next solve should use
    state = tuner.tell(state, choice, cost)          what that solve cost, in iterations or seconds

Between the two lies any solver. Choices may come back late, out of order or from several simulations at once.
"""

import abc
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ..core import Method, check_array, check_number

# The grid of Khodak et al.: relaxation parameters from Gauss-Seidel's up to where SOR is slow again.
RELAXATIONS = tuple(round(1.0 + 0.05 * i, 2) for i in range(20))


class Choice(eqx.Module):
    """What `ask` answers, and `tell` wants back.

    - `value`: of the parameter; `arm`: its place in the grid.
    - `probabilities`: with which each arm was chosen; `context`: as it was used.
    - `predicted`: cost of the arm, in units of the method; NaN for methods that predict none.
    """

    value: Float[Any, "*batch"]
    arm: Int[Any, "*batch"]
    probabilities: Float[Any, "*batch arms"]
    context: Float[Any, "*batch"]
    predicted: Float[Any, "*batch"]


class AbstractTuner(Method):
    """A method of `optimize.tune` that learns from costs. Call it in float64, as `tune` and `Tuner` do."""

    #: Whether it must be told the context of an instance.
    needs_context: ClassVar[bool] = False

    @property
    @abc.abstractmethod
    def values(self) -> tuple[float, ...]:
        """The values that it may choose, for checks; empty when they are not known beforehand."""

    @property
    def least(self) -> float:
        """The smallest cost that it may be told."""
        return 0.0

    @property
    def domain(self) -> tuple[float, float] | None:
        """The interval that contexts are clipped to, if any."""
        return None

    @abc.abstractmethod
    def init(self) -> Any:
        """The state before the first round."""

    @abc.abstractmethod
    def ask(self, state: Any, context: Float[Array, ""], key: Any) -> Choice:
        """The value for the next solve."""

    @abc.abstractmethod
    def tell(self, state: Any, choice: Choice, cost: Float[Array, ""]) -> Any:
        """The state after a solve with what was chosen."""


class AbstractBandit(AbstractTuner):
    """A tuner that chooses from a finite grid. Its field `grid` holds the values."""

    @property
    def values(self) -> tuple[float, ...]:
        method: Any = self
        return method.grid

    def draw(self, p: Float[Array, " arms"], context: Array, key: Any, predicted: Any = None) -> Choice:
        """An arm drawn with the probabilities `p`."""
        # By inversion: a single uniform number, and no arm without probability.
        below = jnp.cumsum(p)
        u = jax.random.uniform(key, (), p.dtype) * below[-1]
        arm = jnp.argmax(below > u)
        cost = jnp.full((), jnp.nan) if predicted is None else predicted[arm]
        return Choice(jnp.asarray(self.values)[arm], arm, p / below[-1], context, cost)


def as_grid(values: Any) -> tuple[float, ...]:
    """A converter of the field `grid`: different finite numbers, ascending."""
    array = np.asarray(check_array("grid", values, ndim=1), np.float64)
    if (np.diff(array) <= 0.0).any():
        raise ValueError(f"grid must ascend, got {array.tolist()}")
    return tuple(array.tolist())


def as_interval(ends: Any) -> tuple[float, float]:
    """A converter of the field `interval`: two finite numbers, ascending."""
    low, high = np.asarray(check_array("interval", ends, shape=(2,)), np.float64).tolist()
    if low >= high:
        raise ValueError(f"interval must ascend, got ({low:g}, {high:g})")
    return low, high


def check_least(cost: Any) -> None:
    """The field `least_cost`."""
    check_number("least_cost", cost, minimum=0.0)
