"""Laplace noise on every answer.

    a_j = E_S phi_j + Lap(b),   epsilon_1 = 1 / (n b) each

and for m answers the smallest of `m epsilon_1`, advanced composition and concentrated composition.
"""

from typing import Any, ClassVar

from ..core import Paper, check_integer, check_number
from ._additive_noise import AbstractAdditiveNoise
from ._guarantee import Privacy
from ._query_noise import AbstractNoise, Laplace
from ._query_papers import FOUNDATIONS, VALIDITY


class LaplaceNoise(AbstractAdditiveNoise):
    """The sample mean with Laplace noise, private without a `delta`.

    **Arguments:** `scale`: `b`, in units of the range of the queries.

    **Returns:** a frozen method for `stats.answer_queries`.

    **Raises:** `ValueError` when it is not positive.

    Source: Dwork & Roth 2014, definition 3.3; Dwork et al. 2015 (STOC, arXiv 1411.2664).

    >>> from perturbax import stats
    >>> stats.LaplaceNoise.of_epsilon(0.1, n=1000).scale
    0.01
    """

    scale: float

    memoryless: ClassVar[bool] = True
    papers: ClassVar[tuple[Paper, ...]] = (VALIDITY, FOUNDATIONS)

    def __check_init__(self):
        check_number("scale", self.scale, minimum=0.0, exclusive=True)

    @classmethod
    def of_epsilon(cls, epsilon: float, n: int) -> "LaplaceNoise":
        """With `epsilon` spent by each answer from `n` records."""
        epsilon = check_number("epsilon", epsilon, minimum=0.0, exclusive=True)
        return cls(1.0 / (check_integer("n", n, minimum=1) * epsilon))

    @property
    def noise(self) -> AbstractNoise:
        return Laplace()

    @property
    def noise_scale(self) -> Any:
        return self.scale

    def spent(self, n: int, queries: int, delta: float) -> Privacy:
        return Privacy.composed((1.0 / (n * self.scale),), queries, delta)
