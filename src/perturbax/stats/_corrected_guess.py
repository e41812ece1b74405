"""What Thresholdout and private multiplicative weights share: a guess that the holdout corrects when it is far off."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from ._guarantee import Guarantee, Privacy, in_expectation, transferred
from ._query_values import SampleSizes
from ._threshold_check import ThresholdCheck, Watch


def corrected(
    check: ThresholdCheck, watch: Watch, guess: Any, truth: Any, key: Any
) -> tuple[Watch, Bool[Array, ""], Float[Array, ""]]:
    """The guess where it is near the sample mean, else the sample mean with noise; and whether the latter."""
    check_key, answer_key = jax.random.split(key)
    watch, fired = check(watch, jnp.abs(truth - guess), check_key)
    return watch, fired, jnp.where(fired, truth + check.noise.sample(answer_key, check.scale), guess)


def privacy_of(check: ThresholdCheck, sizes: SampleSizes, uses: int, delta: float) -> Privacy:
    """Of `uses` corrections: each is a report of the check and an answer with noise. One more report is counted for
    the checks since the last correction."""
    answer = 1.0 / (sizes.holdout * check.scale) if check.scale else float("inf")
    return Privacy.composed((check.epsilon(sizes.holdout), answer), min(uses + 1, check.budget), delta)


def guarantees_of_corrections(
    check: ThresholdCheck, sizes: SampleSizes, queries: int, beta: float
) -> tuple[Guarantee, ...]:
    """By the privacy of the whole budget."""
    if check.epsilon(sizes.holdout) == float("inf"):
        return ()
    uses = min(check.budget, queries)

    def alpha(failure: float) -> float:
        answers = check.scale * check.noise.bound(failure / (2.0 * uses))
        return max(check.reach(queries, failure / 2.0), answers)

    high = transferred(alpha, lambda delta: privacy_of(check, sizes, uses, delta), beta)
    return high, in_expectation(privacy_of(check, sizes, uses, 1e-6).rho)
