"""The network by itself, without conjugacy: what DCDM adds is the difference to this.

    q = f(r / |r|),    x <- x + (r.q) / (q.A q) q

The network knows the error up to a factor only, so that some line search there must be; directions are not made
conjugate, and so late errors that the network does not see stay.
"""

from collections.abc import Callable
from typing import Any, ClassVar

from ..core import Paper
from ._krylov import Outcome, conjugate_directions
from ._network import Proposal, check_network
from ._papers import DCDM
from ._problem import SettledSystem
from ._solve import AbstractLinearSolver


class NetworkIteration(AbstractLinearSolver):
    """Steps along what a network proposes, with an exact line search and nothing else. A baseline.

    **Arguments:** `network`: a function from residuals to directions; `tol`: stops at `|r| <= tol |b|`; `max_steps`:
    largest number of iterations.

    **Returns:** a frozen method for `linalg.solve`.

    **Raises:** `TypeError` for a network that cannot be called, `ValueError` for numbers out of range.

    Source: a baseline for Kaneda et al. 2023, arXiv 2205.10763; with the identity it is steepest descent.

    >>> import numpy as np
    >>> from perturbax import linalg
    >>> system = linalg.LinearSystem(np.diag([1.0, 2.0]), np.ones(2))
    >>> linalg.solve(system, linalg.NetworkIteration(lambda r: r, tol=1e-8)).x.round(6).tolist()
    [1.0, 0.5]
    """

    network: Callable
    tol: float = 1e-4
    max_steps: int = 1000

    papers: ClassVar[tuple[Paper, ...]] = (DCDM,)

    def __check_init__(self):
        check_network(self.network)

    def iterate(self, system: SettledSystem, prepared: Any) -> Outcome:
        return conjugate_directions(
            system, Proposal(self.network), self.tol, self.max_steps, memory=0, refresh=1, sufficient_decrease=0.0
        )
