"""Two rates for each peak, by the explicit Laplace solution.

    f_i(t) = sum_k w_k J(alpha k_a,i T0, k_d,i (t - t_k - T0))

with Goldstein's `J` and the steps `w_k` of the pulse: every component is a cut of one surface, so that components need
not be computed together, and a curve costs an integral for each time. The start is that of the moments,

    k_d = 2 (t_R - T0) / s^2,     alpha k_a = k_d (t_R - T0) / T0.
"""

from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..core import Paper, check_integer
from ..systems.column import pulse_response
from ._papers import GAS_CHROMATOGRAPH, VARIABLE_PROJECTION
from ._peaks import AbstractPeakMethod, rates_as_moments, rates_of
from ._trace import DetectorTrace


class LaplaceFit(AbstractPeakMethod):
    """Adsorption and desorption of each peak without dispersion and without competition.

    **Arguments:**

    - `max_steps`: of Levenberg and Marquardt.
    - `tolerance`: relative and absolute, of the parameters and of the sum of squares.
    - `nodes`: of the integral for each value, 32 for 1e-8; `pulse_nodes`: steps that a smooth pulse is made of.

    **Returns:** a frozen method for `approximate.fit`.

    **Raises:** `TypeError`, `ValueError` for numbers that are not positive.

    Source: Cabrera-Codony et al. 2024, arXiv 2501.00001; Golub & Pereyra 1973.

    >>> from perturbax import approximate
    >>> approximate.LaplaceFit().names
    ('adsorption', 'desorption')
    """

    max_steps: int = 100
    tolerance: float = 1e-8
    nodes: int = 32
    pulse_nodes: int = 32

    papers: ClassVar[tuple[Paper, ...]] = (GAS_CHROMATOGRAPH, VARIABLE_PROJECTION)
    names: ClassVar[tuple[str, ...]] = ("adsorption", "desorption")

    def __check_init__(self):
        check_integer("nodes", self.nodes, minimum=8)
        check_integer("pulse_nodes", self.pulse_nodes, minimum=8)

    def start(self, problem: DetectorTrace) -> Float[np.ndarray, "m p"]:
        return np.stack(rates_of(*problem.moments(), problem), 1)

    def prepare(self, problem: DetectorTrace) -> Any:
        hold_up = problem.column.hold_up
        passed = problem.column.phase_ratio * hold_up
        return passed, problem.times - hold_up, problem.pulse.steps(self.pulse_nodes)

    def shapes(self, values: Float[Array, "m p"], prepared: Any) -> Float[Array, "m n"]:
        passed, t, steps = prepared
        k_a, k_d = jnp.moveaxis(values, 1, 0)
        return pulse_response(passed * k_a, k_d, t, steps, self.nodes)

    def moments(
        self, values: Float[np.ndarray, "m p"], problem: DetectorTrace
    ) -> tuple[Float[np.ndarray, " m"], Float[np.ndarray, " m"]]:
        return rates_as_moments(values, problem)

    def rates(
        self, values: Float[np.ndarray, "m p"], problem: DetectorTrace
    ) -> tuple[Float[np.ndarray, " m"], Float[np.ndarray, " m"]]:
        return values[:, 0], values[:, 1]
