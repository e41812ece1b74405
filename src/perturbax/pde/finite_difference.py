"""The full equations by finite volumes and an implicit Runge-Kutta method.

    dc_i/dt + d(u c_i)/dx = D_i d2c_i/dx2 - alpha dq_i/dt,    dq_i/dt = k_a,i c_i theta(q) - k_d,i q_i

on equal cells, with the flux at a face from cells beside it (`systems.column.UpwindBiased()` and others), in steps that
end at every wanted time and every edge of the pulse; see `systems.column.march`.
"""

from typing import ClassVar

import numpy as np
from jaxtyping import Float

from ..core import Paper, Result, check_instance, check_integer
from ..systems.column import AbstractScheme, Injection, UpwindBiased, march, time_grid
from ._papers import DIAGONALLY_IMPLICIT, GAS_CHROMATOGRAPH
from ._simulate import AbstractSimulation, Outcome


class FiniteDifference(AbstractSimulation):
    """The full equations: competition, dispersion, and a velocity that varies. The reference for everything else.

    Conserves matter to rounding. Explicit steppers and steppers with a dense Jacobian cost far more: the gas passes a
    cell hundreds of times faster than a peak does, and there are `2 m cells` unknowns.

    **Arguments:**

    - `cells`: along the column.
    - `scheme`: `UpwindBiased()`, third order; `Central()`, second; `Upwind()`, first.
    - `steps`: of time, at least; more where the wanted times or the pulse ask for it.

    **Returns:** a frozen method for `pde.simulate`.

    **Raises:** `TypeError`, `ValueError` for numbers that are too small or another scheme; `SolverError`, when used,
    when a step does not settle.

    Source: Cabrera-Codony et al. 2024, arXiv 2501.00001; the steps are those of Alexander 1977.

    >>> import numpy as np
    >>> from perturbax import pde
    >>> from perturbax.systems import column
    >>> apparatus = column.GasColumn(1.0, column.ConstantFlow(1.0))
    >>> sample = column.Injection(apparatus, column.Linear([60.0], [1.0]), column.Rectangle(1.0))
    >>> found = pde.simulate(sample, pde.FiniteDifference(cells=100), np.array([60.0]))
    >>> found.concentration.round(4).tolist(), bool(abs(found.balance[0]) < 1e-10)
    ([[0.0366]], True)
    """

    cells: int = 400
    scheme: AbstractScheme = UpwindBiased()
    steps: int = 2000

    papers: ClassVar[tuple[Paper, ...]] = (GAS_CHROMATOGRAPH, DIAGONALLY_IMPLICIT)

    def __check_init__(self):
        check_integer("cells", self.cells, minimum=4)
        check_instance("scheme", self.scheme, AbstractScheme, "a scheme such as systems.column.Central()")
        check_integer("steps", self.steps, minimum=1)

    def elute(self, problem: Injection, times: Float[np.ndarray, " n"]) -> Outcome:
        """See `pde.simulate`."""
        grid = time_grid(times, problem.pulse.edges, times[-1] / self.steps)
        found = march(problem, self.scheme, grid, self.cells)
        injected, eluted, held = (np.asarray(value) for value in (found.injected, found.eluted, found.held))
        # A first time before the pulse has begun: nothing is in the column, and nothing is missing.
        balance = (injected - eluted - held) / np.where(injected > 0.0, injected, 1.0)
        finite = np.isfinite(np.asarray(found.outlet)).all()
        result = Result.successful if found.settled else Result.max_steps
        return Outcome(
            found.outlet,
            {"evaluations": 2 * grid.ends.size, "cells": self.cells, "repetitions": int(found.repetitions)},
            None if problem.kinetics.linear else float(found.occupied),
            balance,
            result if finite else Result.nonfinite,
        )
