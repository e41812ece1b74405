"""`infer_trajectories`: from snapshots of a population to its paths. The verb and its solution."""

import abc
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ..core import Method, check_array, check_instance, check_key, check_number, raise_if_failed
from ._door import settle, settle_points
from ._inferred import Inferred, IntervalDrifts
from ._reference import AbstractReference
from ._sde import simulate
from ._snapshots import Snapshots

# Steps of a forecast in the time between the last two snapshots.
_STEPS = 50


class Trajectories(eqx.Module):
    """What `infer_trajectories` returns.

    - `paths`: shape `(n, times, d)`, over all of the time; `times`: of its states.
    - `owners`: of each path the snapshot that it goes through a point of.
    - `reference`: the reference process, refined where the method refines, or `None` where it knows none.
    - `drifts`: forward and backward drifts of the intervals, or `None` when the method has none; see `drift`.
    - `divergences`: the Kullback-Leibler divergence of the process from its reference in nats, of each iteration; it
      holds the noise of the regressions too. Empty without drifts.
    - `parameters`: of the reference, before the first and after each iteration, shape `(iterations + 1, p)`.
    - `result`: how it went; `stats`: what it took, and what the method has to report.
    """

    paths: Float[Array, "n times d"]
    times: Float[np.ndarray, " times"]
    owners: Int[np.ndarray, " n"]
    snapshot_times: Float[np.ndarray, " snapshots"]
    volatility: Float[np.ndarray, " d"]
    reference: AbstractReference | None
    drifts: IntervalDrifts | None
    divergences: Float[np.ndarray, " iterations"]
    parameters: Float[np.ndarray, "_ p"]
    result: Any
    stats: dict[str, Any]

    def at(self, t: Any) -> Float[Array, "n d"]:
        """The states of all paths at a time, on straight lines between their steps.

        **Raises:** `ValueError` when it is before the first snapshot or after the last one.
        """
        first, last = float(self.times[0]), float(self.times[-1])
        t = check_number("t", t, minimum=first, maximum=last)
        after = min(max(int(np.searchsorted(self.times, t)), 1), len(self.times) - 1)
        share = (t - self.times[after - 1]) / (self.times[after] - self.times[after - 1])
        return (1.0 - share) * self.paths[:, after - 1] + share * self.paths[:, after]

    def drift(self, x: Any, t: Any) -> Float[Array, "batch d"]:
        """The forward drift at points of shape `(batch, d)` and a time between the first and the last snapshot; at a
        snapshot that of the interval behind it."""
        return self._drifts("drift").forward(*self._place(x, t))

    def backward_drift(self, x: Any, t: Any) -> Float[Array, "batch d"]:
        """The drift of the process that is run backwards in time; at a snapshot that of the interval behind it."""
        return self._drifts("backward_drift").backward(*self._place(x, t))

    def forecast(self, key: Any, times: Any) -> Float[Array, "times n d"]:
        """Draw the states at increasing times after the last snapshot, along the reference, from its points (or, where
        all paths start at the first one, from their ends).

        It is as good as the family: nothing but the reference is known there.

        **Raises:** `ValueError` when a time is not after the last snapshot, or the method has no reference.
        """
        if self.reference is None:
            raise ValueError("forecast needs a reference process, and this method has none; use SBIRR()")
        times = np.asarray(check_array("times", times, ndim=1), np.float64)
        last = float(self.times[-1])
        if times[0] <= last or (np.diff(times) <= 0.0).any():
            raise ValueError(f"times must increase from after the last snapshot, at {last:g}, got {times.tolist()}")
        step = (last - self.snapshot_times[-2]) / _STEPS
        counts = np.ceil(np.diff(times, prepend=last) / step - 1e-6).astype(np.int32)
        own = self.owners == len(self.snapshot_times) - 1
        x = self.paths[np.flatnonzero(own if own.any() else np.ones_like(own)), -1]
        ts = settle(np.concatenate([[last], times]))
        variance = settle(np.square(self.volatility))
        return _forecast(self.reference, x, ts, variance, jnp.asarray(counts), check_key("key", key))[1:]

    def _drifts(self, what: str) -> IntervalDrifts:
        if self.drifts is None:
            raise ValueError(f"{what} is not known to this method; look at its paths")
        return self.drifts

    def _place(self, x: Any, t: Any) -> tuple[Array, Array]:
        first, last = float(self.times[0]), float(self.times[-1])
        t = check_number("t", t, minimum=first, maximum=last)
        return settle_points("x", x, self.volatility.size, ndim=2), settle(t)


@eqx.filter_jit
def _forecast(reference: AbstractReference, x: Array, ts: Array, variance: Array, counts: Array, key: Any) -> Array:
    return simulate(reference.drift, x, ts, variance, key=key, steps=counts)


class AbstractTrajectoryMethod(Method):
    """A method of `transport.infer_trajectories`."""

    @abc.abstractmethod
    def infer(self, problem: Snapshots, key: Any, progress: bool | None) -> Inferred:
        """Paths through the snapshots of the problem."""


def infer_trajectories(
    problem: Snapshots,
    method: AbstractTrajectoryMethod,
    *,
    key: Any,
    progress: bool | None = None,
    throw: bool = True,
) -> Trajectories:
    """Infer the paths of a population from snapshots of it.

    **Arguments:**

    - `problem`: the snapshots, the volatility and the reference.
    - `method`: `SBIRR()`, which refines the reference, `FixedReference()`, `VanillaSB()`, `SharedDrift()`,
      `ConsecutiveBridges()` or `McCannInterpolation()`.
    - `key`: PRNG key.
    - `progress`: as `show` of `core.progress`.
    - `throw`: raise when the solution is not successful; else look at `result`.

    **Returns:** `Trajectories`, the same for every method.

    **Raises:** `TypeError`, `ValueError` for arguments that do not fit; `SolverError` when paths diverge or are not
    finite, with the parameters that they had.

    >>> import jax
    >>> from perturbax import transport
    >>> x = np.random.default_rng(0).normal(size=(50, 2))
    >>> problem = transport.Snapshots([x, x + 1.0, x + 2.0], times=[0.0, 1.0, 2.0], volatility=0.3)
    >>> found = transport.infer_trajectories(problem, transport.McCannInterpolation(), key=jax.random.key(0))
    >>> np.allclose(found.at(1.5).mean(0), (x + 1.5).mean(0), atol=1e-3)
    True
    """
    check_instance("problem", problem, Snapshots, "transport.Snapshots(samples, times, volatility)")
    check_instance("method", method, AbstractTrajectoryMethod, "a method such as SBIRR()")
    found = method.infer(problem, check_key("key", key), progress)
    parameters = np.atleast_2d(np.asarray(found.parameters, np.float64))
    if throw:
        at = f", with parameters {parameters[-1].tolist()}" if parameters.size else ""
        raise_if_failed(found.result, f"infer_trajectories by {type(method).__name__}{at}")
    return Trajectories(
        paths=found.paths,
        times=np.asarray(found.times, np.float64),
        owners=np.asarray(found.owners),
        snapshot_times=problem.times,
        volatility=problem.volatility,
        reference=found.reference,
        drifts=found.drifts,
        divergences=np.asarray(found.divergences, np.float64),
        parameters=parameters,
        result=found.result,
        stats=found.stats,
    )
