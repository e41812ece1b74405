r"""Iterative proportional fitting: half bridges in turn, each a regression on simulated paths.

Vargas et al. 2021, De Bortoli et al. 2021. From the reference, simulated from the first samples, the bridge is reached
by alternate projections on the processes with the right end and with the right start. Over paths of the drift `f` from
`x_0`, and then over paths of the drift `b` backwards from `x_1`, with steps of length `h`,

    b <- regression of (X_t - X_{t+h}) / h + f(X_t, t) - f(X_{t+h}, t)          on (X_{t+h}, t + h)
    f <- regression of (X_{t+h} - X_t) / h + b(X_{t+h}, t + h) - b(X_t, t + h)  on (X_t, t)

The differences of drifts take out what a step's length would bias, which otherwise adds up over the iterations. The
forward regression is of the difference from the drift of the reference.
"""

from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..core import Paper, Result, check_instance, check_integer
from . import _papers
from ._bridge import AbstractBridgeMethod, Outcome, settled_epsilon
from ._door import settle
from ._problem import Batches, BridgeProblem
from ._process import DriftProcess
from ._reference import AbstractReference
from ._regression import AbstractRegressor, RandomFeatures
from ._sde import simulate


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
        correction, changes = _iterate(self, problem.batches(self.particles), problem.reference, epsilon, key)
        finite = jnp.isfinite(changes).all()
        process = DriftProcess(
            function=_Corrected(correction, problem.reference),
            epsilon=epsilon,
            reference=problem.reference,
            dimension=problem.size,
            steps=self.steps,
        )
        evaluations = (2 * self.iterations + 1) * self.particles * self.steps
        result = Result.where(finite, Result.successful, Result.nonfinite)
        return Outcome(process, np.asarray(changes), result, {"evaluations": evaluations})


class _Corrected(eqx.Module):
    """The drift of the reference and what was regressed on top of it."""

    correction: Any
    reference: AbstractReference

    def __call__(self, x: Array, t: Any) -> Float[Array, "*batch d"]:
        return self.reference.drift(x, t) + self.correction(x, t)


@eqx.filter_jit
def _iterate(method: IPF, batches: Batches, reference: AbstractReference, epsilon: Array, key: Any) -> Any:
    ts = settle(np.linspace(0.0, 1.0, method.steps + 1))
    step = 1.0 / method.steps
    feature_key, start_key, path_key, loop_key = jax.random.split(key, 4)
    drawn = method.regressor.draw(feature_key, eqx.filter_eval_shape(batches, key)[0].shape[1])

    def paths(drift: Any, start: Array, key: Any) -> Array:
        return simulate(drift, start, ts, epsilon, key=key)

    def mean_matching(drift: Any, here: Array, there: Array, times: Array) -> Array:
        """Targets of the reversed drift at `there`, of steps that `drift` took from `here` at these times."""
        drifts = jax.vmap(drift)
        return (here - there) / step + drifts(here, times) - drifts(there, times)

    def backward_drift(drift: Any, forward: Array) -> Any:
        here, there = forward[:-1], forward[1:]
        targets = mean_matching(drift, here, there, ts[:-1])
        return fit(there, ts[1:], targets)

    def fit(at: Array, times: Array, targets: Array) -> Any:
        t = jnp.repeat(times, at.shape[1])
        x, targets = (z.reshape(-1, z.shape[-1]) for z in (at, targets))
        return method.regressor.fit(drawn, x, t, targets, epsilon / step)

    def iteration(carry: tuple[Any, Any], key: Any) -> tuple[tuple[Any, Any], Array]:
        backward, previous = carry
        draw_key, back_key, forth_key = jax.random.split(key, 3)
        x0, x1 = batches(draw_key)
        path = paths(lambda x, t: backward(x, 1.0 - t), x1, back_key)[::-1]
        targets = mean_matching(backward, path[1:], path[:-1], ts[1:])
        correction = fit(path[:-1], ts[:-1], targets - jax.vmap(reference.drift)(path[:-1], ts[:-1]))
        drift = _Corrected(correction, reference)
        forward = paths(drift, x0, forth_key)
        change = jax.vmap(correction)(forward[:-1], ts[:-1]) - jax.vmap(previous)(forward[:-1], ts[:-1])
        change = jnp.square(change).sum(-1).mean() / epsilon
        return (backward_drift(drift, forward), correction), change

    first = backward_drift(reference.drift, paths(reference.drift, batches(start_key)[0], path_key))
    nothing = eqx.tree_at(lambda drift: drift.coefficients, first, jnp.zeros_like(first.coefficients))
    (_, correction), changes = jax.lax.scan(iteration, (first, nothing), jax.random.split(loop_key, method.iterations))
    return correction, changes
