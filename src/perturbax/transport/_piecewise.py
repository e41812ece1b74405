r"""Bridges from snapshot to snapshot, and paths through all of them.

A process that is Markov under the reference keeps that property in the multi-marginal bridge, so that it splits into
independent bridges between neighbouring snapshots (Shen, Berlinghieri & Broderick 2025). They are solved all at once by
half bridges, in the units `z = x / volatility` where the noise has variance 1. Then every particle of every snapshot
goes forward through all later intervals with their drifts `f`, and backward through all earlier ones with theirs: paths
over the whole time. The divergence of the process from the reference is, by Girsanov's theorem,

    KL(q || p) = sum over intervals of E int |f - b|^2 / 2 dt,

from the particles of each snapshot on through the interval behind it; it holds the noise of the regressions too.
"""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core import check_instance, check_integer
from ._half_bridges import Corrected, half_bridges, increments
from ._reference import AbstractReference
from ._regression import AbstractRegressor, RandomFeatures
from ._sde import simulate


class Whitened(AbstractReference):
    """A reference in units of the volatility."""

    reference: AbstractReference
    volatility: Float[Array, " d"]

    def drift(self, x: Any, t: Any) -> Float[Array, "*batch d"]:
        return self.reference.drift(self.volatility * x, t) / self.volatility


class Pieces(NamedTuple):
    """The bridges of all intervals, with a leading axis of the intervals, in units of the volatility.

    The forward drift is that of the reference and `correction`, `backward` that of the process run backwards; `paths`
    are one for each particle of each snapshot in turn, and `divergence` is that from the reference in nats.
    """

    correction: Any
    backward: Any
    paths: Float[Array, "n times d"]
    divergence: Float[Array, ""]


class PiecewiseIPF(eqx.Module):
    """Iterative proportional fitting in every interval: how the multi-marginal bridge around one reference is found.

    **Arguments:**

    - `iterations`: pairs of half bridges; the error falls geometrically.
    - `particles`: paths from each snapshot, `None` for as many as the largest one has points; more than there are
      points repeat them, and the regressions have less noise.
    - `steps`: of Euler's method in each interval, also in the shorter ones.
    - `regressor`: the family of drifts.

    In float32 the normal equations of the regressions lose the directions that are seen least: within `core.float64()`
    parameters are found more closely, in about twice the time.

    **Raises:** `ValueError` or `TypeError` that names the argument.

    >>> PiecewiseIPF(steps=25).iterations
    10
    """

    iterations: int = 10
    particles: int | None = None
    steps: int = 50
    regressor: AbstractRegressor = RandomFeatures(features=96)

    def __check_init__(self):
        for name in ("iterations", "steps"):
            check_integer(name, getattr(self, name), minimum=1)
        if self.particles is not None:
            check_integer("particles", self.particles, minimum=2)
        check_instance("regressor", self.regressor, AbstractRegressor, "a regressor such as RandomFeatures()")

    def grid(self, times: Float[Array, " snapshots"]) -> Float[Array, "intervals times"]:
        """The times of the steps in each interval, both ends among them."""
        share = jnp.linspace(0.0, 1.0, self.steps + 1, dtype=times.dtype)
        return times[:-1, None] + share * jnp.diff(times)[:, None]

    def evaluations(self, snapshots: int, particles: int) -> int:
        """How often a drift is evaluated by one `solve` while paths are simulated."""
        intervals = snapshots - 1
        return (2 * self.iterations + 1 + 2 * snapshots) * particles * self.steps * intervals

    def solve(
        self,
        points: Float[Array, "snapshots particles d"],
        times: Array,
        reference: AbstractReference,
        key: Any,
        caution: Any,
    ) -> Pieces:
        """The bridges around a reference; `caution` as for `half_bridges`. To be called inside of `jit`."""
        ts = self.grid(times)
        bridge_key, path_key = jax.random.split(key)

        def one(x0: Array, x1: Array, ts: Array, key: Any) -> Any:
            unit = jnp.ones((), x0.dtype)
            return half_bridges(
                self.regressor, lambda _: (x0, x1), reference, unit, ts, key, self.iterations, increments, caution
            )

        keys = jax.random.split(bridge_key, ts.shape[0])
        correction, backward, _ = eqx.filter_vmap(one)(points[:-1], points[1:], ts, keys)
        return follow(correction, backward, points, ts, reference, path_key)


@eqx.filter_jit
def solve_pieces(
    bridges: PiecewiseIPF, points: Array, times: Array, reference: AbstractReference, key: Any, caution: Any
) -> Pieces:
    """`bridges.solve`, compiled."""
    return bridges.solve(points, times, reference, key, caution)


def follow(correction: Any, backward: Any, points: Array, ts: Array, reference: AbstractReference, key: Any) -> Pieces:
    """Paths of all particles along drifts that are given for each interval."""
    snapshots, particles, size = points.shape
    intervals, steps = ts.shape[0], ts.shape[1] - 1
    # Particles that are not on their way yet go along from the snapshot in front, where drifts are known.
    owner = jnp.repeat(jnp.arange(snapshots), particles)[:, None]
    forth_key, back_key = jax.random.split(key)

    def forth(x: Array, item: Any) -> tuple[Array, Array]:
        k, correction, ts, key = item
        x = jnp.where(owner < k, x, jnp.tile(points[k], (snapshots, 1)))
        states = simulate(Corrected(correction, reference), x, ts, 1.0, key=key)
        return states[-1], states

    def back(x: Array, item: Any) -> tuple[Array, Array]:
        k, backward, ts, key = item
        x = jnp.where(owner > k + 1, x, jnp.tile(points[k + 1], (snapshots, 1)))
        states = simulate(lambda x, t: backward(x, ts[0] + ts[-1] - t), x, ts, 1.0, key=key)
        return states[-1], states[::-1]

    start = points.reshape(-1, size)
    index = jnp.arange(intervals)
    _, ahead = scan_modules(forth, start, (index, correction, ts, jax.random.split(forth_key, intervals)))
    _, behind = scan_modules(back, start, (index, backward, ts, jax.random.split(back_key, intervals)), reverse=True)
    states = jnp.where(owner <= index[:, None, None, None], ahead, behind)
    paths = jnp.concatenate([states[:, :-1].reshape(intervals * steps, -1, size), states[-1, -1:]])
    own = ahead.reshape(intervals, steps + 1, snapshots, particles, size)[index, :-1, index]
    energy = eqx.filter_vmap(lambda drift, x, t: jnp.square(jax.vmap(drift)(x, t)).sum(-1).mean(-1).sum())
    divergence = 0.5 * (energy(correction, own, ts[:, :-1]) * (ts[:, 1] - ts[:, 0])).sum()
    return Pieces(correction, backward, paths.swapaxes(0, 1), divergence)


def scan_modules(step: Any, carry: Any, items: Any, reverse: bool = False) -> Any:
    """`lax.scan` over modules whose arrays have a leading axis, and whose other leaves have none."""
    arrays, static = eqx.partition(items, eqx.is_array)
    return jax.lax.scan(lambda carry, item: step(carry, eqx.combine(item, static)), carry, arrays, reverse=reverse)
