"""An analyst for the study of adaptive data analysis: counting queries on eight attributes, half of them adaptive."""

import itertools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..stats import AbstractAnalyst

ATTRIBUTES = 8
CUBE = np.array(list(itertools.product((0, 1), repeat=ATTRIBUTES)))
_HALF = 0.5  # weight of the new half-space beside the direction of the attack


class HalfSpaces(AbstractAnalyst):
    """Every other query is a random half-space of the attributes, 1[w . x > c]. The others attack: they follow the
    direction in which the answers so far were off the truth, disturbed by a half-space so that they differ.

    - `scores`: `w . x - c` of each query on all records of the domain, scaled; `truth`: the probabilities of these.
    """

    scores: Float[Array, "m x"]
    truth: Float[Array, " x"]

    def start(self) -> Any:
        return jnp.asarray(0), jnp.zeros(self.truth.shape)

    def values(self, state: Any) -> Float[Array, " x"]:
        """The next query on all records of the domain."""
        asked, direction = state
        attack = direction / jnp.maximum(jnp.std(direction), 1e-9) + _HALF * self.scores[asked]
        return jnp.where(jnp.where(asked % 2 == 0, self.scores[asked], attack) > 0.0, 1.0, 0.0)

    def ask(self, state: Any) -> Callable[[Any], Any]:
        return lambda domain: self.values(state)

    def tell(self, state: Any, answer: Float[Array, ""]) -> Any:
        asked, direction = state
        values = self.values(state)
        true = values @ self.truth
        return asked + 1, direction + jnp.where(answer > true, 1.0, -1.0) * (values - true)

    def truths(self, answers: Float[Array, " m"]) -> Float[Array, " m"]:
        """The means in the population of the queries that were asked, by the answers to them."""

        def step(state: Any, answer: Any) -> Any:
            return self.tell(state, answer), self.values(state) @ self.truth

        return jax.lax.scan(step, self.start(), answers)[1]


def half_spaces(random: np.random.Generator, queries: int, low: float) -> HalfSpaces:
    """Queries on a population of three groups, in which each attribute has a probability between `low` and
    `1 - low`."""
    share, chance = random.dirichlet(np.ones(3)), random.uniform(low, 1.0 - low, (3, ATTRIBUTES))
    truth = share @ np.prod(np.where(CUBE, chance[:, None], 1.0 - chance[:, None]), -1)
    directions, offsets = random.normal(size=(queries, ATTRIBUTES)), random.normal(size=(queries, 1))
    scores = directions @ (2 * CUBE - 1).T - 0.5 * np.sqrt(ATTRIBUTES) * offsets
    scores /= scores.std(1, keepdims=True)
    return HalfSpaces(jnp.asarray(scores, jnp.float32), jnp.asarray(truth, jnp.float32))
