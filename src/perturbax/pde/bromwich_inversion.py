"""The Laplace solution with dispersion, inverted by global adaptive quadrature along the imaginary axis.

    c(t) = (1 / pi) int_0^inf Re[C(X, i w) exp(i w t)] dw

All poles and cuts lie left of the axis. Without dispersion `exp(-X)` of the pulse passes the column untouched, a jump
for which the integrand does not decay; it is taken out of the integral and added to it.
"""

from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.integrate import quad_vec

from ..core import Paper, Result, check_integer, check_number
from ..systems.column import AbstractPulse, Injection, as_arrays, log_transfer
from ._papers import GAS_CHROMATOGRAPH
from ._simulate import AbstractLinearSimulation, Outcome


class BromwichInversion(AbstractLinearSimulation):
    """Linear exchange with dispersion in a column without an end, by SciPy's adaptive Gauss-Kronrod quadrature.

    The baseline for the other Laplace methods: it works for every pulse and all times, and is the slowest.

    **Arguments:**

    - `tolerance`: absolute error of the relative concentration.
    - `limit`: the largest number of intervals.

    **Returns:** a frozen method for `pde.simulate`.

    **Raises:** `TypeError`, `ValueError` for numbers that are not positive; when used, for a gas that expands.

    Source: Cabrera-Codony et al. 2024, arXiv 2501.00001.

    >>> import numpy as np
    >>> from perturbax import pde
    >>> from perturbax.systems import column
    >>> apparatus = column.GasColumn(1.0, column.ConstantFlow(1.0))
    >>> sample = column.Injection(apparatus, column.Linear([60.0], [1.0]), column.Rectangle(1.0))
    >>> pde.simulate(sample, pde.BromwichInversion(1e-6), np.array([60.0])).concentration.round(4).tolist()
    [[0.0366]]
    """

    tolerance: float = 1e-9
    limit: int = 20_000

    papers: ClassVar[tuple[Paper, ...]] = (GAS_CHROMATOGRAPH,)

    def __check_init__(self):
        check_number("tolerance", self.tolerance, minimum=0.0, exclusive=True)
        check_integer("limit", self.limit, minimum=1)

    @property
    def with_dispersion(self) -> bool:
        return True

    def elute(self, problem: Injection, times: Float[np.ndarray, " n"]) -> Outcome:
        """See `pde.simulate`."""
        if not problem.column.flow.uniform:
            raise ValueError("flow must be uniform for BromwichInversion; use LaplaceIntegral")
        numbers = (problem.dimensionless_length, problem.damkohler, problem.inverse_peclet, problem.kinetics.desorption)
        found = [self._component(problem, times, *row) for row in zip(*numbers, strict=True)]
        relative, counts, met = zip(*found, strict=True)
        result = Result.successful if all(met) else Result.max_evaluations
        return Outcome(problem.concentration[:, None] * np.stack(relative), {"evaluations": sum(counts)}, result=result)

    def _component(self, problem: Injection, times: np.ndarray, X: float, Da: float, spread: float, k_d: float) -> Any:
        untouched = np.exp(-X) if spread == 0.0 else 0.0
        pulse, *numbers = as_arrays((problem.pulse, *map(float, (X, Da, spread, k_d, untouched)), times))

        def integrand(w: float) -> Float[np.ndarray, " n"]:
            return np.asarray(_integrand(jnp.asarray(w), pulse, *numbers))

        # The pulse in the column is a bell in frequency, 1 / sqrt(2 X) wide, before a tail that is exp(-X) high.
        width = 1.0 / np.sqrt(2.0 * X)
        value, _, info = quad_vec(
            integrand,
            0.0,
            np.inf,
            epsabs=self.tolerance,
            epsrel=0.0,
            norm="max",
            limit=self.limit,
            points=(width, 4.0 * width, 16.0 * width),
            full_output=True,
        )
        value = value + untouched * np.asarray(problem.pulse(jnp.asarray(times - problem.column.hold_up)))
        return value, int(info.neval), bool(info.success)


@eqx.filter_jit
def _integrand(
    w: Array, pulse: AbstractPulse, X: Array, Da: Array, spread: Array, k_d: Array, untouched: Array, times: Array
) -> Float[Array, " n"]:
    s = 1j * w
    through = jnp.exp(log_transfer(s, X, Da, spread)) - untouched * jnp.exp(-X * Da * s)
    return (pulse.transform(k_d * s) * k_d * through * jnp.exp(s * k_d * times)).real / jnp.pi
