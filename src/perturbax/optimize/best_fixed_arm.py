"""The best arm without contexts, known when all is over."""

from typing import Any, ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from ..core import Paper
from ._bandit import AbstractBanditMethod, known_rewards
from ._environment import AbstractEnvironment
from ._papers import METALIC


class BestFixedArm(AbstractBanditMethod):
    """The arm with the largest mean reward over all contexts: what a rule with contexts must beat to be worth its cost.

    **Returns:** a frozen method for `optimize.bandit`, for environments with a table of rewards.

    **Raises:** `ValueError` where the rewards of other arms are not known.

    Source: the comparator of bandits without contexts.

    >>> from perturbax import optimize
    >>> optimize.BestFixedArm()
    BestFixedArm()
    """

    papers: ClassVar[tuple[Paper, ...]] = (METALIC,)

    def start(self, environment: AbstractEnvironment, plays: int) -> Int[Array, ""]:
        return jnp.argmax(jnp.mean(known_rewards(self, environment), 0))

    def ask(self, state: Int[Array, ""], stage: int, context: Float[Array, " c"], key: Any) -> Int[Array, ""]:
        return state
