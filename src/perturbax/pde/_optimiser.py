"""Optimisers of the sum of squares: the interface, and several one after another."""

import abc
from collections.abc import Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from ..core import check_instance, check_integer
from ._least_squares import Points
from ._problem import PDEProblem


class Outcome(NamedTuple):
    """What a number of steps gave: the trained arrays, the optimiser's state, the loss before each step (NaN after the
    last), how many evaluations of all rows were made, and the loss at the end."""

    trained: Any
    state: Any
    losses: Float[Array, " capacity"]
    evaluations: Int[Array, ""]
    loss: Float[Array, ""]


class AbstractOptimiser(eqx.Module):
    """A rule that makes the sum of squares smaller, or several one after another. Its field `steps` is how many steps
    are made in all."""

    @property
    @abc.abstractmethod
    def phases(self) -> tuple["AbstractPhase", ...]:
        """The rules that are run one after another."""


class AbstractPhase(AbstractOptimiser):
    """One rule. Its field `chunk` is after how many of its steps the history gets a row."""

    def __check_init__(self):
        phase: Any = self
        check_integer("steps", phase.steps, minimum=1)
        check_integer("chunk", phase.chunk, minimum=1)

    @property
    def phases(self) -> tuple["AbstractPhase", ...]:
        return (self,)

    @abc.abstractmethod
    def start(self, trained: Any) -> Any:
        """The first state."""

    @abc.abstractmethod
    def run(self, problem: PDEProblem, trained: Any, frozen: Any, points: Points, state: Any, steps: Any) -> Outcome:
        """At most `chunk` steps, in one compiled program that does not depend on their number."""

    def moved(self, trained: Any, state: Any) -> Any:
        """The state after the points have changed."""
        return state


class Chain(AbstractOptimiser):
    """Optimisers one after another, such as `Chain([Adam(1000), LBFGS(500)])`.

    **Arguments:** `members`: the optimisers.

    **Raises:** `TypeError`, `ValueError` when they are none.

    >>> from perturbax import pde
    >>> pde.Chain([pde.Adam(10), pde.LBFGS(5)]).steps
    15
    """

    members: tuple[Any, ...]
    steps: int = eqx.field(init=False)

    def __init__(self, members: Sequence[AbstractOptimiser]):
        self.members = tuple(members)
        if not self.members:
            raise ValueError("members must name at least one optimiser, got none")
        for k, member in enumerate(self.members):
            check_instance(f"members[{k}]", member, AbstractOptimiser, "an optimiser such as LM()")
        self.steps = sum(member.steps for member in self.members)

    @property
    def phases(self) -> tuple[AbstractPhase, ...]:
        return tuple(phase for member in self.members for phase in member.phases)


def repeat(step: Any, carry: Any, capacity: int, steps: Any) -> tuple[Any, Float[Array, " capacity"]]:
    """`steps <= capacity` times `step(carry) -> (carry, loss)`, ended early by a loss that is not finite."""

    def unfinished(all_: Any) -> Any:
        k, _, losses = all_
        return (k < steps) & jnp.where(k > 0, jnp.isfinite(losses[jnp.maximum(k - 1, 0)]), True)

    def body(all_: Any) -> Any:
        k, carry, losses = all_
        carry, loss = step(carry)
        return k + 1, carry, losses.at[k].set(loss)

    first = jnp.zeros((), jnp.int32), carry, jnp.full(capacity, jnp.nan)
    _, carry, losses = jax.lax.while_loop(unfinished, body, first)
    return carry, losses
