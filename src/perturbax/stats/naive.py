"""The sample mean itself.

a_j = E_S phi_j = (1 / n) sum over i of phi_j(x_i)
"""

from typing import Any, ClassVar

import jax.numpy as jnp

from ..core import Paper
from ._answer_queries import AbstractQueryMethod, Answer
from ._guarantee import Guarantee, of_fresh_sample
from ._query_papers import FREEDMAN
from ._query_values import QueryValues, SampleSizes


class Naive(AbstractQueryMethod):
    """The holdout as it is used by habit: exact for the sample, and overfitted after about `n` adaptive queries.

    **Returns:** a frozen method for `stats.answer_queries`; its guarantee is for queries fixed beforehand only.

    Source: Freedman 1983 for what goes wrong.

    >>> from perturbax import stats
    >>> [g.adaptive for g in stats.Naive().guarantees(stats.SampleSizes(1000), 10, beta=0.05)]
    [False]
    """

    memoryless: ClassVar[bool] = True
    papers: ClassVar[tuple[Paper, ...]] = (FREEDMAN,)

    def init(self, sizes: SampleSizes, key: Any) -> Any:
        return ()

    def answer(self, state: Any, values: QueryValues, key: Any) -> tuple[Any, Answer]:
        return state, Answer(jnp.mean(values.holdout))

    def guarantees(self, sizes: SampleSizes, queries: int, beta: float) -> tuple[Guarantee, ...]:
        return (of_fresh_sample(sizes.holdout, queries, beta, adaptive=False),)
