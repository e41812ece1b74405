"""Conjugate gradients.

With `r = b - A x` and `p = r`,

    a = (r.r) / (p.A p),   x <- x + a p,   r' = r - a A p,   p <- r' + (r'.r') / (r.r) p

minimises the error's A-norm over the Krylov space of `r`: after `k` steps it is at most `2 ((s - 1) / (s + 1))^k` times
the first, with the root `s` of the condition number.
"""

from typing import Any, ClassVar

from ..core import Paper
from ._krylov import Outcome, conjugate_gradients, identity
from ._papers import CG as CG_PAPER
from ._problem import SettledSystem
from ._solve import AbstractLinearSolver


class CG(AbstractLinearSolver):
    """Conjugate gradients, of Hestenes and Stiefel.

    For well conditioned systems, and where nothing is known but a function. `conjugate_gradients` of this package is
    the same iteration for complex Hermitian systems, without a history.

    **Arguments:** `tol`: stops at `|r| <= tol |b|`; `max_steps`: largest number of iterations.

    **Returns:** a frozen method for `linalg.solve`.

    **Raises:** `ValueError` for numbers out of range.

    Source: Hestenes & Stiefel 1952.

    >>> import numpy as np
    >>> from perturbax import linalg
    >>> int(linalg.solve(linalg.LinearSystem(np.diag([1.0, 1.0, 3.0]), np.ones(3)), linalg.CG()).iterations)
    2
    """

    tol: float = 1e-6
    max_steps: int = 1000

    papers: ClassVar[tuple[Paper, ...]] = (CG_PAPER,)

    def iterate(self, system: SettledSystem, prepared: Any) -> Outcome:
        return conjugate_gradients(system, identity, self.tol, self.max_steps)
