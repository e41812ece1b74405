"""Preconditioned conjugate gradients.

With `r = b - A x`, `z = M^-1 r` and `p = z`,

    a = (r.z) / (p.A p),   x <- x + a p,   r' = r - a A p,   z' = M^-1 r',   p <- z' + (r'.z') / (r.z) p

which are conjugate gradients for `M^-1/2 A M^-1/2`.
"""

from typing import Any, ClassVar

from ..core import Paper, check_instance
from ._krylov import Outcome, conjugate_gradients
from ._papers import CG
from ._papers import PCG as PCG_PAPER
from ._preconditioner import AbstractPreconditioner, Jacobi
from ._problem import SettledSystem
from ._solve import AbstractLinearSolver


class PCG(AbstractLinearSolver):
    """Conjugate gradients with a symmetric preconditioner.

    **Arguments:** `preconditioner`: `Jacobi()`, `SSOR(omega)`, `IncompleteCholesky()` or `AMG()`; `tol`: stops at
    `|r| <= tol |b|`; `max_steps`: largest number of iterations; `history`: keep all norms of residuals, not only the
    first and the last, which are enough in a large batch.

    **Returns:** a frozen method for `linalg.solve`.

    **Raises:** `ValueError` for numbers out of range or a preconditioner that is not symmetric, such as `SOR`;
    `TypeError` for what is no preconditioner.

    Source: Meijerink & van der Vorst 1977.

    >>> import numpy as np
    >>> from perturbax import linalg
    >>> system = linalg.LinearSystem(np.diag([1.0, 2.0, 3.0]), np.ones(3))
    >>> int(linalg.solve(system, linalg.PCG(linalg.Jacobi())).iterations)
    1
    """

    preconditioner: AbstractPreconditioner = Jacobi()
    tol: float = 1e-6
    max_steps: int = 1000
    history: bool = True

    papers: ClassVar[tuple[Paper, ...]] = (PCG_PAPER, CG)

    def __check_init__(self):
        check_instance("preconditioner", self.preconditioner, AbstractPreconditioner, "such as Jacobi()")
        if not self.preconditioner.symmetric:
            name = type(self.preconditioner).__name__
            raise ValueError(f"preconditioner must be symmetric for conjugate gradients, got {name}; SSOR is")

    def prepare(self, system: SettledSystem) -> tuple[Any, dict[str, Any]]:
        return self.preconditioner.prepare(system.operator), {}

    def iterate(self, system: SettledSystem, prepared: Any) -> Outcome:
        return conjugate_gradients(system, prepared, self.tol, self.max_steps, self.history)
