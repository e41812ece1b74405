"""Interpolation in Chebyshev points, a polynomial close to the best one.

Trefethen 2013, *Approximation Theory and Approximation Practice*. The polynomial of degree `d` through `f` at

    x_j = (lower + upper) / 2 + (upper - lower) / 2 cos((2 j + 1) pi / (2 d + 2)),     j = 0, ..., d

whose largest error exceeds the least by a factor that grows like `log d`.
"""

from typing import Any, ClassVar

from numpy.polynomial import Chebyshev as Series

from ..core import Paper, check_integer
from . import _papers
from ._fit import AbstractFitMethod, Approximation
from ._polynomials import approximated, monomials
from ._program import horner
from ._target import Target


class Chebyshev(AbstractFitMethod):
    """Chebyshev interpolation.

    **Arguments:** `degree`.

    **Returns:** a frozen method for `approximate.fit` on a `Target`.

    **Raises:** `ValueError` for a degree out of range.

    Source: Trefethen 2013.

    >>> import jax.numpy as jnp
    >>> from perturbax import approximate
    >>> found = approximate.fit(approximate.Target(jnp.exp2, 0.0, 1.0), approximate.Chebyshev(4))
    >>> found.stats["operations"], found.error < 4e-6
    (8, True)
    """

    degree: int = 3

    problems: ClassVar[tuple[type, ...]] = (Target,)
    papers: ClassVar[tuple[Paper, ...]] = (_papers.APPROXIMATION_THEORY,)

    def __check_init__(self):
        check_integer("degree", self.degree, minimum=0, maximum=30)

    def approximate(self, problem: Target, key: Any) -> Approximation:
        series: Any = Series.interpolate(problem.truth, self.degree, domain=[problem.lower, problem.upper])
        return approximated(problem, horner(monomials(series)), self.degree + 1)
