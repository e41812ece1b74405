"""A fresh part of the sample for every query.

a_j = E_{S_j} phi_j,   S split into m parts of floor(n / m) records
"""

from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from ..core import Paper, check_integer
from ._answer_queries import AbstractQueryMethod, Answer
from ._guarantee import Guarantee, of_fresh_sample
from ._query_papers import VALIDITY
from ._query_values import QueryValues, SampleSizes


class SampleSplit(AbstractQueryMethod):
    """Each query is answered from records that no other query sees: valid always, and wasteful.

    An error `tau` costs `n ~ m ln(m) / tau^2` records.

    **Arguments:** `queries`: `m`, the parts that the holdout is split into.

    **Returns:** a frozen method for `stats.answer_queries`.

    **Raises:** `ValueError` when it is not positive or, when used, larger than the number of records.

    Source: Dwork et al. 2015 (STOC, arXiv 1411.2664).

    >>> from perturbax import stats
    >>> round(stats.SampleSplit(10).guarantees(stats.SampleSizes(10_000), 10, beta=0.05)[0].tau, 3)
    0.055
    """

    queries: int

    papers: ClassVar[tuple[Paper, ...]] = (VALIDITY,)

    def __check_init__(self):
        check_integer("queries", self.queries, minimum=1)

    def init(self, sizes: SampleSizes, key: Any) -> Any:
        if sizes.holdout < self.queries:
            raise ValueError(
                f"holdout has {sizes.holdout} records, too few to split for {self.queries} queries: "
                f"n / m must be at least 1"
            )
        return jnp.asarray(0)

    def answer(self, state: Any, values: QueryValues, key: Any) -> tuple[Any, Answer]:
        size = values.holdout.shape[0] // self.queries
        part = jax.lax.dynamic_slice(values.holdout, (state * size,), (size,))
        exhausted = state >= self.queries
        return jnp.minimum(state + 1, self.queries), Answer(jnp.mean(part), exhausted=exhausted)

    def left(self, state: Any) -> Any:
        return self.queries - state

    def guarantees(self, sizes: SampleSizes, queries: int, beta: float) -> tuple[Guarantee, ...]:
        size = sizes.holdout // self.queries
        return (of_fresh_sample(size, queries, beta, adaptive=True),) if size else ()
