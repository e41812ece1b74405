r"""Bridge matching: a network regresses the drift of Brownian bridges between pairs of an entropic plan.

Tong et al. 2024 ([SF]2M), Shi et al. 2023 (DSBM). The Schrödinger bridge mixes Brownian bridges over its plan `pi`, and
its drift is their mean,

    g(x, t) = E_pi [(X_1 - X_t) / (1 - t) | X_t = x],    X_t = (1 - t) X_0 + t X_1 + sqrt(eps t (1 - t)) Z,

the minimiser of a quadratic loss. In the place of `pi` stands the entropic plan of each minibatch, by Sinkhorn's
algorithm, whose bias vanishes only as the batch grows.
"""

from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core import Paper, adam, check_integer, check_number, fit
from ..nn import ResidualMLP
from . import _papers
from ._bridge import AbstractBridgeMethod, Outcome, settled_epsilon
from ._door import settle
from ._entropic import entropic_potential
from ._problem import BridgeProblem, Frame, check_reference
from ._process import DriftProcess
from ._reference import Brownian

# Times are drawn below this one: at 1 the drift of the pinned bridge diverges.
_LAST = 0.999


class BridgeMatching(AbstractBridgeMethod):
    """A residual network that is trained on bridges between minibatches that Sinkhorn's algorithm couples.

    For data that no mixture of Gaussians fits; the price is a training that is two to three orders longer than that of
    `LightSB`, and the bias of the minibatch plans, which are wider than the true one.

    **Arguments:**

    - `steps`, `batch_size`, `learning_rate`: of training by Adam, whose rate falls to 0 as a cosine.
    - `width`, `blocks`: of the residual network.
    - `iterations`: of Sinkhorn's algorithm on each minibatch.
    - `simulation_steps`: of Euler's method from 0 to 1.

    **Returns:** a frozen method for `transport.bridge`; the solution knows its drift, and simulates everything else.

    **Raises:** `ValueError` or `TypeError` that names the argument; in `bridge`, `ModuleNotFoundError` without ott-jax.

    Source: Tong et al. 2024; Shi et al. 2023.

    >>> import jax, numpy as np
    >>> from perturbax import transport
    >>> x0 = np.random.default_rng(0).normal(size=(500, 2))
    >>> problem = transport.BridgeProblem(x0, x0 + 3.0, epsilon=0.5)
    >>> small = transport.BridgeMatching(steps=50, batch_size=64, width=16, blocks=1)
    >>> transport.bridge(problem, small, key=jax.random.key(0)).losses.shape
    (50,)
    """

    steps: int = 2000
    batch_size: int = 256
    learning_rate: float = 2e-3
    width: int = 128
    blocks: int = 3
    iterations: int = 50
    simulation_steps: int = 100

    papers: ClassVar[tuple[Paper, ...]] = (_papers.SF2M, _papers.DSBM)

    def __check_init__(self):
        for name in ("steps", "width", "blocks", "iterations", "simulation_steps"):
            check_integer(name, getattr(self, name), minimum=1)
        check_integer("batch_size", self.batch_size, minimum=2)
        check_number("learning_rate", self.learning_rate, minimum=0.0, exclusive=True)

    def solve(self, problem: BridgeProblem, key: Any, progress: bool | None) -> Outcome:
        check_reference(problem, self, Brownian)
        point_key, network_key, fit_key = jax.random.split(key, 3)
        frame = Frame.of(*problem.points(point_key))
        network = ResidualMLP(problem.size, width=self.width, blocks=self.blocks, key=network_key)
        epsilon = settled_epsilon(problem)
        drift = NetworkDrift(network, *map(settle, frame))
        trained = eqx.tree_at(lambda d: d.network, jax.tree.map(lambda _: False, drift), True)
        done = fit(
            _Matching(self.iterations, epsilon),
            drift,
            problem.batches(self.batch_size),
            steps=self.steps,
            optimizer=adam(self.learning_rate, self.steps, clip=1.0),
            key=fit_key,
            filter_spec=trained,
            chunk=min(self.steps, 250),
            progress=progress,
            throw=False,
        )
        process = DriftProcess(
            function=done.model,
            epsilon=epsilon,
            reference=problem.reference,
            dimension=problem.size,
            steps=self.simulation_steps,
        )
        stats = {"evaluations": done.steps, "seconds": done.stats["seconds"]}
        return Outcome(process, done.losses, done.result, stats)


class NetworkDrift(eqx.Module):
    """A network in the units of the frame, `g(x, t) = m_1 - m_0 + s f((x - (1 - t) m_0 - t m_1) / s, t)`."""

    network: ResidualMLP
    start: Float[Array, " d"]
    end: Float[Array, " d"]
    scale: Float[Array, ""]

    def __call__(self, x: Array, t: Any) -> Float[Array, "*batch d"]:
        t = jnp.broadcast_to(jnp.asarray(t, x.dtype), x.shape[:-1])
        s = t[..., None]
        centred = (x - (1.0 - s) * self.start - s * self.end) / self.scale
        return self.end - self.start + self.scale * self.network(centred, t)


class _Matching(eqx.Module):
    """The matching loss of a batch, in squared standard deviations."""

    iterations: int
    epsilon: Float[Array, ""]

    def __call__(self, drift: NetworkDrift, batch: tuple[Array, Array], key: Any) -> Float[Array, ""]:
        x, y = batch
        pair_key, time_key, noise_key = jax.random.split(key, 3)
        potential, _, _ = entropic_potential(x, y, self.epsilon, max_iterations=self.iterations, tolerance=1e-3)
        # |x - y|^2 without the part that is common to all ends of a start.
        affinity = potential + (x @ y.T - 0.5 * jnp.square(y).sum(1)) / self.epsilon
        y = y[jax.random.categorical(pair_key, affinity)]
        t = jax.random.uniform(time_key, x.shape[:1], x.dtype, maxval=_LAST)
        s = t[:, None]
        noise = jax.random.normal(noise_key, x.shape, x.dtype)
        between = (1.0 - s) * x + s * y + jnp.sqrt(self.epsilon * s * (1.0 - s)) * noise
        gap = (drift(between, t) - (y - between) / (1.0 - s)) / drift.scale
        return ((1.0 - s) * jnp.square(gap)).sum(-1).mean()
