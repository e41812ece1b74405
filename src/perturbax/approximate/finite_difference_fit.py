"""Two rates for each peak, by the full equations: the way that the Laplace solution spares.

    f(t; k_a, k_d) = what dc/dt + d(u c)/dx = D d2c/dx2 - alpha dq/dt,  dq/dt = k_a c - k_d q  gives at the outlet

for all peaks at once, on finite volumes, with the derivatives by the rates carried along through all steps.
"""

from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..core import Paper, check_instance, check_integer
from ..systems.column import AbstractScheme, Injection, Linear, UpwindBiased, march, time_grid
from ._papers import GAS_CHROMATOGRAPH, VARIABLE_PROJECTION
from ._peaks import AbstractPeakMethod, rates_as_moments, rates_of
from ._trace import DetectorTrace


class FiniteDifferenceFit(AbstractPeakMethod):
    """Adsorption and desorption of each peak with dispersion, by solving the equations anew for every guess.

    The baseline of `LaplaceFit`, and its check where dispersion counts.

    **Arguments:**

    - `max_steps`, `tolerance`: of Levenberg and Marquardt, as in `LaplaceFit`.
    - `cells`, `scheme`, `steps`: as in `pde.FiniteDifference`.

    **Returns:** a frozen method for `approximate.fit`.

    **Raises:** `TypeError`, `ValueError` for numbers that are too small or another scheme.

    Source: Cabrera-Codony et al. 2024, arXiv 2501.00001; Golub & Pereyra 1973.

    >>> from perturbax import approximate
    >>> approximate.FiniteDifferenceFit(cells=100).cells
    100
    """

    max_steps: int = 100
    tolerance: float = 1e-8
    cells: int = 400
    scheme: AbstractScheme = UpwindBiased()
    steps: int = 2000

    papers: ClassVar[tuple[Paper, ...]] = (GAS_CHROMATOGRAPH, VARIABLE_PROJECTION)
    names: ClassVar[tuple[str, ...]] = ("adsorption", "desorption")

    def __check_init__(self):
        check_integer("cells", self.cells, minimum=4)
        check_instance("scheme", self.scheme, AbstractScheme, "a scheme such as systems.column.Central()")
        check_integer("steps", self.steps, minimum=1)

    def start(self, problem: DetectorTrace) -> Float[np.ndarray, "m p"]:
        return np.stack(rates_of(*problem.moments(), problem), 1)

    def prepare(self, problem: DetectorTrace) -> Any:
        ones = np.ones(problem.peaks)
        grid = time_grid(problem.times, problem.pulse.edges, problem.times[-1] / self.steps)
        return Injection(problem.column, Linear(ones, ones), problem.pulse, 1.0, problem.dispersion), grid

    def shapes(self, values: Float[Array, "m p"], prepared: Any) -> Float[Array, "m n"]:
        injection, grid = prepared
        rates = jnp.moveaxis(values, 1, 0)
        injection = eqx.tree_at(lambda i: (i.kinetics.adsorption, i.kinetics.desorption), injection, tuple(rates))
        return march(injection, self.scheme, grid, self.cells).outlet

    def moments(
        self, values: Float[np.ndarray, "m p"], problem: DetectorTrace
    ) -> tuple[Float[np.ndarray, " m"], Float[np.ndarray, " m"]]:
        return rates_as_moments(values, problem)

    def rates(
        self, values: Float[np.ndarray, "m p"], problem: DetectorTrace
    ) -> tuple[Float[np.ndarray, " m"], Float[np.ndarray, " m"]]:
        return values[:, 0], values[:, 1]
