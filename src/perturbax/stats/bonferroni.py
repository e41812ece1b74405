"""The sample mean with an interval that is corrected for the number of queries.

a_j = E_S phi_j,   |a_j - E_P phi_j| <= sqrt(ln(2 m / beta) / (2 n))  for m queries fixed beforehand
"""

from typing import Any, ClassVar

import jax.numpy as jnp

from ..core import Paper, check_integer
from ._answer_queries import AbstractQueryMethod, Answer
from ._guarantee import Guarantee, of_fresh_sample
from ._query_papers import MULTIPLE_COMPARISONS
from ._query_values import QueryValues, SampleSizes


class Bonferroni(AbstractQueryMethod):
    """The sample mean for a number of queries that is declared before, and for no more.

    The interval is right for queries fixed beforehand and is left by adaptive ones, which are as many as there are
    possible sequences of answers.

    **Arguments:** `queries`: how many are declared.

    **Returns:** a frozen method for `stats.answer_queries`.

    **Raises:** `ValueError` when it is not positive.

    Source: Dunn 1961.

    >>> from perturbax import stats
    >>> round(stats.Bonferroni(500).guarantees(stats.SampleSizes(1000), 1, beta=0.05)[0].tau, 3)
    0.07
    """

    queries: int

    papers: ClassVar[tuple[Paper, ...]] = (MULTIPLE_COMPARISONS,)

    def __check_init__(self):
        check_integer("queries", self.queries, minimum=1)

    def init(self, sizes: SampleSizes, key: Any) -> Any:
        return jnp.asarray(self.queries)

    def answer(self, state: Any, values: QueryValues, key: Any) -> tuple[Any, Answer]:
        return jnp.maximum(state - 1, 0), Answer(jnp.mean(values.holdout), exhausted=state < 1)

    def left(self, state: Any) -> Any:
        return state

    def guarantees(self, sizes: SampleSizes, queries: int, beta: float) -> tuple[Guarantee, ...]:
        return (of_fresh_sample(sizes.holdout, self.queries, beta, adaptive=False),)
