"""EffectiveRounds: fresh data for every round in which the analyst has really adapted.

The holdout is split into `r` parts `S_1 .. S_r` and a validation set `V`. The current part is `c = 1` at first. For
each query with the private check on `V`,

    |E_{S_c} phi - E_V phi| > T + Lap(2 sigma) + Lap(4 sigma):   c <- c + 1;      a = E_{S_c} phi

An analyst who overfits the current part is found out by `V`, of which he learns no more than that; the next part is
fresh. In theory `n ~ r ln(m) / tau^2` records are enough. The constants, and the equal split between the parts and
`V`, are ours: the paper leaves them open.
"""

from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Int

from ..core import Paper, check_integer, check_number
from ._answer_queries import AbstractQueryMethod, Answer
from ._guarantee import Guarantee, Privacy, of_fresh_sample, transferred
from ._query_papers import VALIDITY
from ._query_values import QueryValues, SampleSizes
from ._threshold_check import ThresholdCheck, Watch


class Round(eqx.Module):
    """The state: the current part, and that of the check."""

    part: Int[Array, ""]
    watch: Watch


class EffectiveRounds(AbstractQueryMethod):
    """Many queries, few rounds: data is used up only when answers have been overfitted.

    **Arguments:**

    - `rounds`: `r`; after as many overfitted answers the budget is spent.
    - `threshold`: `T`, about half of the error that is accepted; `scale`: `sigma`; in units of the range of the
      queries.

    **Returns:** a frozen method for `stats.answer_queries`.

    **Raises:** `ValueError` when one is out of range or, when used, a part would have no record.

    Source: Dwork et al. 2015 (STOC, arXiv 1411.2664), reconstructed.

    >>> from perturbax import stats
    >>> stats.EffectiveRounds(5, threshold=0.05, scale=0.002).split(1000)
    (100, 500)
    """

    rounds: int
    threshold: float
    scale: float

    papers: ClassVar[tuple[Paper, ...]] = (VALIDITY,)

    def __check_init__(self):
        check_integer("rounds", self.rounds, minimum=1)
        check_number("threshold", self.threshold, minimum=0.0, exclusive=True)
        check_number("scale", self.scale, minimum=0.0, exclusive=True)

    @property
    def checks(self) -> ThresholdCheck:
        return ThresholdCheck(self.threshold, self.scale, self.rounds)

    def split(self, n: int) -> tuple[int, int]:
        """Records of each part, and of the validation set."""
        size = n // (2 * self.rounds)
        return size, n - size * self.rounds

    def init(self, sizes: SampleSizes, key: Any) -> Round:
        if self.split(sizes.holdout)[0] < 1:
            raise ValueError(
                f"holdout has {sizes.holdout} records, {self.rounds} rounds need at least {2 * self.rounds}"
            )
        return Round(jnp.asarray(0), self.checks.init(key))

    def answer(self, state: Round, values: QueryValues, key: Any) -> tuple[Round, Answer]:
        size = self.split(values.holdout.shape[0])[0]
        means = jnp.mean(values.holdout[: size * self.rounds].reshape(self.rounds, size), 1)
        validation = jnp.mean(values.holdout[size * self.rounds :])
        watch, fired = self.checks(state.watch, jnp.abs(means[state.part] - validation), key)
        part = jnp.minimum(state.part + fired, self.rounds - 1)
        # The last part has no successor: where it is refuted there is no answer.
        exhausted = state.watch.exhausted | (fired & (watch.left < 1))
        return Round(part, watch), Answer(means[part], exhausted=exhausted)

    def left(self, state: Round) -> Any:
        return state.watch.left

    def privacy(self, sizes: SampleSizes, queries: int, uses: int, delta: float) -> Privacy:
        """Of the validation set; the parts are not private at all."""
        return Privacy.composed((self.checks.epsilon(self.split(sizes.holdout)[1]),), self.rounds, delta)

    def guarantees(self, sizes: SampleSizes, queries: int, beta: float) -> tuple[Guarantee, ...]:
        """For confirmed answers by the privacy of the validation set, for the first of a round because its part is
        fresh; each fails with half of `beta`."""
        size = self.split(sizes.holdout)[0]
        if not size:
            return ()
        confirmed = transferred(
            lambda failure: self.checks.reach(queries, failure),
            lambda delta: self.privacy(sizes, queries, 0, delta),
            beta / 2.0,
        )
        first = of_fresh_sample(size, self.rounds, beta / 2.0, adaptive=True)
        return (Guarantee(max(confirmed.tau, first.tau), beta, True, f"{confirmed.source}; {first.source}"),)
