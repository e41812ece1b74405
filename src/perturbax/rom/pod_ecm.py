"""Hyper-reduction by empirical cubature.

sum_{x in S} w_x sigma(eps(Psi) a)_x : eps(Psi_i)_x = F_i,      S and w by nonnegative orthogonal matching pursuit
"""

from typing import ClassVar

from ..core import Paper, check_number
from ..systems import Viscoplastic
from ._march import march
from ._papers import CUBATURE
from ._reduced import ReducedModel
from ._simulate import AbstractReduction, RomSolution
from ._training import compress


class PODECM(AbstractReduction):
    """A POD basis and a quadrature with few points: cost independent of the mesh, and right only near the training.

    The indicator of each step comes with it and says when it is not; nothing is done about it. Positive weights keep
    the tangent symmetric and positive.

    **Arguments:**

    - `eps_pod`, `eps_dual`: relative errors of the snapshots of displacements, and of plasticity and stress, that the
      modes leave.
    - `eps_ecm`: relative residual of the integrals by the reduced quadrature.

    **Returns:** a frozen method for `rom.reduce`.

    **Raises:** `ValueError` when a number is out of range.

    Source: Hernández, Caicedo & Ferrer 2017.

    >>> from perturbax import rom
    >>> rom.PODECM(eps_ecm=1e-2).eps_ecm
    0.01
    """

    eps_pod: float = 1e-5
    eps_dual: float = 1e-4
    eps_ecm: float = 1e-3

    papers: ClassVar[tuple[Paper, ...]] = (CUBATURE,)

    def __check_init__(self):
        for name in ("eps_pod", "eps_dual", "eps_ecm"):
            check_number(name, getattr(self, name), minimum=0.0, maximum=1.0)

    def build(self, problems: tuple[Viscoplastic, ...], solutions: tuple[RomSolution, ...]) -> ReducedModel:
        """See `rom.reduce`."""
        return compress(self, problems, solutions, self.eps_ecm)

    def march(self, problem: Viscoplastic, model: ReducedModel) -> RomSolution:
        """See `rom.simulate`."""
        return march(problem, model)
