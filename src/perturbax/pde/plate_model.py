"""Plate theory: equilibrium on every one of `N` plates, from which the gas carries to the next.

A step leaves `N` stirred plates, each with the mean time `t_R / N`, as a cumulated gamma distribution,

    c(t) = P(N, N t / t_R),     t_R = T0 (1 + alpha k_a / k_d),

whose standard deviation is `t_R / sqrt N` for every component; for many plates all of it moves with `t_R`.
"""

from typing import ClassVar

import numpy as np
from jaxtyping import Float
from scipy.special import gammainc

from ..core import Paper, check_number
from ..systems.column import Injection
from ._papers import PLATES
from ._simulate import AbstractLinearSimulation, Outcome


class PlateModel(AbstractLinearSimulation):
    """Exchange in equilibrium, with one number of plates for all that widens a peak: the baseline of the textbooks.

    **Arguments:** `plates`: their number, the same for all components.

    **Returns:** a frozen method for `pde.simulate`.

    **Raises:** `TypeError`, `ValueError` for a number below 1.

    Source: Martin & Synge 1941.

    >>> import numpy as np
    >>> from perturbax import pde
    >>> from perturbax.systems import column
    >>> apparatus = column.GasColumn(1.0, column.ConstantFlow(1.0))
    >>> sample = column.Injection(apparatus, column.Linear([60.0], [1.0]), column.Rectangle(1.0))
    >>> pde.simulate(sample, pde.PlateModel(31.0), np.array([60.0])).concentration.round(4).tolist()
    [[0.0369]]
    """

    plates: float = 1000.0

    papers: ClassVar[tuple[Paper, ...]] = (PLATES,)

    def __check_init__(self):
        check_number("plates", self.plates, minimum=1.0)

    def elute(self, problem: Injection, times: Float[np.ndarray, " n"]) -> Outcome:
        """See `pde.simulate`."""
        begins, heights = problem.pulse.steps(64)
        passed = np.maximum(times[:, None] - begins, 0.0)
        t_R = problem.retention_times[:, None, None]
        relative = gammainc(self.plates, self.plates * passed / t_R) @ heights
        scale = problem.concentration * problem.column.flow.expansion
        return Outcome(scale[:, None] * relative, {"evaluations": problem.components * passed.size})
