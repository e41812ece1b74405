r"""Sinkhorn's algorithm on the samples, extended to a bridge between the distributions.

Cuturi 2013: the dual potentials of discrete entropic transport, alternately

    f_i <- -eps log sum_j exp((g_j - |x_i - y_j|^2 / 2) / eps) / m,    g_j <- the same with the roles changed.

Pooladian & Niles-Weed 2024: put into the formulas of the bridge, `g` gives a law of the end for *every* start,

    P(y_j | x) = softmax_j((g_j - |x - y_j|^2 / 2) / eps),

and with it the drift `(sum_j q_j(x, t) y_j - x) / (1 - t)` of a bridge onto the samples (`DiscreteProcess`).
"""

from typing import Any, ClassVar

import equinox as eqx
import numpy as np
from jaxtyping import Array

from ..core import Paper, Result, check_integer, check_number
from . import _papers
from ._bridge import AbstractBridgeMethod, Outcome, settled_epsilon
from ._entropic import entropic_potential
from ._problem import BridgeProblem, check_reference
from ._process import DiscreteProcess
from ._reference import Brownian


class Sinkhorn(AbstractBridgeMethod):
    """Discrete entropic transport between the samples, with its plan for starts that were not among them.

    Parameter-free, and exact on the samples. Its ends are always points of `x1`, so that nothing new is made; cost and
    memory grow as the product of the sample sizes, and its error as the samples thin out in many dimensions.

    **Arguments:**

    - `points`: at most so many points of each end are used, in random order; from samplers as many.
    - `max_iterations`: of Sinkhorn's algorithm, in tens; it needs about `max |x - y|^2 / eps` of them.
    - `tolerance`: it stops when a marginal of the plan is this close in L1.

    **Returns:** a frozen method for `transport.bridge`; `losses` of the solution are empty.

    **Raises:** `ValueError` or `TypeError` that names the argument; in `bridge`, `SolverError` when the iterations did
    not converge (`throw=False` takes the plan as it is), and `ModuleNotFoundError` without ott-jax.

    Source: Cuturi 2013; Pooladian & Niles-Weed 2024 (the Sinkhorn bridge).

    >>> import jax, numpy as np
    >>> from perturbax import transport
    >>> x0 = np.random.default_rng(0).normal(size=(200, 2))
    >>> problem = transport.BridgeProblem(x0, x0 + 3.0, epsilon=0.5)
    >>> solved = transport.bridge(problem, transport.Sinkhorn(), key=jax.random.key(0))
    >>> solved.moments(x0)[0].mean(0).round().tolist()
    [3.0, 3.0]
    """

    points: int = 2000
    max_iterations: int = 2000
    tolerance: float = 1e-3

    papers: ClassVar[tuple[Paper, ...]] = (_papers.SINKHORN, _papers.PLUG_IN)

    def __check_init__(self):
        check_integer("points", self.points, minimum=1)
        check_integer("max_iterations", self.max_iterations, minimum=1)
        check_number("tolerance", self.tolerance, minimum=0.0, exclusive=True)

    def solve(self, problem: BridgeProblem, key: Any, progress: bool | None) -> Outcome:
        check_reference(problem, self, Brownian)
        x0, x1 = problem.points(key, self.points)
        epsilon = settled_epsilon(problem)
        potential, converged, iterations = _solve(self, x0, x1, epsilon)
        result = Result.where(converged, Result.successful, Result.max_steps)
        process = DiscreteProcess(log_weights=potential, points=x1, epsilon=epsilon, reference=Brownian())
        stats = {"evaluations": int(iterations), "points": (x0.shape[0], x1.shape[0])}
        return Outcome(process, np.zeros(0), result, stats)


@eqx.filter_jit
def _solve(method: Sinkhorn, x0: Array, x1: Array, epsilon: Array) -> Any:
    return entropic_potential(x0, x1, epsilon, max_iterations=method.max_iterations, tolerance=method.tolerance)
