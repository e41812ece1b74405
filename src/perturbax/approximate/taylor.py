"""Taylor polynomials: the derivatives at one point.

    p(x) = sum_{j=0}^d f^(j)(x_0) / j! (x - x_0)^j

written in powers of `x` and evaluated by Horner's rule with `2 d` operations. Good at the point, worst at the ends.
"""

from typing import Any, ClassVar

from ..core import Paper, check_integer, check_number
from . import _papers
from ._fit import AbstractFitMethod, Approximation
from ._polynomials import approximated, moved, settle_centre, taylor_coefficients
from ._program import horner
from ._target import Target


class Taylor(AbstractFitMethod):
    """A Taylor polynomial of a function in JAX.

    **Arguments:** `degree`; `centre`: `x_0`, by default the middle of the interval.

    **Returns:** a frozen method for `approximate.fit` on a `Target`.

    **Raises:** `ValueError` for a negative degree; `TypeError` for functions that JAX cannot differentiate.

    Source: Trefethen 2013, as the method that others improve on.

    >>> import jax.numpy as jnp
    >>> from perturbax import approximate
    >>> found = approximate.fit(approximate.Target(jnp.exp, 0.0, 1.0), approximate.Taylor(2, centre=0.0))
    >>> found.function.constants.tolist(), found.stats["operations"]
    ([1.0, 1.0, 0.5], 4)
    """

    degree: int = 3
    centre: float | None = None

    problems: ClassVar[tuple[type, ...]] = (Target,)
    papers: ClassVar[tuple[Paper, ...]] = (_papers.APPROXIMATION_THEORY,)

    def __check_init__(self):
        check_integer("degree", self.degree, minimum=0, maximum=30)
        if self.centre is not None:
            check_number("centre", self.centre)

    def approximate(self, problem: Target, key: Any) -> Approximation:
        centre = settle_centre(problem, self.centre)
        coefficients = taylor_coefficients(problem, centre, self.degree)
        return approximated(problem, horner(moved(coefficients, centre)), self.degree + 1)
