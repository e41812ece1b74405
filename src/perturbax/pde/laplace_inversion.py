"""The Laplace solution with dispersion, inverted on the circle through its saddle points.

    C(X, s) = P(s) exp(X Pe/2 (1 - sqrt(1 + 4 h(s)/Pe))),   h(s) = Da s + s / (s + 1),   s in units of k_d
    c(t) = mean_k Re[rho exp(i theta_k) C(s_k) exp(s_k t)],   s_k = -1 + rho exp(i theta_k),  rho = sqrt(X / T)

See `systems.column.invert_on_circle`. The circle serves times after twice the hold-up time at which the pulse has
passed; what is earlier is that without dispersion.
"""

from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..core import Paper, check_integer
from ..systems.column import AbstractPulse, Injection, as_arrays, circle_terms, invert_on_circle, pulse_response
from ._papers import GAS_CHROMATOGRAPH
from ._simulate import AbstractLinearSimulation, Outcome


class LaplaceInversion(AbstractLinearSimulation):
    """Linear exchange with dispersion in a column without an end, by a sum over a circle in the Laplace domain.

    Converges geometrically, where contours for poles on the negative axis (Talbot's) fail at the essential singularity.

    **Arguments:** `terms`: on the circle, an even number; as many as the longest column needs when `None`.

    **Returns:** a frozen method for `pde.simulate`.

    **Raises:** `TypeError`, `ValueError` for another number; when used, for a pulse with poles or a gas that expands.

    Source: Cabrera-Codony et al. 2024, arXiv 2501.00001, for the transform; the circle is derived in this package.

    >>> import numpy as np
    >>> from perturbax import pde
    >>> from perturbax.systems import column
    >>> apparatus = column.GasColumn(1.0, column.ConstantFlow(1.0))
    >>> sample = column.Injection(apparatus, column.Linear([60.0], [1.0]), column.Rectangle(1.0), dispersion=1e-4)
    >>> pde.simulate(sample, pde.LaplaceInversion(), np.array([60.0])).concentration.round(4).tolist()
    [[0.0365]]
    """

    terms: int | None = None

    papers: ClassVar[tuple[Paper, ...]] = (GAS_CHROMATOGRAPH,)

    def __check_init__(self):
        if self.terms is not None and check_integer("terms", self.terms, minimum=8) % 2:
            raise ValueError(f"terms must be even, got {self.terms}")

    @property
    def with_dispersion(self) -> bool:
        return True

    def elute(self, problem: Injection, times: Float[np.ndarray, " n"]) -> Outcome:
        """See `pde.simulate`."""
        column, pulse = problem.column, problem.pulse
        if not pulse.entire:
            raise ValueError("pulse must have a transform without poles for LaplaceInversion; use BromwichInversion")
        if not column.flow.uniform:
            raise ValueError("flow must be uniform for LaplaceInversion; use LaplaceIntegral")
        X, k_d = problem.dimensionless_length, problem.kinetics.desorption
        terms = self.terms
        if terms is None:
            terms = circle_terms(X.max(), (k_d * (times[-1] - column.hold_up)).max())
        late = times > max(2.0 * column.hold_up, column.hold_up + pulse.edges[-1])
        scaled = as_arrays((X, problem.damkohler, problem.inverse_peclet, k_d))
        placed = as_arrays((times - column.hold_up, late, column.hold_up))
        relative = _invert(scaled, placed, as_arrays(pulse.steps(64)), as_arrays(pulse), terms)
        stats = {"evaluations": problem.components * int(late.sum()) * terms, "without_dispersion": int((~late).sum())}
        return Outcome(problem.concentration[:, None] * np.asarray(relative), stats)


@eqx.filter_jit
def _invert(
    scaled: tuple[Array, Array, Array, Array],
    placed: tuple[Array, Array, Array],
    steps: tuple[Array, Array],
    pulse: AbstractPulse,
    terms: int,
) -> Float[Array, "m n"]:
    X, damkohler, inverse_peclet, k_d = (value[:, None] for value in scaled)
    t, late, hold_up = placed
    early = pulse_response(scaled[0], scaled[3], t, steps)
    after = jnp.broadcast_to(jnp.where(late, t, t[-1]) + hold_up, early.shape)
    return jnp.where(late, invert_on_circle(X, damkohler, inverse_peclet, k_d, after, pulse, terms), early)
