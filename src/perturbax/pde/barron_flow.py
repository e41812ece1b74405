r"""The gradient flow of an energy in H1, on functions of small Barron norm.

For `E(u) = int L(x, u, grad u) dx`, whose derivative in L2 is `DE(u) = -div L_p + L_u`, the flow of Marwah, Lipton, Lu
and Risteski is

    u_{t+1} = u_t - eta (I - Lap)^-1 DE(u_t)

`(I - Lap)^-1 DE` is the gradient in H1. Where `m |w|_H1^2 <= D2E(u)[w, w] <= M |w|_H1^2` the distance to the minimiser
falls by `(M - m) / (M + m)` in a step of `2 / (m + M)`, on any grid and in any dimension. Each step takes a function of
small Barron norm `sum (1 + |n|) |u_n|` to one of a bounded norm, and a function of small Barron norm is a small network
(`pde.compress`).
"""

from typing import Any, ClassVar

from ..core import Paper
from ._energy_flow import AbstractEnergyFlow
from ._papers import BARRON_FLOW
from ._representation import AbstractRepresentation, AbstractSpace
from ._sparse_waves import PlaneWaves
from ._step_size import AbstractStep, BoundedStep


class BarronFlow(AbstractEnergyFlow):
    """Gradient descent in H1 of the energy of a problem that is periodic, or zero on the boundary.

    The history has `"energy"`, `"barron"` (the Barron norm, with frequencies in turns per side), `"step_size"`,
    `"gradient_norm"` (before the step, in H1), `"dropped"` (the largest share of a Barron norm that was dropped) and
    with plane waves `"terms"` and `"bound"` (of the Barron norm, from the step before, for any polynomial energy); a
    row for each step, the first one for `u = 0`.

    **Arguments:**

    - `representation`: `PlaneWaves` for polynomial energies in any dimension, `SpectralGrid` for any energy in at most
      three.
    - `step`: `BoundedStep`, `FixedStep` or `Backtracking`.
    - `iterations`: at most.
    - `tolerance`: the descent ends when the norm of the gradient is this share of the first one; `stats["converged"]`.

    **Returns:** a frozen method for `pde.solve`.

    **Raises:** `TypeError`, `ValueError` for other arguments; when used, `ValueError` for a problem without such an
    energy or conditions, and `SolverError` when the energy rises or `max_terms` is too small.

    Source: Marwah, Lipton, Lu & Risteski 2023 (arXiv 2210.12101); the step sizes are those of gradient descent on
    strongly convex functions in H1.

    >>> import jax
    >>> from perturbax import pde
    >>> solution = pde.solve(pde.catalogue.semilinear(3), pde.BarronFlow(iterations=2), key=jax.random.key(0))
    >>> solution.history["energy"].shape
    (3,)
    """

    representation: AbstractRepresentation = PlaneWaves()
    step: AbstractStep = BoundedStep()
    iterations: int = 60
    tolerance: float = 1e-8

    papers: ClassVar[tuple[Paper, ...]] = (BARRON_FLOW,)

    def direction(self, space: AbstractSpace, g: Any) -> Any:
        return space.smooth(g)

    def scale(self, space: AbstractSpace, d: Any) -> Any:
        return 1.0

    def certificate(self, space: AbstractSpace, u: Any, size: Any) -> dict[str, Any]:
        return {"bound": space.bound(u, size)}
