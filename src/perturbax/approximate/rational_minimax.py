"""Minimax quotients of polynomials by re-weighted least squares.

A quotient `p / q` with `deg p = m` and `deg q = n` starts from the least-squares solution of the linear problem
`p(x_j) - f(x_j) q(x_j) = 0`; its coefficients are then tuned as those of any program, by the iteration of `Lawson`,
until the largest error is level. Lawson 1961 gave the iteration for polynomials.
"""

from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np

from ..core import Paper, check_instance, check_integer, float64
from . import _papers
from ._fit import AbstractFitMethod, Approximation
from ._lawson import Lawson
from ._polynomials import approximated
from ._program import Program, rational
from ._target import Target


class RationalMinimax(AbstractFitMethod):
    """The quotient with (nearly) the smallest largest error.

    **Arguments:** `numerator`, `denominator`: the degrees; `tuner`: the iteration.

    **Returns:** a frozen method for `approximate.fit` on a `Target`.

    **Raises:** `TypeError`, `ValueError` for hyper-parameters out of range; `SolverError` when a value is not
    finite.

    Source: Lawson 1961; the exponent of the weights is that of `Lawson`.

    >>> import jax.numpy as jnp
    >>> from perturbax import approximate
    >>> target = approximate.Target(jnp.exp2, 0.0, 1.0)
    >>> found = approximate.fit(target, approximate.RationalMinimax(1, 1))
    >>> found.stats["operations"], found.error < 9e-4
    (4, True)
    """

    numerator: int = 2
    denominator: int = 2
    tuner: Lawson = Lawson(steps=60, points=200)

    problems: ClassVar[tuple[type, ...]] = (Target,)
    papers: ClassVar[tuple[Paper, ...]] = (_papers.LAWSON,)

    def __check_init__(self):
        check_integer("numerator", self.numerator, minimum=0, maximum=10)
        check_integer("denominator", self.denominator, minimum=1, maximum=10)
        check_instance("tuner", self.tuner, Lawson, "a Lawson()")

    def approximate(self, problem: Target, key: Any) -> Approximation:
        x = self.tuner.grid(problem.lower, problem.upper)
        f = problem.truth(x)
        u = problem.units(f)
        m, n = self.numerator, self.denominator
        # The denominator's constant term is 1, so that a pole at infinity is possible and one at 0 is not.
        system = np.column_stack([np.vander(x, m + 1, True), -f[:, None] * np.vander(x, n + 1, True)[:, 1:]])
        c = np.linalg.lstsq(system / u[:, None], f / u, rcond=None)[0]
        start = rational(c[: m + 1], np.concatenate([[1.0], c[m + 1 :]]))
        with float64():
            batch = (start.code[None], np.array([start.output]), start.constants[None])
            tuned = self.tuner.tune(*(jnp.asarray(part) for part in (*batch, x, f, u)))
            tuned = np.asarray(tuned[0])
        program = Program(start.code, tuned, start.output)
        return approximated(problem, program, self.tuner.evaluations)
