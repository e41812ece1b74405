"""What a solved bridge is made of: a law of the end given the start, or a drift. `Bridge` is its door.

When the law of the end is known the paths between are those of the pinned reference, without any discretisation. When
only the drift is known everything is simulated.
"""

import abc
from collections.abc import Callable
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ._door import settle
from ._reference import AbstractLinearReference, AbstractReference
from ._sde import AbstractStepper, EulerMaruyama, simulate


class AbstractBridgeProcess(eqx.Module):
    """A process from `x` at time 0. Its methods take checked arrays; what a kind of process does not know it refuses
    with a `ValueError`."""

    epsilon: eqx.AbstractVar[Array]
    reference: eqx.AbstractVar[AbstractReference]

    # Whether the potential is a function at time 1 too, and not a sum over points.
    smooth_end: ClassVar[bool] = True

    @property
    @abc.abstractmethod
    def size(self) -> int:
        """The dimension."""

    @abc.abstractmethod
    def sample(self, key: Any, x: Array) -> Float[Array, "n d"]:
        """A draw of `X_1` for each start."""

    @abc.abstractmethod
    def path(self, key: Any, x: Array, ts: np.ndarray) -> Float[Array, "times n d"]:
        """A draw of the states at increasing times for each start."""

    @abc.abstractmethod
    def drift(self, x: Array, t: Array) -> Float[Array, "*batch d"]:
        """`g(x, t)` of `dX = g dt + sqrt(eps) dW`."""

    def plan(self, x: Array) -> Any:
        """The law of `X_1` given `X_0 = x`."""
        raise ValueError(self._unknown("plan", "draw from it with sample"))

    def moments(self, x: Array) -> tuple[Float[Array, "n d"], Float[Array, "n d d"]]:
        """Mean and covariance of `X_1` given each start."""
        raise ValueError(self._unknown("moments", "estimate them from draws of sample"))

    def log_potential(self, x: Array, t: Array) -> Float[Array, "*batch"]:
        """`log h(x, t)`, with `g = b + eps grad log h`."""
        raise ValueError(self._unknown("log_potential", "its drift is not known to be a gradient"))

    def marginal(self, t: Array) -> Any:
        """The law of `X_t`."""
        raise ValueError(self._unknown("marginal", "draw from it with at"))

    def _unknown(self, what: str, instead: str) -> str:
        return f"{what} has no closed form for a {type(self).__name__}; {instead}"


class AbstractPlanProcess(AbstractBridgeProcess):
    """A process with a known law of the end given the start, around a linear reference."""

    reference: eqx.AbstractVar[AbstractLinearReference]

    def path(self, key: Any, x: Array, ts: np.ndarray) -> Float[Array, "times n d"]:
        return _pinned_path(self, key, x, settle(ts))


@eqx.filter_jit
def _pinned_path(process: AbstractPlanProcess, key: Any, x: Array, ts: Array) -> Array:
    end_key, noise_key = jax.random.split(key)
    y = process.sample(end_key, x)

    def step(carry: tuple[Array, Array], item: tuple[Array, Array]) -> tuple[tuple[Array, Array], Array]:
        (x, s), (t, key) = carry, item
        x = process.reference.between(key, x, y, s, t, process.epsilon)
        return (x, t), x

    _, states = jax.lax.scan(step, (x, jnp.zeros_like(ts[0])), (ts, jax.random.split(noise_key, ts.shape[0])))
    return states


# So many starts at a time face all points of a discrete law.
_BLOCK = 256


class Atoms(eqx.Module):
    """A law on finitely many points, with what a `stats.GaussianMixture` also has: `mean`, `covariance`, `sample`.

    - `log_weights`: shape `(k,)`, normalised; `points`: shape `(k, d)`.
    """

    log_weights: Float[Array, " k"]
    points: Float[Array, "k d"]

    @property
    def mean(self) -> Float[Array, " d"]:
        return jnp.exp(self.log_weights) @ self.points

    @property
    def covariance(self) -> Float[Array, "d d"]:
        centred = self.points - self.mean
        return (jnp.exp(self.log_weights)[:, None] * centred).T @ centred

    def sample(self, key: Any, n: int) -> Float[Array, "n d"]:
        """Draw `n` points."""
        return self.points[jax.random.categorical(key, self.log_weights, shape=(n,))]


class DiscreteProcess(AbstractPlanProcess):
    """A bridge onto finitely many points, `h(x, t) = sum_j exp(w_j) N(y_j; x, eps (1 - t) I)`, around Brownian motion.

    Its drift is that of the Sinkhorn bridge, `(sum_j q_j(x, t) y_j - x) / (1 - t)` with `q` the softmax of the terms.

    Source: Pooladian & Niles-Weed 2024.
    """

    log_weights: Float[Array, " k"]
    points: Float[Array, "k d"]
    epsilon: Float[Array, ""]
    reference: AbstractLinearReference

    smooth_end: ClassVar[bool] = False

    @property
    def size(self) -> int:
        return self.points.shape[1]

    def log_terms(self, x: Array, t: Any) -> Float[Array, "*batch k"]:
        """`w_j - |x - y_j|^2 / (2 eps (1 - t))`."""
        # Expanded, so that a batch costs one matrix product; the part that is common to all points is left out.
        along = x @ self.points.T - 0.5 * jnp.square(self.points).sum(-1)
        return self.log_weights + along / (self.epsilon * (1.0 - jnp.asarray(t)[..., None]))

    @eqx.filter_jit
    def sample(self, key: Any, x: Array) -> Float[Array, "n d"]:
        def draw(item: tuple[Any, Array]) -> Array:
            key, x = item
            return self.points[jax.random.categorical(key, self.log_terms(x, 0.0))]

        return jax.lax.map(draw, (jax.random.split(key, x.shape[0]), x), batch_size=_BLOCK)

    @eqx.filter_jit
    def drift(self, x: Array, t: Array) -> Float[Array, "*batch d"]:
        return (jax.nn.softmax(self.log_terms(x, t)) @ self.points - x) / (1.0 - t[..., None])

    def plan(self, x: Array) -> Atoms:
        return Atoms(jax.nn.log_softmax(self.log_terms(x, 0.0)), self.points)

    @eqx.filter_jit
    def moments(self, x: Array) -> tuple[Float[Array, "n d"], Float[Array, "n d d"]]:
        def one(x: Array) -> tuple[Array, Array]:
            plan = self.plan(x)
            return plan.mean, plan.covariance

        return jax.lax.map(one, x, batch_size=_BLOCK)

    @eqx.filter_jit
    def log_potential(self, x: Array, t: Array) -> Float[Array, "*batch"]:
        rest = self.epsilon * (1.0 - t)
        normaliser = 0.5 * self.size * jnp.log(2.0 * jnp.pi * rest)
        return jax.nn.logsumexp(self.log_terms(x, t), axis=-1) - 0.5 * jnp.square(x).sum(-1) / rest - normaliser


class DriftProcess(AbstractBridgeProcess):
    """A bridge that is known by its drift `(x, t) -> g`, and simulated in `steps` equal steps."""

    function: Callable
    epsilon: Float[Array, ""]
    reference: AbstractReference
    dimension: int
    steps: int
    stepper: AbstractStepper = EulerMaruyama()

    @property
    def size(self) -> int:
        return self.dimension

    def sample(self, key: Any, x: Array) -> Float[Array, "n d"]:
        return self.path(key, x, np.ones(1))[-1]

    def path(self, key: Any, x: Array, ts: np.ndarray) -> Float[Array, "times n d"]:
        times = np.concatenate([[0.0], ts])
        counts = np.ceil(np.round(np.diff(times) * self.steps, 6)).astype(np.int32)
        return _simulated_path(self, key, x, settle(times), jnp.asarray(counts))[1:]

    @eqx.filter_jit
    def drift(self, x: Array, t: Array) -> Float[Array, "*batch d"]:
        return self.function(x, t)


@eqx.filter_jit
def _simulated_path(process: DriftProcess, key: Any, x: Array, times: Array, counts: Array) -> Array:
    return simulate(process.function, x, times, process.epsilon, key=key, steps=counts, stepper=process.stepper)
