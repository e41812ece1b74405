"""Private multiplicative weights: a model of the population, corrected by the holdout where it is wrong.

On a finite domain `X` with weights `w`, uniform at first, for each query with the private check of `Thresholdout`,

    |E_S phi - <w, phi>| > T + gamma + eta:   a = E_S phi + xi,   w <- normalise(w exp(rate sign(a - <w, phi>) phi))
    else:                                     a = <w, phi>, free of charge

Every correction of an error of at least `e` in its true direction lowers the divergence of `w` from the sample by at
least `rate e - rate^2 / 8` (Hoeffding's lemma), so that with `rate = 4 e` there are at most `ln|X| / (2 e^2)` of them.
The weights are kept as logarithms.
"""

import math
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core import Paper, check_integer, check_number
from ._answer_queries import AbstractQueryMethod, Answer
from ._corrected_guess import corrected, guarantees_of_corrections, privacy_of
from ._guarantee import Guarantee, Privacy
from ._query_papers import MULTIPLICATIVE_WEIGHTS, VALIDITY
from ._query_values import QueryValues, SampleSizes, given
from ._threshold_check import ThresholdCheck, Watch


class Weights(eqx.Module):
    """The state: logarithms of the weights, and that of the check."""

    logarithms: Float[Array, " x"]
    watch: Watch


class PrivateMultiplicativeWeights(AbstractQueryMethod):
    """Exponentially many adaptive queries on a finite domain; only surprises cost.

    The work for a query is of order `|X|`, and so is the memory.

    **Arguments:**

    - `threshold`: `T`; `scale`: `sigma` of the Laplace noise; in units of the range of the queries.
    - `rate`: the learning rate of the weights.
    - `budget`: corrections that may be made.

    **Returns:** a frozen method for `stats.answer_queries`.

    **Raises:** `ValueError` when one is out of range; when used, for a problem without a domain.

    Source: Hardt & Rothblum 2010; Dwork et al. 2015 (STOC, arXiv 1411.2664) for adaptive queries.

    >>> from perturbax import stats
    >>> stats.PrivateMultiplicativeWeights.of_threshold(0.1, scale=0.01, domain=256).budget
    278
    """

    threshold: float
    scale: float
    rate: float
    budget: int

    papers: ClassVar[tuple[Paper, ...]] = (MULTIPLICATIVE_WEIGHTS, VALIDITY)

    def __check_init__(self):
        check_number("threshold", self.threshold, minimum=0.0, exclusive=True)
        check_number("scale", self.scale, minimum=0.0, exclusive=True)
        check_number("rate", self.rate, minimum=0.0, exclusive=True)
        check_integer("budget", self.budget, minimum=1)

    @classmethod
    def of_threshold(cls, threshold: float, *, scale: float, domain: int) -> "PrivateMultiplicativeWeights":
        """With the rate that needs the fewest corrections in theory, `4 T`, and a budget that is then never exceeded as
        long as no correction is made for an error below `T`: `ln|X| / (2 T^2)`."""
        threshold = check_number("threshold", threshold, minimum=0.0, exclusive=True)
        return cls(threshold, scale, 4.0 * threshold, math.ceil(math.log(domain) / (2.0 * threshold**2)))

    @property
    def checks(self) -> ThresholdCheck:
        return ThresholdCheck(self.threshold, self.scale, self.budget)

    def init(self, sizes: SampleSizes, key: Any) -> Weights:
        if sizes.domain is None:
            raise ValueError("domain is needed: PrivateMultiplicativeWeights models all possible records")
        return Weights(jnp.full(sizes.domain, -math.log(sizes.domain)), self.checks.init(key))

    def answer(self, state: Weights, values: QueryValues, key: Any) -> tuple[Weights, Answer]:
        phi = given(values.domain)
        guess = jax.nn.softmax(state.logarithms) @ phi
        watch, fired, a = corrected(self.checks, state.watch, guess, jnp.mean(values.holdout), key)
        step = jnp.where(fired, self.rate * jnp.sign(a - guess), 0.0)
        logarithms = jax.nn.log_softmax(state.logarithms + step * phi)
        # Without a correction the state stays the same to the last bit.
        after = Weights(jnp.where(fired, logarithms, state.logarithms), watch)
        return after, Answer(a, used_holdout=fired, exhausted=state.watch.exhausted)

    def left(self, state: Weights) -> Any:
        return state.watch.left

    def privacy(self, sizes: SampleSizes, queries: int, uses: int, delta: float) -> Privacy:
        return privacy_of(self.checks, sizes, uses, delta)

    def guarantees(self, sizes: SampleSizes, queries: int, beta: float) -> tuple[Guarantee, ...]:
        return guarantees_of_corrections(self.checks, sizes, queries, beta)
