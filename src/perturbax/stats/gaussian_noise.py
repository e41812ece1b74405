"""Gaussian noise on every answer.

    a_j = E_S phi_j + N(0, sigma^2),   rho_1 = 1 / (2 n^2 sigma^2) each,   rho = m rho_1 for m answers            (1)

The expected bias of a query chosen from the transcript is at most `sqrt(m) / (2 n sigma)`, which together with the
noise itself is least at

    sigma* = m^(1/4) / sqrt(2 n):   an error of about m^(1/4) / sqrt(n), so n ~ sqrt(m) / tau^2 records           (2)
"""

import math
from typing import Any, ClassVar

from ..core import Paper, check_integer, check_number
from ._additive_noise import AbstractAdditiveNoise
from ._guarantee import Privacy
from ._query_noise import AbstractNoise, Normal
from ._query_papers import CONCENTRATED, VALIDITY


class GaussianNoise(AbstractAdditiveNoise):
    """The sample mean with Gaussian noise: order `n^2` adaptive queries instead of order `n`.

    **Arguments:** `sigma`: standard deviation, in units of the range of the queries.

    **Returns:** a frozen method for `stats.answer_queries`.

    **Raises:** `ValueError` when it is not positive.

    Source: Bun & Steinke 2016 (arXiv 1605.02065) for equation 1; Dwork et al. 2015 (STOC, arXiv 1411.2664) for the
    idea.

    >>> from perturbax import stats
    >>> round(stats.GaussianNoise.optimal(n=1000, queries=2000).sigma, 3)
    0.15
    """

    sigma: float

    memoryless: ClassVar[bool] = True
    papers: ClassVar[tuple[Paper, ...]] = (VALIDITY, CONCENTRATED)

    def __check_init__(self):
        check_number("sigma", self.sigma, minimum=0.0, exclusive=True)

    @classmethod
    def optimal(cls, n: int, queries: int) -> "GaussianNoise":
        """Equation (2)."""
        n, queries = check_integer("n", n, minimum=1), check_integer("queries", queries, minimum=1)
        return cls(queries**0.25 / math.sqrt(2 * n))

    @classmethod
    def of_rho(cls, rho: float, n: int, queries: int) -> "GaussianNoise":
        """With `rho` spent by all answers together."""
        rho = check_number("rho", rho, minimum=0.0, exclusive=True)
        n, queries = check_integer("n", n, minimum=1), check_integer("queries", queries, minimum=1)
        return cls(math.sqrt(queries / (2.0 * rho)) / n)

    @property
    def noise(self) -> AbstractNoise:
        return Normal()

    @property
    def noise_scale(self) -> Any:
        return self.sigma

    def spent(self, n: int, queries: int, delta: float) -> Privacy:
        return Privacy.concentrated(queries / (2.0 * (n * self.sigma) ** 2), delta)
