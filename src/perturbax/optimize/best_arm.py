"""The best arm of every context."""

from typing import Any, ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from ..core import Paper
from ._bandit import AbstractBanditMethod, known_rewards
from ._environment import AbstractEnvironment, nearest
from ._papers import METALIC


class BestArm(AbstractBanditMethod):
    """The oracle: sees the rewards of all arms in each context before it plays.

    **Returns:** a frozen method for `optimize.bandit`, for environments with a table of rewards.

    **Raises:** `ValueError` where the rewards of other arms are not known.

    Source: the comparator of contextual regret; Krause & Ong 2011.

    >>> from perturbax import optimize
    >>> optimize.BestArm()
    BestArm()
    """

    papers: ClassVar[tuple[Paper, ...]] = (METALIC,)

    def start(self, environment: AbstractEnvironment, plays: int) -> tuple[Any, Any]:
        return jnp.asarray(environment.contexts), jnp.argmax(known_rewards(self, environment), -1)

    def ask(self, state: tuple[Any, Any], stage: int, context: Float[Array, " c"], key: Any) -> Int[Array, ""]:
        contexts, best = state
        return best[nearest(contexts, context)]
