"""What the mechanisms that add noise to every answer share."""

import abc
from typing import Any

import jax.numpy as jnp

from ._answer_queries import AbstractQueryMethod, Answer
from ._guarantee import Guarantee, Privacy, in_expectation, transferred
from ._query_noise import AbstractNoise
from ._query_values import QueryValues, SampleSizes


class AbstractAdditiveNoise(AbstractQueryMethod):
    """`a_j = E_S phi_j + noise`, whose transcript is private."""

    @property
    @abc.abstractmethod
    def noise(self) -> AbstractNoise:
        """The distribution."""

    @property
    @abc.abstractmethod
    def noise_scale(self) -> Any:
        """Its scale."""

    @abc.abstractmethod
    def spent(self, n: int, queries: int, delta: float) -> Privacy:
        """The privacy of that many answers."""

    def init(self, sizes: SampleSizes, key: Any) -> Any:
        return ()

    def answer(self, state: Any, values: QueryValues, key: Any) -> tuple[Any, Answer]:
        return state, Answer(jnp.mean(values.holdout) + self.noise.sample(key, self.noise_scale))

    def privacy(self, sizes: SampleSizes, queries: int, uses: int, delta: float) -> Privacy:
        return self.spent(sizes.holdout, queries, delta)

    def guarantees(self, sizes: SampleSizes, queries: int, beta: float) -> tuple[Guarantee, ...]:
        high = transferred(
            lambda failure: self.noise_scale * self.noise.bound(failure / queries),
            lambda delta: self.spent(sizes.holdout, queries, delta),
            beta,
        )
        return high, in_expectation(self.spent(sizes.holdout, queries, 1e-6).rho)
