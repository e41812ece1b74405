"""Minimax polynomials by Remez' exchange.

Trefethen 2013, *Approximation Theory and Approximation Practice*. The best polynomial of degree `d` in the unit `u` of
the target has an error that alternates between `+E` and `-E` at `d + 2` points. Given such points, a linear system for
the coefficients and `E`,

    p(x_i) + (-1)^i E u(x_i) = f(x_i)

then the points move to the extrema of `(f - p) / u`, until these are equal to a part in `1 / tolerance`.
"""

from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float
from numpy.polynomial import Chebyshev as Series
from numpy.polynomial import chebyshev

from ..core import Paper, Result, SolverError, check_integer, check_number
from . import _papers
from ._fit import AbstractFitMethod, Approximation
from ._polynomials import approximated, monomials
from ._program import horner
from ._target import Target

_GRID = 200  # points for each point of the alternation, on which extrema are looked for


class Remez(AbstractFitMethod):
    """The polynomial with the smallest largest error.

    **Arguments:** `degree`; `max_steps`: exchanges; `tolerance`: by how much of the largest the extrema may differ.

    **Returns:** a frozen method for `approximate.fit` on a `Target`; `stats` has the equal error `"levelled"`.

    **Raises:** `ValueError` for hyper-parameters out of range; `SolverError` when the exchange does not converge, as
    for functions that are not continuous.

    Source: Trefethen 2013.

    >>> import jax.numpy as jnp
    >>> from perturbax import approximate
    >>> found = approximate.fit(approximate.Target(jnp.exp2, 0.0, 1.0), approximate.Remez(2))
    >>> f"{found.error:.2e}", found.stats["operations"]
    ('1.72e-03', 4)
    """

    degree: int = 3
    max_steps: int = 50
    tolerance: float = 1e-4

    problems: ClassVar[tuple[type, ...]] = (Target,)
    papers: ClassVar[tuple[Paper, ...]] = (_papers.APPROXIMATION_THEORY,)

    def __check_init__(self):
        check_integer("degree", self.degree, minimum=0, maximum=30)
        check_integer("max_steps", self.max_steps, minimum=1)
        check_number("tolerance", self.tolerance, minimum=0.0, exclusive=True)

    def approximate(self, problem: Target, key: Any) -> Approximation:
        m = self.degree + 2
        t = -np.cos(np.linspace(0.0, np.pi, _GRID * m + 1))
        x = 0.5 * (problem.lower + problem.upper) + 0.5 * (problem.upper - problem.lower) * t
        f = problem.truth(x)
        u = problem.units(f)
        basis = chebyshev.chebvander(t, self.degree)
        chosen = np.arange(m) * ((len(t) - 1) // (m - 1))
        signs = (-1.0) ** np.arange(m)
        # Below this the error is that of the arithmetic, and does not alternate.
        rounding = 100.0 * np.finfo(float).eps * np.abs(f / u).max()
        # Residuals are known up to this: errors that differ by less are level.
        noise = 0.1 * rounding
        for steps in range(1, self.max_steps + 1):
            system = np.column_stack([basis[chosen], signs * u[chosen]])
            *c, E = np.linalg.solve(system, f[chosen])
            error = (f - basis @ np.array(c)) / u
            largest = np.abs(error).max()
            if largest <= max(abs(E) * (1.0 + self.tolerance) + noise, rounding):
                series = Series(c, domain=[problem.lower, problem.upper])
                program = horner(monomials(series))
                return approximated(problem, program, len(t), steps=steps, levelled=abs(float(E)))
            chosen = _alternation(error, m)
        raise SolverError(f"Remez: after {self.max_steps} exchanges. {Result[Result.max_steps]}")


def _alternation(error: Float[np.ndarray, " n"], count: int) -> np.ndarray:
    """Places where the error is extreme with alternating signs, around the largest."""
    starts = np.flatnonzero(np.diff(np.signbit(error))) + 1
    runs = np.split(np.arange(error.size), starts)
    peaks = [int(run[np.argmax(np.abs(error[run]))]) for run in runs]
    while len(peaks) > count:
        # An end goes; when two too many alternate, so may the smallest inner pair, but ends are enough to converge.
        peaks.pop(0 if abs(error[peaks[0]]) < abs(error[peaks[-1]]) else -1)
    if len(peaks) < count:
        raise SolverError(f"Remez: the error alternates at {len(peaks)} points, {count} are needed")
    return np.array(peaks)
