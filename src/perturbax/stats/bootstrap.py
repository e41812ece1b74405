"""The mean of a bootstrap sample, drawn anew for every answer.

a_j = (1 / n) sum over i of phi_j(x_{r_i}),   r_i uniform on 1..n
"""

from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from ..core import Paper
from ._answer_queries import AbstractQueryMethod, Answer
from ._query_papers import BOOTSTRAP
from ._query_values import QueryValues, SampleSizes


class Bootstrap(AbstractQueryMethod):
    """Answers from resamples, whose noise has the standard error of the mean.

    It looks as if it protected, and does so a little: the noise is as large as `GaussianNoise` with
    `sigma = sd / sqrt(n)`. Without noise for a query that is constant on the sample it guarantees nothing.

    **Returns:** a frozen method for `stats.answer_queries`.

    Source: Efron 1979.

    >>> from perturbax import stats
    >>> stats.Bootstrap().guarantees(stats.SampleSizes(1000), 10, beta=0.05)
    ()
    """

    memoryless: ClassVar[bool] = True
    papers: ClassVar[tuple[Paper, ...]] = (BOOTSTRAP,)

    def init(self, sizes: SampleSizes, key: Any) -> Any:
        return ()

    def answer(self, state: Any, values: QueryValues, key: Any) -> tuple[Any, Answer]:
        n = values.holdout.shape[0]
        return state, Answer(jnp.mean(values.holdout[jax.random.randint(key, (n,), 0, n)]))
