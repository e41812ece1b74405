"""A bandit by a Gaussian process of the rewards.

Li et al. 2023, *Meta Learning of Interface Conditions for Multi-Domain Physics-Informed Neural Networks*. After some
plays at random, the process is fitted anew to all rewards before each play, and the arm with the largest score of a
rule is played: `mean + c * standard deviation` (`UpperConfidence`), or a joint draw (`Thompson`).
"""

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from ..core import Paper, check_instance, check_integer
from ._arm_rule import AbstractArmRule, UpperConfidence
from ._bandit import AbstractBanditMethod, one_stage, standardise
from ._environment import AbstractEnvironment
from ._papers import METALIC
from ._reward_gp import HybridGP, Observations


class GPBandit(AbstractBanditMethod):
    """Chooses subsets by a Gaussian process over contexts and binary actions.

    For rewards that are dear, in up to some hundreds of plays and arms: a play costs the fit, of order `plays^3`.

    **Arguments:**

    - `rule`: `UpperConfidence()`, `Thompson()`, `Optimistic()` or `Greedy()`.
    - `model`: the process, with its first parameters.
    - `warmup`: plays at random before it is used.

    **Returns:** a frozen method for `optimize.bandit`.

    **Raises:** `TypeError`, `ValueError` for arguments out of range, or an environment of several stages.

    Source: Li et al. 2023 (arXiv 2210.12669).

    >>> import jax
    >>> from perturbax import optimize
    >>> world = optimize.TableEnvironment([[0.0], [1.0]], [[0, 1], [1, 0]], [[0.0, 1.0], [1.0, 0.0]])
    >>> plays = optimize.bandit(world, optimize.GPBandit(warmup=4), plays=12, key=jax.random.key(0))
    >>> plays([[0.0], [1.0]]).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """

    rule: AbstractArmRule = UpperConfidence()
    model: HybridGP = HybridGP()
    warmup: int = 5

    papers: ClassVar[tuple[Paper, ...]] = (METALIC,)

    def __check_init__(self):
        check_instance("rule", self.rule, AbstractArmRule, "a rule such as UpperConfidence()")
        check_instance("model", self.model, HybridGP, "a HybridGP()")
        check_integer("warmup", self.warmup, minimum=1)

    def start(self, environment: AbstractEnvironment, plays: int) -> Observations:
        one_stage(self, environment)
        return self.model.start(environment.arms[0], *standardise(environment), plays)

    def ask(self, state: Observations, stage: int, context: Float[Array, " c"], key: Any) -> Int[Array, ""]:
        draw, choose = jax.random.split(key)
        best = jnp.argmax(self.rule.score(self.model.posterior(state, context), choose))
        return jnp.where(state.count < self.warmup, jax.random.randint(draw, (), 0, len(state.arms)), best)

    def tell(
        self, state: Observations, contexts: tuple[Any, ...], arms: tuple[Any, ...], rewards: Float[Array, " stages"]
    ) -> Observations:
        seen = state.add(contexts[0], state.arms[arms[0]], rewards[0])
        return self.model.fit(seen)

    def recommend(self, state: Observations, stage: int, context: Float[Array, " c"]) -> Int[Array, ""]:
        return jnp.argmax(self.model.posterior(state, context).mean)
