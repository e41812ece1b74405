"""The full model: every step by finite elements.

r(u) = F - int sigma(eps(u), history) : eps(v) = 0    by Newton with the consistent tangent
"""

from typing import ClassVar

from ..core import Paper
from ..systems import Viscoplastic
from ._papers import INELASTICITY
from ._simulate import AbstractFullMethod, RomSolution
from ._training import solve_fully


class FullOrder(AbstractFullMethod):
    """Finite elements for every step: the reference, and what training histories are solved by.

    Newton ends at 1e-8 of the largest residual of the unmoved body over all times.

    **Returns:** a frozen method for `rom.simulate`.

    **Raises:** `SolverError`, when used, when Newton does not converge in 50 steps.

    Source: Simo & Hughes 1998.

    >>> from perturbax import rom
    >>> rom.FullOrder()
    FullOrder()
    """

    papers: ClassVar[tuple[Paper, ...]] = (INELASTICITY,)

    def simulate(self, problem: Viscoplastic) -> RomSolution:
        """See `rom.simulate`."""
        return solve_fully(problem)
