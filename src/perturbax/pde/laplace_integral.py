"""The Laplace solution without dispersion: one surface for all components.

A component of the dimensionless length `X = alpha k_a T0`, in the time `T = k_d (t - T0)`, answers a step at the inlet
by Goldstein's `J(X, T)`. A pulse made of steps of the heights `w_k` at `t_k` leaves the column as

    c(t) = c_in (u_in / u_out) sum_k w_k J(X, k_d (t - t_k - T0));    rectangle:  J(X, T) - J(X, T - k_d w).

Where the gas expands the flux `u c` obeys the same equation, and only `T0` is another.
"""

from typing import ClassVar

import equinox as eqx
import numpy as np
from jaxtyping import Array, Float

from ..core import Paper, check_integer
from ..systems.column import Injection, as_arrays, pulse_response
from ._papers import EXCHANGE_IN_COLUMNS, GAS_CHROMATOGRAPH
from ._simulate import AbstractLinearSimulation, Outcome


class LaplaceIntegral(AbstractLinearSimulation):
    """Linear exchange without dispersion, by one integral for each value: explicit, and the same for all components.

    **Arguments:**

    - `nodes`: of the integral, 64 for all digits of float64.
    - `pulse_nodes`: steps that a smooth pulse is made of; a rectangle is two.

    **Returns:** a frozen method for `pde.simulate`.

    **Raises:** `TypeError`, `ValueError` for numbers that are no positive integers.

    Source: Cabrera-Codony et al. 2024, arXiv 2501.00001; Goldstein 1953.

    >>> import numpy as np
    >>> from perturbax import pde
    >>> from perturbax.systems import column
    >>> apparatus = column.GasColumn(1.0, column.ConstantFlow(1.0))
    >>> sample = column.Injection(apparatus, column.Linear([60.0], [1.0]), column.Rectangle(1.0))
    >>> pde.simulate(sample, pde.LaplaceIntegral(), np.array([60.0])).concentration.round(4).tolist()
    [[0.0366]]
    """

    nodes: int = 64
    pulse_nodes: int = 64

    papers: ClassVar[tuple[Paper, ...]] = (GAS_CHROMATOGRAPH, EXCHANGE_IN_COLUMNS)

    def __check_init__(self):
        check_integer("nodes", self.nodes, minimum=8)
        check_integer("pulse_nodes", self.pulse_nodes, minimum=8)

    def elute(self, problem: Injection, times: Float[np.ndarray, " n"]) -> Outcome:
        """See `pde.simulate`."""
        steps = problem.pulse.steps(self.pulse_nodes)
        k_d, X = problem.kinetics.desorption, problem.dimensionless_length
        X, k_d, t, begins, heights = as_arrays((X, k_d, times - problem.column.hold_up, *steps))
        relative = _respond(X, k_d, t, begins, heights, self.nodes)
        scale = problem.concentration * problem.column.flow.expansion
        count = problem.components * times.size * begins.size * self.nodes
        return Outcome(scale[:, None] * np.asarray(relative), {"evaluations": count})


@eqx.filter_jit
def _respond(X: Array, k_d: Array, t: Array, begins: Array, heights: Array, nodes: int) -> Float[Array, "m n"]:
    return pulse_response(X, k_d, t, (begins, heights), nodes)
