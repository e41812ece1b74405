"""Estimates of the costs of all arms from the cost of one, and what bandits that live on them remember.

With the probability `p_i` of the arm `i` that was played, and its excess `e` over the least cost:

    importance-weighted   e_j = 1[j = i] e / p_i
    reduced variance      e_j = B_j + 1[j = i] (e - B_i) / p_i,     B_j = s 1[p_j >= eta^2]

Both are unbiased for any `B` that is known before. Zimmert & Seldin 2021 take half of the range of losses for `s`;
costs of solvers have no known range, so `s` is their mean so far.
"""

import abc
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Int


class EstimatedCosts(eqx.Module):
    """The state of a bandit: `rounds` so far, the estimated excess costs `k` of all arms, and the `total` that was seen
    of excess."""

    rounds: Int[Array, ""]
    k: Float[Array, " arms"]
    total: Float[Array, ""]

    @classmethod
    def none(cls, arms: int) -> "EstimatedCosts":
        """Before the first round."""
        return cls(jnp.zeros((), jnp.int32), jnp.zeros(arms), jnp.zeros(()))

    @property
    def scale(self) -> Float[Array, ""]:
        """The mean excess so far; 1 before there is any."""
        mean = self.total / jnp.maximum(self.rounds, 1)
        return jnp.where(mean > 0.0, mean, 1.0)

    def told(self, estimate: Float[Array, " arms"], excess: Float[Array, ""]) -> "EstimatedCosts":
        """After a round with this excess, and the estimate that was made of it."""
        return EstimatedCosts(self.rounds + 1, self.k + estimate, self.total + excess)


class AbstractCostEstimator(eqx.Module):
    """How a cost that was seen is spread over the arms."""

    @abc.abstractmethod
    def __call__(
        self, excess: Float[Array, ""], arm: Int[Array, ""], p: Float[Array, " d"], eta: Any, scale: Any
    ) -> Float[Array, " d"]:
        """The estimated excess of each arm."""


class ImportanceWeighted(AbstractCostEstimator):
    """All on the arm that was played, by the inverse of its probability. Source: Zimmert & Seldin 2021.

    >>> ImportanceWeighted()(jnp.array(3.0), jnp.array(1), jnp.array([0.5, 0.5]), 1.0, 1.0).tolist()
    [0.0, 6.0]
    """

    def __call__(
        self, excess: Float[Array, ""], arm: Int[Array, ""], p: Float[Array, " d"], eta: Any, scale: Any
    ) -> Float[Array, " d"]:
        return jnp.zeros_like(p).at[arm].set(excess / p[arm])


class ReducedVariance(AbstractCostEstimator):
    """The difference to a typical cost, where arms are played often enough. Source: Zimmert & Seldin 2021.

    >>> ReducedVariance()(jnp.array(3.0), jnp.array(1), jnp.array([0.5, 0.5]), 0.5, 2.0).tolist()
    [2.0, 4.0]
    """

    def __call__(
        self, excess: Float[Array, ""], arm: Int[Array, ""], p: Float[Array, " d"], eta: Any, scale: Any
    ) -> Float[Array, " d"]:
        B = scale * (p >= eta**2)
        return B.at[arm].add((excess - B[arm]) / p[arm])
