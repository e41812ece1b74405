"""Galerkin's method in a POD basis, with the full quadrature.

sum_{all x} w_x sigma(eps(Psi) a)_x : eps(Psi_i)_x = F_i
"""

from typing import ClassVar

from ..core import Paper, check_number
from ..systems import Viscoplastic
from ._march import march
from ._papers import SNAPSHOTS
from ._reduced import ReducedModel
from ._simulate import AbstractReduction, RomSolution
from ._training import compress


class PODGalerkin(AbstractReduction):
    """Few unknowns, but the law at every quadrature point of the mesh: what hyper-reduction is compared with.

    **Arguments:** `eps_pod`, `eps_dual`: relative errors of the snapshots of displacements, and of plasticity and
    stress, that the modes leave.

    **Returns:** a frozen method for `rom.reduce`.

    **Raises:** `ValueError` when a number is out of range.

    Source: Sirovich 1987.

    >>> from perturbax import rom
    >>> rom.PODGalerkin().eps_pod
    1e-05
    """

    eps_pod: float = 1e-5
    eps_dual: float = 1e-4

    papers: ClassVar[tuple[Paper, ...]] = (SNAPSHOTS,)

    def __check_init__(self):
        for name in ("eps_pod", "eps_dual"):
            check_number(name, getattr(self, name), minimum=0.0, maximum=1.0)

    def build(self, problems: tuple[Viscoplastic, ...], solutions: tuple[RomSolution, ...]) -> ReducedModel:
        """See `rom.reduce`."""
        return compress(self, problems, solutions, None)

    def march(self, problem: Viscoplastic, model: ReducedModel) -> RomSolution:
        """See `rom.simulate`."""
        return march(problem, model)
