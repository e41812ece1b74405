"""An arm at random, at every stage."""

from typing import Any, ClassVar

import jax
from jaxtyping import Array, Float, Int

from ..core import Paper
from ._bandit import AbstractBanditMethod
from ._environment import AbstractEnvironment
from ._papers import METALIC


class RandomArm(AbstractBanditMethod):
    """Plays every arm with the same probability and learns nothing.

    **Returns:** a frozen method for `optimize.bandit`.

    Source: the baseline of Li et al. 2023 (arXiv 2210.12669).

    >>> from perturbax import optimize
    >>> optimize.RandomArm()
    RandomArm()
    """

    papers: ClassVar[tuple[Paper, ...]] = (METALIC,)

    def start(self, environment: AbstractEnvironment, plays: int) -> tuple[Any, ...]:
        return environment.arms

    def ask(self, state: tuple[Any, ...], stage: int, context: Float[Array, " c"], key: Any) -> Int[Array, ""]:
        return jax.random.randint(key, (), 0, len(state[stage]))
