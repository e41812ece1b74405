"""How an arm is chosen by what is believed of all of them."""

import abc
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core import check_integer, check_number
from ._reward_gp import Posterior


class AbstractArmRule(eqx.Module):
    """A score of each arm, of which the largest is played."""

    @abc.abstractmethod
    def score(self, believed: Posterior, key: Any) -> Float[Array, " n"]:
        """Of all arms."""


class UpperConfidence(AbstractArmRule):
    """`mean + exploration * standard deviation`.

    **Arguments:** `exploration`: 1 in the code of METALIC; bounds of the regret want one that grows.

    Source: Srinivas et al. 2010 (arXiv 0912.3995); Krause & Ong 2011 with contexts.

    >>> UpperConfidence().exploration
    1.0
    """

    exploration: float = 1.0

    def __check_init__(self):
        check_number("exploration", self.exploration, minimum=0.0)

    def score(self, believed: Posterior, key: Any) -> Float[Array, " n"]:
        return believed.mean + self.exploration * jnp.sqrt(believed.variance)


class Thompson(AbstractArmRule):
    """One joint draw of the rewards of all arms."""

    def score(self, believed: Posterior, key: Any) -> Float[Array, " n"]:
        # By eigenvalues: a covariance of many arms is all but singular, and Cholesky's factor of it NaN.
        values, vectors = jnp.linalg.eigh(believed.covariance)
        z = jax.random.normal(key, values.shape, values.dtype)
        return believed.mean + vectors @ (jnp.sqrt(jnp.maximum(values, 0.0)) * z)


class Optimistic(AbstractArmRule):
    """The largest of some independent draws for each arm: what the authors' code calls Thompson sampling.

    It is closer to `UpperConfidence` with noise: arms that are believed to be alike do not move together.

    **Arguments:** `draws`: for each arm.

    >>> Optimistic().draws
    20
    """

    draws: int = 20

    def __check_init__(self):
        check_integer("draws", self.draws, minimum=1)

    def score(self, believed: Posterior, key: Any) -> Float[Array, " n"]:
        z = jax.random.normal(key, (self.draws, *believed.mean.shape), believed.mean.dtype)
        return believed.mean + jnp.sqrt(believed.variance) * jnp.max(z, 0)


class Greedy(AbstractArmRule):
    """The largest mean, without exploration."""

    def score(self, believed: Posterior, key: Any) -> Float[Array, " n"]:
        return believed.mean
