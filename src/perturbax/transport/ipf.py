r"""Iterative proportional fitting: half bridges in turn, each a regression on simulated paths.

Vargas et al. 2021, De Bortoli et al. 2021. From the reference, simulated from the first samples, the bridge is reached
by alternate projections on the processes with the right end and with the right start (`_half_bridges`, with the
targets of mean matching).
"""

from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ..core import Paper, Result, check_instance, check_integer
from . import _papers
from ._bridge import AbstractBridgeMethod, Outcome, settled_epsilon
from ._door import settle
from ._half_bridges import Corrected, HalfBridges, half_bridges, mean_matching
from ._problem import Batches, BridgeProblem
from ._process import DriftProcess
from ._reference import AbstractReference
from ._regression import AbstractRegressor, RandomFeatures


class IPF(AbstractBridgeMethod):
    """Iterative proportional fitting with regressed drifts: the solver for any reference that can be simulated.

    Also known as Fortet's algorithm, and with networks as the diffusion Schrödinger bridge. Simulation and regression
    err in every iteration, and the errors add up: with a Brownian reference the light solvers are better.

    **Arguments:**

    - `iterations`: pairs of half bridges; the error falls geometrically, the faster the larger `epsilon`.
    - `particles`: paths in each of them.
    - `steps`: of Euler's method from 0 to 1, also of the solution.
    - `regressor`: the family of drifts.

    **Returns:** a frozen method for `transport.bridge`. `losses` of the solution are the mean squared changes of the
    forward drift along its paths, over `epsilon`; what is left at the end is the noise of the regressions.

    **Raises:** `ValueError` or `TypeError` that names the argument.

    Source: Vargas et al. 2021; De Bortoli et al. 2021 (mean matching).

    >>> import jax, numpy as np
    >>> from perturbax import transport
    >>> x0 = np.random.default_rng(0).normal(size=(1000, 2))
    >>> problem = transport.BridgeProblem(x0, x0 + 3.0, epsilon=1.0)
    >>> solved = transport.bridge(problem, transport.IPF(iterations=4, steps=10), key=jax.random.key(0))
    >>> solved.sample(jax.random.key(1), x0).mean(0).round().tolist()
    [3.0, 3.0]
    """

    iterations: int = 8
    particles: int = 2000
    steps: int = 50
    regressor: AbstractRegressor = RandomFeatures(features=64)

    papers: ClassVar[tuple[Paper, ...]] = (_papers.MAXIMUM_LIKELIHOOD_IPF, _papers.DSB)

    def __check_init__(self):
        for name in ("iterations", "steps"):
            check_integer(name, getattr(self, name), minimum=1)
        check_integer("particles", self.particles, minimum=2)
        check_instance("regressor", self.regressor, AbstractRegressor, "a regressor such as RandomFeatures()")

    def solve(self, problem: BridgeProblem, key: Any, progress: bool | None) -> Outcome:
        epsilon = settled_epsilon(problem)
        correction, _, changes = _iterate(self, problem.batches(self.particles), problem.reference, epsilon, key)
        finite = jnp.isfinite(changes).all()
        process = DriftProcess(
            function=Corrected(correction, problem.reference),
            epsilon=epsilon,
            reference=problem.reference,
            dimension=problem.size,
            steps=self.steps,
        )
        evaluations = (2 * self.iterations + 1) * self.particles * self.steps
        result = Result.where(finite, Result.successful, Result.nonfinite)
        return Outcome(process, np.asarray(changes), result, {"evaluations": evaluations})


@eqx.filter_jit
def _iterate(method: IPF, batches: Batches, reference: AbstractReference, epsilon: Array, key: Any) -> HalfBridges:
    ts = settle(np.linspace(0.0, 1.0, method.steps + 1))
    return half_bridges(method.regressor, batches, reference, epsilon, ts, key, method.iterations, mean_matching)
