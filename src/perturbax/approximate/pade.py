"""Padé approximants: the quotient of polynomials that agrees with a Taylor series to the highest order.

    p(t) - q(t) f(x_0 + t) = O(t^(m + n + 1)),     deg p = m,  deg q = n

Baker & Graves-Morris 1996, *Padé Approximants*.
"""

from typing import Any, ClassVar

import numpy as np
from scipy.interpolate import pade

from ..core import Paper, check_integer, check_number
from . import _papers
from ._fit import AbstractFitMethod, Approximation
from ._polynomials import approximated, moved, settle_centre, taylor_coefficients
from ._program import rational
from ._target import Target


class Pade(AbstractFitMethod):
    """A Padé approximant of a function in JAX.

    **Arguments:** `numerator`, `denominator`: the degrees `m` and `n`; `centre`: `x_0`, by default the middle of the
    interval.

    **Returns:** a frozen method for `approximate.fit` on a `Target`.

    **Raises:** `ValueError` for degrees out of range; `TypeError` for functions that JAX cannot differentiate. A pole
    in the interval shows in a huge error, and in a certificate that proves nothing.

    Source: Baker & Graves-Morris 1996.

    >>> import jax.numpy as jnp
    >>> from perturbax import approximate
    >>> found = approximate.fit(approximate.Target(jnp.exp, 0.0, 1.0), approximate.Pade(1, 1, centre=0.0))
    >>> found.stats["operations"], round(float(found([0.1])[0]), 6)
    (4, 1.105263)
    """

    numerator: int = 2
    denominator: int = 2
    centre: float | None = None

    problems: ClassVar[tuple[type, ...]] = (Target,)
    papers: ClassVar[tuple[Paper, ...]] = (_papers.PADE,)

    def __check_init__(self):
        check_integer("numerator", self.numerator, minimum=0, maximum=15)
        check_integer("denominator", self.denominator, minimum=1, maximum=15)
        if self.centre is not None:
            check_number("centre", self.centre)

    def approximate(self, problem: Target, key: Any) -> Approximation:
        centre, order = settle_centre(problem, self.centre), self.numerator + self.denominator
        p, q = pade(taylor_coefficients(problem, centre, order), self.denominator, self.numerator)
        p, q = (
            np.pad(side.c[::-1], (0, n + 1 - side.c.size)) for side, n in ((p, self.numerator), (q, self.denominator))
        )
        return approximated(problem, rational(moved(p, centre), moved(q, centre)), order + 1)
