"""The sparse vector technique: bits that cost only when they are 1.

With `rho ~ Lap(2 c / (epsilon n))`, and `nu ~ Lap(4 c / (epsilon n))` for every query,

    a_j = 1  if  E_S phi_j + nu > T + rho,  else 0;   after an answer 1, rho is drawn again; at most c of them.
"""

from typing import Any, ClassVar

import jax.numpy as jnp

from ..core import Paper, check_integer, check_number
from ._answer_queries import AbstractQueryMethod, Answer
from ._guarantee import Privacy
from ._query_papers import FOUNDATIONS
from ._query_values import QueryValues, SampleSizes
from ._threshold_check import ThresholdCheck, Watch


class SparseVector(AbstractQueryMethod):
    """Says which sample means exceed a threshold, any number of queries for the price of the few that do.

    Also known as repeated AboveThreshold.

    **Arguments:**

    - `threshold`: `T`, in units of the range of the queries.
    - `epsilon`: the privacy of the whole stream.
    - `count`: `c`, how many answers 1 there may be; then the budget is spent.

    **Returns:** a frozen method for `stats.answer_queries`, whose answers are 0 and 1.

    **Raises:** `ValueError` when one is out of range.

    Source: Dwork & Roth 2014, algorithm 2 (with `delta = 0`).

    >>> from perturbax import stats
    >>> stats.SparseVector(0.6, epsilon=1.0, count=5).privacy(stats.SampleSizes(100), 1000, 5, 1e-6).epsilon
    1.0
    """

    threshold: float
    epsilon: float
    count: int

    papers: ClassVar[tuple[Paper, ...]] = (FOUNDATIONS,)

    def __check_init__(self):
        check_number("threshold", self.threshold)
        check_number("epsilon", self.epsilon, minimum=0.0, exclusive=True)
        check_integer("count", self.count, minimum=1)

    def check(self, n: int) -> ThresholdCheck:
        return ThresholdCheck(self.threshold, self.count / (self.epsilon * n), self.count)

    def init(self, sizes: SampleSizes, key: Any) -> Watch:
        return self.check(sizes.holdout).init(key)

    def answer(self, state: Watch, values: QueryValues, key: Any) -> tuple[Watch, Answer]:
        n = values.holdout.shape[0]
        after, fired = self.check(n)(state, jnp.mean(values.holdout), key)
        return after, Answer(jnp.where(fired, 1.0, 0.0), used_holdout=fired, exhausted=state.exhausted)

    def left(self, state: Watch) -> Any:
        return state.left

    def privacy(self, sizes: SampleSizes, queries: int, uses: int, delta: float) -> Privacy:
        return Privacy(self.epsilon, 0.0, self.epsilon**2 / 2.0)
