"""`bridge`: join two distributions by the process closest to a reference. The verb and its solution."""

import abc
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..core import Method, Result, check_instance, check_key, raise_if_failed
from ._door import settle, settle_points, settle_time, settle_times
from ._problem import BridgeProblem
from ._process import AbstractBridgeProcess


class Bridge(eqx.Module):
    """What `bridge` returns: a process `dX = g(X, t) dt + sqrt(eps) dW` from time 0 to 1.

    All methods take starts `x` of shape `(n, d)`, also ones that were not in the samples, and can be transformed by
    `jit` and `vmap`. What a method's solution does not know in closed form raises a `ValueError` that says what to do
    instead.

    - `process`: the solved process.
    - `losses`: of each step of training, or of each iteration the change that it stops on; empty for closed forms.
    - `result`: how it went; `stats`: what it took, and what the method has to report.
    """

    process: AbstractBridgeProcess
    losses: Float[np.ndarray, " steps"]
    result: Any
    stats: dict[str, Any]

    @property
    def epsilon(self) -> float:
        """Variance of the noise per unit of time."""
        return float(self.process.epsilon)

    def plan(self, x: Any) -> Any:
        """The law of the end given the start `x` of shape `(d,)`: a `stats.GaussianMixture`, or for `Sinkhorn` a law
        on the samples with the same `mean`, `covariance` and `sample(key, n)`."""
        return self.process.plan(settle_points("x", x, self.process.size, ndim=1))

    def moments(self, x: Any) -> tuple[Float[Array, "n d"], Float[Array, "n d d"]]:
        """Mean and covariance of the end given each start. The mean is the barycentric projection, the map of entropic
        optimal transport."""
        return self.process.moments(self._starts(x))

    def sample(self, key: Any, x: Any) -> Float[Array, "n d"]:
        """Draw the end for each start."""
        return self.process.sample(check_key("key", key), self._starts(x))

    def path(self, key: Any, x: Any, ts: Any) -> Float[Array, "times n d"]:
        """Draw the states at increasing times `ts` in [0, 1] of one path for each start."""
        return self.process.path(check_key("key", key), self._starts(x), settle_times("ts", ts))

    def at(self, key: Any, x: Any, t: Any) -> Float[Array, "n d"]:
        """Draw the states at one time for each start: with starts from the first distribution, the marginal at `t`."""
        return self.process.path(check_key("key", key), self._starts(x), settle_times("t", np.atleast_1d(t)))[0]

    def drift(self, x: Any, t: Any) -> Float[Array, "*batch d"]:
        """`g(x, t)` for points of shape `(..., d)` and `t` in [0, 1), a scalar or one per point."""
        x = settle_points("x", x, self.process.size)
        return self.process.drift(x, settle_time("t", t, x.shape[:-1], end=False))

    def log_potential(self, x: Any, t: Any = 0.0) -> Float[Array, "*batch"]:
        """`log h(x, t)`, the logarithm of the forward Schrödinger potential, up to a constant, with
        `g = b + eps grad log h` for the drift `b` of the reference."""
        x = settle_points("x", x, self.process.size)
        return self.process.log_potential(x, settle_time("t", t, x.shape[:-1], end=self.process.smooth_end))

    def marginal(self, t: Any) -> Any:
        """The law of the state at time `t`, a `stats.GaussianMixture`; known between Gaussians."""
        return self.process.marginal(settle_time("t", t, (), end=True))

    def transport_cost(self, x: Any, key: Any = None) -> float:
        """`E |X_0 - X_1|^2 / 2` from starts of the first distribution; with a `key` from one draw for each of them,
        which methods without a closed plan need."""
        x = self._starts(x)
        if key is not None:
            return float(0.5 * jnp.square(self.sample(key, x) - x).sum(-1).mean())
        mean, covariance = self.process.moments(x)
        return float(0.5 * (jnp.square(mean - x).sum(-1) + jnp.trace(covariance, axis1=1, axis2=2)).mean())

    def kl_gap(self, x: Any, y: Any, other: "Bridge") -> float:
        """`KL(other | self)` in nats, when `other` is the true bridge of the distributions that `x` and `y` are samples
        of; between the plans, which is also that between the processes.

            KL = E [log h(x, 0) - log h'(x, 0)] - E [log h(y, 1) - log h'(y, 1)]

        For any `other` it is the difference of two excess losses, and can have either sign. Both must have the same
        `epsilon` and reference.

        Source: Korotin et al. 2024.
        """
        check_instance("other", other, Bridge, "a Bridge")
        mine, theirs = (
            np.asarray(bridge.log_potential(x, 0.0), np.float64).mean()
            - np.asarray(bridge.log_potential(y, 1.0), np.float64).mean()
            for bridge in (self, other)
        )
        return float(mine - theirs)

    def sample_backward(self, key: Any, y: Any, candidates: Any) -> Float[Array, "n d"]:
        """Draw the start for each end `y`, among samples of the first distribution.

        The law of the start given the end is `p_0(x) r(y | x) / h(x, 0)` with the transition density `r` of the
        reference, up to a factor: the candidates are resampled with these weights. Between scattered points and at
        small `epsilon` few of them count.

        **Arguments:** `y`: shape `(n, d)`; `candidates`: samples of the first distribution, shape `(m, d)`.
        """
        y, candidates = self._starts(y, "y"), self._starts(candidates, "candidates")
        potential = self.log_potential(candidates, 0.0)
        reference: Any = self.process.reference
        law = reference.transition(0.0, 1.0, self.process.epsilon, self.process.size)
        root = jnp.linalg.cholesky(law.covariance)
        reached, ends = (
            jax.scipy.linalg.solve_triangular(root, z.T, lower=True).T
            for z in (candidates @ law.factor.T + law.shift, y)
        )
        own = 0.5 * jnp.square(reached).sum(-1) + potential
        return candidates[jax.random.categorical(check_key("key", key), ends @ reached.T - own)]

    def _starts(self, x: Any, name: str = "x") -> Float[Array, "n d"]:
        return settle_points(name, x, self.process.size, ndim=2)


class Outcome(eqx.Module):
    """What a method hands to the verb."""

    process: AbstractBridgeProcess
    losses: Any
    result: Any
    stats: dict[str, Any]


class AbstractBridgeMethod(Method):
    """A method of `transport.bridge`."""

    @abc.abstractmethod
    def solve(self, problem: BridgeProblem, key: Any, progress: bool | None) -> Outcome:
        """The process that joins the ends of the problem."""


def bridge(
    problem: BridgeProblem,
    method: AbstractBridgeMethod,
    *,
    key: Any,
    progress: bool | None = None,
    throw: bool = True,
) -> Bridge:
    """Solve a Schrödinger bridge problem.

    **Arguments:**

    - `problem`: the two distributions, `epsilon` and the reference.
    - `method`: `LightSB()`, `LightSBM()`, `Sinkhorn()`, `GaussianBridge()`, `IPF()` or `BridgeMatching()`.
    - `key`: PRNG key.
    - `progress`: as `show` of `core.progress`.
    - `throw`: raise when the solution is not successful; else look at `result`.

    **Returns:** a `Bridge`, the same for every method.

    **Raises:** `TypeError`, `ValueError` for arguments that do not fit; `SolverError` when a loss is not finite or
    iterations did not converge; `ModuleNotFoundError` for methods that need ott-jax.

    >>> from perturbax import transport
    >>> x0 = np.random.default_rng(0).normal(size=(500, 2))
    >>> problem = transport.BridgeProblem(x0, 2.0 * x0 + 3.0, epsilon=0.5)
    >>> solved = transport.bridge(problem, transport.GaussianBridge(), key=jax.random.key(0))
    >>> solved.sample(jax.random.key(1), x0).mean(0).round().tolist()
    [3.0, 3.0]
    """
    check_instance("problem", problem, BridgeProblem, "a transport.BridgeProblem")
    check_instance("method", method, AbstractBridgeMethod, "a method such as LightSB()")
    outcome = method.solve(problem, check_key("key", key), progress)
    if throw:
        raise_if_failed(outcome.result, f"bridge by {type(method).__name__}")
    return Bridge(outcome.process, np.asarray(outcome.losses), outcome.result, outcome.stats)


def closed_form(process: AbstractBridgeProcess) -> Bridge:
    """A bridge that took nothing to solve."""
    return Bridge(process, np.zeros(0), Result.successful, {"evaluations": 0})


def settled_epsilon(problem: BridgeProblem) -> Float[Array, ""]:
    """The problem's `epsilon` as an array, so that another value compiles nothing new."""
    return settle(problem.epsilon)
