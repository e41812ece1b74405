"""The gradient flow of an energy in L2, `u_{t+1} = u_t - eta DE(u_t)`: the baseline without a preconditioner.

The second derivative of the energy is as large as `1 + |k|^2` for the shortest wave, and the step as small as its
inverse: the number of steps grows with the square of the resolution.
"""

from typing import Any, ClassVar

from ..core import Paper
from ._energy_flow import AbstractEnergyFlow
from ._papers import BARRON_FLOW
from ._representation import AbstractRepresentation, AbstractSpace
from ._sparse_waves import PlaneWaves
from ._step_size import AbstractStep, BoundedStep


class L2GradientFlow(AbstractEnergyFlow):
    """Gradient descent in L2. The arguments and the history are those of `BarronFlow`.

    **Arguments:** `representation`, `step`, `iterations`, `tolerance`: as of `BarronFlow`.

    **Returns:** a frozen method for `pde.solve`.

    **Raises:** as `BarronFlow`.

    Source: the comparison of Marwah, Lipton, Lu & Risteski 2023 (arXiv 2210.12101).

    >>> import jax
    >>> from perturbax import pde
    >>> method = pde.L2GradientFlow(pde.SpectralGrid(8), iterations=3)
    >>> solution = pde.solve(pde.catalogue.semilinear(1), method, key=jax.random.key(0))
    >>> bool(solution.history["energy"][-1] < 0.0)
    True
    """

    representation: AbstractRepresentation = PlaneWaves()
    step: AbstractStep = BoundedStep()
    iterations: int = 60
    tolerance: float = 1e-8

    papers: ClassVar[tuple[Paper, ...]] = (BARRON_FLOW,)

    def direction(self, space: AbstractSpace, g: Any) -> Any:
        return g

    def scale(self, space: AbstractSpace, d: Any) -> Any:
        return space.stiffness(d)
