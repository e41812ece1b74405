"""Hyper-reduction that is enriched without asking whether it is wrong.

k = floor((i + 1/2) steps / solves):   one step of the full model, enrich, go on
"""

from typing import ClassVar

import numpy as np

from ..core import Paper, check_integer, check_number
from ..systems import Viscoplastic
from ._march import march
from ._papers import CUBATURE
from ._reduced import ReducedModel
from ._simulate import AbstractReduction, RomSolution
from ._training import compress


class BlindPODECM(AbstractReduction):
    """POD and empirical cubature with steps of the full model at equal distances: what an indicator has to beat.

    **Arguments:**

    - `eps_pod`, `eps_dual`: relative errors of the snapshots of displacements, and of plasticity and stress, that the
      modes leave; a new direction that is less of a solution is not added either.
    - `eps_ecm`: relative residual of the integrals by the reduced quadrature.
    - `solves`: steps of the full model; all of a history that has no more.

    **Returns:** a frozen method for `rom.reduce`.

    **Raises:** `ValueError` when a number is out of range.

    Source: Hernández, Caicedo & Ferrer 2017, with an enrichment of ours.

    >>> from perturbax import rom
    >>> rom.BlindPODECM(solves=3).solves
    3
    """

    eps_pod: float = 1e-5
    eps_dual: float = 1e-4
    eps_ecm: float = 1e-3
    solves: int = 5

    papers: ClassVar[tuple[Paper, ...]] = (CUBATURE,)

    def __check_init__(self):
        for name in ("eps_pod", "eps_dual", "eps_ecm"):
            check_number(name, getattr(self, name), minimum=0.0, maximum=1.0)
        check_integer("solves", self.solves, minimum=0)

    def build(self, problems: tuple[Viscoplastic, ...], solutions: tuple[RomSolution, ...]) -> ReducedModel:
        """See `rom.reduce`."""
        return compress(self, problems, solutions, self.eps_ecm)

    def march(self, problem: Viscoplastic, model: ReducedModel) -> RomSolution:
        """See `rom.simulate`."""
        forced = np.zeros(problem.steps, bool)
        chosen = (np.arange(self.solves) + 0.5) * problem.steps / max(self.solves, 1)
        forced[np.floor(chosen).astype(int)] = True
        return march(problem, model, forced=forced, budget=int(forced.sum()))
