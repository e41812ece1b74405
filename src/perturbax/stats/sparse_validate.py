"""SparseValidate: whether the holdout confirms a value of the training records.

With the sparse vector technique on `q_j = |E_{S_h} phi_j - E_{S_t} phi_j|`, noise of scale `c / (epsilon n)`,

    a_j = 0  if  q_j > T + Lap(2 c / (epsilon n)) + Lap(4 c / (epsilon n)),  else 1;   at most c answers 0.
"""

from typing import Any, ClassVar

import jax.numpy as jnp

from ..core import Paper, check_integer, check_number
from ._answer_queries import AbstractQueryMethod, Answer
from ._guarantee import Privacy
from ._query_papers import FOUNDATIONS, HOLDOUT_REUSE
from ._query_values import QueryValues, SampleSizes, given
from ._threshold_check import ThresholdCheck, Watch


class SparseValidate(AbstractQueryMethod):
    """One bit a query: 1 when the holdout confirms the training value, 0 when it does not.

    **Arguments:** `threshold`: `T`, how far apart the two means may be, in units of the range of the queries;
    `epsilon`: the privacy of the whole stream; `count`: `c`, how many refutations there may be.

    **Returns:** a frozen method for `stats.answer_queries`, whose answers are 0 and 1.

    **Raises:** `ValueError` when one is out of range or, when used, the problem has no training records.

    Source: Dwork et al. 2015 (NIPS, arXiv 1506.02629) for the name and the use; their SparseValidate gives any bit of
    the holdout without noise, and trusts it because few of its answers are 1. The mechanism is that of `SparseVector`.

    >>> from perturbax import stats
    >>> stats.SparseValidate(0.05, epsilon=1.0, count=5).check(100).scale
    0.05
    """

    threshold: float
    epsilon: float
    count: int

    papers: ClassVar[tuple[Paper, ...]] = (HOLDOUT_REUSE, FOUNDATIONS)

    def __check_init__(self):
        check_number("threshold", self.threshold)
        check_number("epsilon", self.epsilon, minimum=0.0, exclusive=True)
        check_integer("count", self.count, minimum=1)

    def check(self, n: int) -> ThresholdCheck:
        return ThresholdCheck(self.threshold, self.count / (self.epsilon * n), self.count)

    def init(self, sizes: SampleSizes, key: Any) -> Watch:
        if sizes.train is None:
            raise ValueError("train is needed: SparseValidate compares training values with the holdout")
        return self.check(sizes.holdout).init(key)

    def answer(self, state: Watch, values: QueryValues, key: Any) -> tuple[Watch, Answer]:
        difference = jnp.abs(jnp.mean(values.holdout) - jnp.mean(given(values.train)))
        after, refuted = self.check(values.holdout.shape[0])(state, difference, key)
        return after, Answer(jnp.where(refuted, 0.0, 1.0), used_holdout=refuted, exhausted=state.exhausted)

    def left(self, state: Watch) -> Any:
        return state.left

    def privacy(self, sizes: SampleSizes, queries: int, uses: int, delta: float) -> Privacy:
        return Privacy(self.epsilon, 0.0, self.epsilon**2 / 2.0)
