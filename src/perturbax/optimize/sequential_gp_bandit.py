r"""A bandit of several stages by one Gaussian process for each.

Li et al. 2023, *Meta Learning of Interface Conditions for Multi-Domain Physics-Informed Neural Networks*. A play has
rewards $r_1, r_2, \dots$, one for each stage. The process of stage $i$ is that of the discounted mean of what is still
to come,

    R_i = mean_{j >= 0} gamma^j r_{i + j},

and sees the context followed by the rewards so far.
"""

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from ..core import Paper, check_instance, check_integer, check_number
from ._arm_rule import AbstractArmRule, UpperConfidence
from ._bandit import AbstractBanditMethod, standardise
from ._environment import AbstractEnvironment
from ._papers import METALIC
from ._reward_gp import HybridGP, Observations


class SequentialGPBandit(AbstractBanditMethod):
    """Chooses a subset for each stage of a play by Gaussian processes of the discounted rewards.

    **Arguments:** `rule`, `model`, `warmup`: as of `GPBandit`; `discount`: gamma.

    **Returns:** a frozen method for `optimize.bandit`; with one stage it is `GPBandit`.

    **Raises:** `TypeError`, `ValueError` for arguments out of range.

    Source: Li et al. 2023 (arXiv 2210.12669).

    >>> from perturbax import optimize
    >>> optimize.SequentialGPBandit().discount
    0.9
    """

    rule: AbstractArmRule = UpperConfidence()
    model: HybridGP = HybridGP()
    warmup: int = 5
    discount: float = 0.9

    papers: ClassVar[tuple[Paper, ...]] = (METALIC,)

    def __check_init__(self):
        check_instance("rule", self.rule, AbstractArmRule, "a rule such as UpperConfidence()")
        check_instance("model", self.model, HybridGP, "a HybridGP()")
        check_integer("warmup", self.warmup, minimum=1)
        check_number("discount", self.discount, minimum=0.0)

    def start(self, environment: AbstractEnvironment, plays: int) -> tuple[Observations, ...]:
        location, scale = standardise(environment)
        return tuple(
            self.model.start(
                arms,
                jnp.concatenate([location, jnp.zeros(stage)]),
                jnp.concatenate([scale, jnp.ones(stage)]),
                plays,
            )
            for stage, arms in enumerate(environment.arms)
        )

    def ask(self, state: tuple[Observations, ...], stage: int, context: Float[Array, " c"], key: Any) -> Int[Array, ""]:
        seen, (draw, choose) = state[stage], jax.random.split(key)
        best = jnp.argmax(self.rule.score(self.model.posterior(seen, context), choose))
        return jnp.where(seen.count < self.warmup, jax.random.randint(draw, (), 0, len(seen.arms)), best)

    def tell(
        self,
        state: tuple[Observations, ...],
        contexts: tuple[Any, ...],
        arms: tuple[Any, ...],
        rewards: Float[Array, " stages"],
    ) -> tuple[Observations, ...]:
        factors = self.discount ** jnp.arange(len(state), dtype=rewards.dtype)
        return tuple(
            self.model.fit(seen.add(contexts[i], seen.arms[arms[i]], jnp.mean(factors[: len(state) - i] * rewards[i:])))
            for i, seen in enumerate(state)
        )

    def recommend(self, state: tuple[Observations, ...], stage: int, context: Float[Array, " c"]) -> Int[Array, ""]:
        return jnp.argmax(self.model.posterior(state[stage], context).mean)
