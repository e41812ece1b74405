"""Thresholdout: the reusable holdout.

Training records `S_t`, holdout `S_h`, threshold `T`, noise scale `sigma`, budget `B`. With `gamma ~ Noise(2 sigma)`,
for each query with `xi ~ Noise(sigma)` and `eta ~ Noise(4 sigma)`, as long as `B >= 1`,

    |E_{S_h} phi - E_{S_t} phi| > T + gamma + eta:   a = E_{S_h} phi + xi,  B <- B - 1,  gamma drawn again
    else:                                            a = E_{S_t} phi, free of charge

In theory (Laplace noise) `T = 3 tau / 4` and `sigma = tau / (96 ln(4 m / beta))`. In practice (Gaussian noise)
`T = 4 / sqrt(n)`, `sigma = 1 / sqrt(n)`, with `gamma = 0` and `eta ~ N(0, sigma^2)`.
"""

import math
from typing import Any, ClassVar

import jax.numpy as jnp

from ..core import Paper, check_instance, check_integer, check_number
from ._answer_queries import AbstractQueryMethod, Answer
from ._corrected_guess import corrected, guarantees_of_corrections, privacy_of
from ._guarantee import Guarantee, Privacy
from ._query_noise import AbstractNoise, Laplace, Normal
from ._query_papers import HOLDOUT_REUSE, REUSABLE_HOLDOUT
from ._query_values import QueryValues, SampleSizes, given
from ._threshold_check import ThresholdCheck, Watch


class Thresholdout(AbstractQueryMethod):
    """Answers from the training records and consults the holdout only where it disagrees.

    **Arguments:**

    - `threshold`: `T`; `scale`: `sigma`; in units of the range of the queries.
    - `budget`: `B`, how often the holdout may disagree.
    - `noise`: `Laplace()`, or `Normal()`, for which nothing is guaranteed here.
    - `drift`, `check`: noise of the threshold and of the comparison, as multiples of `sigma`.

    **Returns:** a frozen method for `stats.answer_queries`.

    **Raises:** `ValueError` or `TypeError` when one is out of range; when used, without training records.

    Source: Dwork et al. 2015 (NIPS, arXiv 1506.02629); (Science) for `practice`.

    >>> from perturbax import stats
    >>> method = stats.Thresholdout.practice(10_000)
    >>> method.threshold, method.scale
    (0.04, 0.01)
    """

    threshold: float
    scale: float
    budget: int
    noise: AbstractNoise = Laplace()
    drift: float = 2.0
    check: float = 4.0

    papers: ClassVar[tuple[Paper, ...]] = (HOLDOUT_REUSE, REUSABLE_HOLDOUT)

    def __check_init__(self):
        check_number("threshold", self.threshold, minimum=0.0)
        check_number("scale", self.scale, minimum=0.0)
        check_integer("budget", self.budget, minimum=1)
        check_instance("noise", self.noise, AbstractNoise, "Laplace() or Normal()")
        check_number("drift", self.drift, minimum=0.0)
        check_number("check", self.check, minimum=0.0)

    @classmethod
    def theory(cls, tau: float, *, queries: int, budget: int, beta: float = 0.05) -> "Thresholdout":
        """With the paper's constants: errors of at most `tau` in that many queries, except with probability `beta`."""
        tau = check_number("tau", tau, minimum=0.0, exclusive=True)
        beta = check_number("beta", beta, minimum=0.0, maximum=1.0, exclusive=True)
        sigma = tau / (96.0 * math.log(4.0 * check_integer("queries", queries, minimum=1) / beta))
        return cls(3.0 * tau / 4.0, sigma, budget)

    @classmethod
    def practice(cls, n: int, budget: int | None = None) -> "Thresholdout":
        """As in the experiments, for a holdout of `n` records; a budget of `n` by default."""
        root = math.sqrt(check_integer("n", n, minimum=1))
        return cls(4.0 / root, 1.0 / root, n if budget is None else budget, Normal(), drift=0.0, check=1.0)

    @property
    def checks(self) -> ThresholdCheck:
        return ThresholdCheck(self.threshold, self.scale, self.budget, self.noise, self.drift, self.check)

    def init(self, sizes: SampleSizes, key: Any) -> Watch:
        if sizes.train is None:
            raise ValueError("train is needed: Thresholdout compares training values with the holdout")
        return self.checks.init(key)

    def answer(self, state: Watch, values: QueryValues, key: Any) -> tuple[Watch, Answer]:
        train, holdout = jnp.mean(given(values.train)), jnp.mean(values.holdout)
        after, fired, a = corrected(self.checks, state, train, holdout, key)
        return after, Answer(a, used_holdout=fired, exhausted=state.exhausted)

    def left(self, state: Watch) -> Any:
        return state.left

    def privacy(self, sizes: SampleSizes, queries: int, uses: int, delta: float) -> Privacy:
        return privacy_of(self.checks, sizes, uses, delta)

    def guarantees(self, sizes: SampleSizes, queries: int, beta: float) -> tuple[Guarantee, ...]:
        return guarantees_of_corrections(self.checks, sizes, queries, beta)
