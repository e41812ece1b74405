r"""A linear contextual bandit that plays at random every now and then.

The reward is modelled by ridge regression on $\phi = (1, s, a, s \otimes a)$ with the standardised context $s$ and the
action $a$; with probability $\epsilon$ an arm is drawn, else the one with the largest prediction is played.
"""

from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from ..core import Paper, check_number
from ._bandit import AbstractBanditMethod, one_stage, standardise
from ._environment import AbstractEnvironment
from ._papers import METALIC


class Regression(eqx.Module):
    """Sums of ridge regression, the arms, and what contexts are standardised by."""

    gram: Float[Array, "*batch p p"]
    moment: Float[Array, "*batch p"]
    arms: Float[Array, "*batch n q"]
    location: Float[Array, "*batch c"]
    scale: Float[Array, "*batch c"]

    def features(self, context: Float[Array, " c"], action: Float[Array, " q"]) -> Float[Array, " p"]:
        """Of a context and an action."""
        s = (context - self.location) / self.scale
        return jnp.concatenate([jnp.ones(1), s, action, jnp.outer(s, action).reshape(-1)])

    def predict(self, context: Float[Array, " c"]) -> Float[Array, " n"]:
        """The rewards of all arms."""
        weights = jax.scipy.linalg.solve(self.gram, self.moment, assume_a="pos")
        return jax.vmap(lambda action: self.features(context, action))(self.arms) @ weights


class EpsilonGreedy(AbstractBanditMethod):
    """Ridge regression on contexts, actions and their products, with a share of plays at random.

    The cheap baseline of `GPBandit`: it knows no interactions between the bits of an action.

    **Arguments:** `epsilon`: share of plays at random; `ridge`: weight of the penalty.

    **Returns:** a frozen method for `optimize.bandit`.

    **Raises:** `TypeError`, `ValueError` for numbers out of range, or an environment of several stages.

    Source: the textbook baseline of contextual bandits.

    >>> from perturbax import optimize
    >>> optimize.EpsilonGreedy().epsilon
    0.1
    """

    epsilon: float = 0.1
    ridge: float = 1.0

    papers: ClassVar[tuple[Paper, ...]] = (METALIC,)

    def __check_init__(self):
        check_number("epsilon", self.epsilon, minimum=0.0, maximum=1.0)
        check_number("ridge", self.ridge, minimum=0.0, exclusive=True)

    def start(self, environment: AbstractEnvironment, plays: int) -> Regression:
        one_stage(self, environment)
        arms = jnp.asarray(environment.arms[0])
        location, scale = standardise(environment)
        size = (1 + len(location)) * (1 + arms.shape[1])
        return Regression(self.ridge * jnp.eye(size), jnp.zeros(size), arms, location, scale)

    def ask(self, state: Regression, stage: int, context: Float[Array, " c"], key: Any) -> Int[Array, ""]:
        toss, draw = jax.random.split(key)
        at_random = jax.random.uniform(toss) < self.epsilon
        best = jnp.argmax(state.predict(context))
        return jnp.where(at_random, jax.random.randint(draw, (), 0, len(state.arms)), best)

    def tell(
        self, state: Regression, contexts: tuple[Any, ...], arms: tuple[Any, ...], rewards: Float[Array, " stages"]
    ) -> Regression:
        phi = state.features(contexts[0], state.arms[arms[0]])
        sums = state.gram + jnp.outer(phi, phi), state.moment + phi * rewards[0]
        return eqx.tree_at(lambda s: (s.gram, s.moment), state, sums)

    def recommend(self, state: Regression, stage: int, context: Float[Array, " c"]) -> Int[Array, ""]:
        return jnp.argmax(state.predict(context))
