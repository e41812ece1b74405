"""Hyper-reduction that knows when it is wrong, and then learns.

rho(t) = |Pi_S z - p_S| / max_{s <= t} |p_S(s)|,      z by gappy POD          the indicator of a reduced step
E(t)  <= calibration(rho(t))                                                  learned on the training histories
calibration(rho(t)) > tol:   one step of the full model, enrich Psi, Pi and the quadrature, go on
"""

import math
from typing import ClassVar

from ..core import Paper, check_instance, check_number
from ..systems import Viscoplastic
from ._calibration import AbstractCalibration, GaussianProcess
from ._march import march
from ._papers import ADAPTIVE_ROM
from ._reduced import ReducedModel
from ._simulate import AbstractReduction, RomSolution
from ._training import calibrated, compress


class AdaptivePODECM(AbstractReduction):
    """POD and empirical cubature with an error indicator, and single steps of the full model where that is too large.

    The plasticity at the points of the quadrature is known at every step; what the modes of the training histories
    cannot represent of it has not been seen in training. The indicator is blind as long as nothing yields. The
    regression from indicator to error is ours, the paper's is not reproduced.

    **Arguments:**

    - `eps_pod`, `eps_dual`: relative errors of the snapshots of displacements, and of plasticity and stress, that the
      modes leave; a new direction that is less of a solution is not added either.
    - `eps_ecm`: relative residual of the integrals by the reduced quadrature.
    - `tol`: relative error of the plasticity above which the full model is asked; never when infinite.
    - `max_full_share`: of the steps that the full model may solve; beyond it the solution is not trusted.
    - `calibration`: from indicator to error, `GaussianProcess()` or `MaxRatio()`.

    **Returns:** a frozen method for `rom.reduce`.

    **Raises:** `ValueError` when a number is out of range, `TypeError` for another calibration.

    Source: Casenave & Akkari 2019; Algorithms 1 to 4 are POD, empirical cubature and gappy POD.

    >>> from perturbax import rom
    >>> rom.AdaptivePODECM(tol=0.05).tol
    0.05
    """

    eps_pod: float = 1e-5
    eps_dual: float = 1e-4
    eps_ecm: float = 1e-3
    tol: float = 0.1
    max_full_share: float = 0.5
    calibration: AbstractCalibration = GaussianProcess()

    papers: ClassVar[tuple[Paper, ...]] = (ADAPTIVE_ROM,)

    def __check_init__(self):
        for name in ("eps_pod", "eps_dual", "eps_ecm", "max_full_share"):
            check_number(name, getattr(self, name), minimum=0.0, maximum=1.0)
        check_number("tol", self.tol, minimum=0.0, finite=False)
        check_instance("calibration", self.calibration, AbstractCalibration, "such as GaussianProcess()")

    def build(self, problems: tuple[Viscoplastic, ...], solutions: tuple[RomSolution, ...]) -> ReducedModel:
        """See `rom.reduce`."""
        model = compress(self, problems, solutions, self.eps_ecm)
        return calibrated(model, self.calibration, problems, solutions)

    def march(self, problem: Viscoplastic, model: ReducedModel) -> RomSolution:
        """See `rom.simulate`."""
        budget = 0 if math.isinf(self.tol) else math.floor(self.max_full_share * problem.steps)
        return march(problem, model, tol=self.tol, budget=budget)
