"""Flexible conjugate gradients: a preconditioner that is another one at every step, such as a network.

    z = f(r),    d = z - sum_{j} (z.A d_j) / (d_j.A d_j) d_j  over the last m,    a = (r.d) / (d.A d),    x <- x + a d

With `m = 1` and a fixed symmetric preconditioner it is `PCG`.
"""

from collections.abc import Callable
from typing import Any, ClassVar

from ..core import Paper, check_integer
from ._krylov import Outcome, conjugate_directions
from ._network import Proposal, check_network
from ._papers import FLEXIBLE_CG
from ._problem import SettledSystem
from ._solve import AbstractLinearSolver


class FlexibleCG(AbstractLinearSolver):
    """Flexible conjugate gradients with a function or network as preconditioner, and without a safeguard.

    **Arguments:** `network`: a function from residuals to directions; `memory`: directions that a new one is made
    conjugate to; `tol`: stops at `|r| <= tol |b|`; `max_steps`: largest number of iterations.

    **Returns:** a frozen method for `linalg.solve`.

    **Raises:** `TypeError` for a network that cannot be called, `ValueError` for numbers out of range.

    Source: Notay 2000.

    >>> import numpy as np
    >>> from perturbax import linalg
    >>> system = linalg.LinearSystem(np.diag([1.0, 2.0, 4.0]), np.ones(3))
    >>> int(linalg.solve(system, linalg.FlexibleCG(lambda r: r / np.array([1.0, 2.0, 4.0]))).iterations)
    1
    """

    network: Callable
    memory: int = 1
    tol: float = 1e-6
    max_steps: int = 1000

    papers: ClassVar[tuple[Paper, ...]] = (FLEXIBLE_CG,)

    def __check_init__(self):
        check_network(self.network)
        check_integer("memory", self.memory, minimum=1)

    def iterate(self, system: SettledSystem, prepared: Any) -> Outcome:
        # The residual by recursion, as in conjugate gradients: it is never computed anew.
        return conjugate_directions(
            system,
            Proposal(self.network),
            self.tol,
            self.max_steps,
            memory=self.memory,
            refresh=self.max_steps + 1,
            sufficient_decrease=0.0,
        )
