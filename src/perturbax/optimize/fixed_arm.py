"""The same action in every context."""

from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ..core import Paper
from ._bandit import AbstractBanditMethod, one_stage
from ._environment import AbstractEnvironment, settle_arms
from ._papers import METALIC


def _as_action(action: Any) -> tuple[float, ...]:
    return tuple(settle_arms("action", [list(action)])[0].tolist())


class FixedArm(AbstractBanditMethod):
    """One action, whatever it is rewarded with: what is done without learning, such as all conditions.

    **Arguments:** `action`: zeros and ones.

    **Returns:** a frozen method for `optimize.bandit`.

    **Raises:** `ValueError` for an action that is not binary, or that is no arm of the environment.

    Source: the baseline of Li et al. 2023 (arXiv 2210.12669).

    >>> from perturbax import optimize
    >>> optimize.FixedArm([1, 0]).action
    (1.0, 0.0)
    """

    action: tuple[float, ...] = eqx.field(converter=_as_action)

    papers: ClassVar[tuple[Paper, ...]] = (METALIC,)

    def start(self, environment: AbstractEnvironment, plays: int) -> Int[Array, ""]:
        one_stage(self, environment)
        arms, action = np.asarray(environment.arms[0]), np.asarray(self.action)
        found = np.flatnonzero((arms == action).all(-1)) if arms.shape[1] == len(action) else []
        if not len(found):
            raise ValueError(f"action must be an arm of the environment, of {arms.shape[1]} bits, got {self.action}")
        return jnp.asarray(found[0])

    def ask(self, state: Int[Array, ""], stage: int, context: Float[Array, " c"], key: Any) -> Int[Array, ""]:
        return state
