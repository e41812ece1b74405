r"""One forward drift for all intervals: half bridges that regress the paths of every interval together.

Shen, Berlinghieri & Broderick 2025 compare with it. With backward drifts `b_i` from snapshot `i + 1` to `i`,

    f   <- regression on the paths of all b_i together,
    b_i <- regression on the paths of f from snapshot i,

so that intervals speak to each other through the smoothness of `f` in space and time, and not through a family.
"""

from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array

from ..core import Paper, check_instance
from . import _papers
from ._half_bridges import Corrected
from ._infer import AbstractTrajectoryMethod
from ._inferred import Inferred, Settled
from ._piecewise import Pieces, PiecewiseIPF, Whitened, follow
from ._sde import simulate
from ._snapshots import Snapshots


class SharedDrift(AbstractTrajectoryMethod):
    """Half bridges with a single forward drift, around `problem.reference` as it is.

    Where the drift does not depend on time, or slowly, this smooths over the snapshots; each end is met less closely
    than with a drift for each interval.

    **Arguments:** `bridges`: iterations, particles, steps and regressor, as for the other methods.

    **Returns:** a frozen method for `transport.infer_trajectories`.

    **Raises:** `TypeError` that names the argument.

    Source: Shen, Berlinghieri & Broderick 2025, arXiv 2408.06277 (the baseline SB-forward of their code).

    >>> import jax, numpy as np
    >>> from perturbax import transport
    >>> x = np.random.default_rng(0).normal(size=(100, 1))
    >>> problem = transport.Snapshots([x, x + 3.0], [0.0, 1.0], volatility=1.0)
    >>> quick = transport.SharedDrift(transport.PiecewiseIPF(iterations=2, steps=10))
    >>> transport.infer_trajectories(problem, quick, key=jax.random.key(0)).at(0.5).shape
    (200, 1)
    """

    bridges: PiecewiseIPF = PiecewiseIPF()

    papers: ClassVar[tuple[Paper, ...]] = (_papers.SBIRR, _papers.MAXIMUM_LIKELIHOOD_IPF)

    def __check_init__(self):
        check_instance("bridges", self.bridges, PiecewiseIPF, "PiecewiseIPF()")

    def infer(self, problem: Snapshots, key: Any, progress: bool | None) -> Inferred:
        settled = Settled.of(problem, problem.reference, self.bridges.particles, key)
        return settled.inferred(settled.solve(self.bridges, key, _solve), self.bridges, problem.reference)


@eqx.filter_jit
def _solve(bridges: PiecewiseIPF, points: Array, times: Array, reference: Whitened, key: Any, caution: Any) -> Pieces:
    ts = bridges.grid(times)
    intervals = ts.shape[0]
    steps = (ts[:, -1] - ts[:, 0]) / bridges.steps
    feature_key, first_key, loop_key, path_key = jax.random.split(key, 4)
    drawn = bridges.regressor.draw(feature_key, points.shape[-1])

    def fit(at: Array, times: Array, targets: Array, noise: Array) -> Any:
        t = jnp.repeat(times.reshape(-1), at.shape[-2])
        x, targets = (z.reshape(-1, z.shape[-1]) for z in (at, targets))
        return bridges.regressor.fit(drawn, x, t, targets, caution * noise)

    def backward_drifts(drift: Any, key: Any) -> Any:
        def one(x: Array, ts: Array, step: Array, key: Any) -> Any:
            path = simulate(drift, x, ts, 1.0, key=key)
            return fit(path[1:], ts[1:], (path[:-1] - path[1:]) / step, 1.0 / step)

        return eqx.filter_vmap(one)(points[:-1], ts, steps, jax.random.split(key, intervals))

    def forward_drift(backwards: Any, key: Any) -> Any:
        def one(backward: Any, x: Array, ts: Array, step: Array, key: Any) -> tuple[Array, Array]:
            path = simulate(lambda x, t: backward(x, ts[0] + ts[-1] - t), x, ts, 1.0, key=key)[::-1]
            rates = (path[1:] - path[:-1]) / step
            return path[:-1], rates - jax.vmap(reference.drift)(path[:-1], ts[:-1])

        at, targets = eqx.filter_vmap(one)(backwards, points[1:], ts, steps, jax.random.split(key, intervals))
        return fit(at, ts[:, :-1], targets, (1.0 / steps).mean())

    def iteration(carry: tuple[Any, Any], key: Any) -> tuple[tuple[Any, Any], None]:
        back_key, forth_key = jax.random.split(key)
        correction = forward_drift(carry[0], back_key)
        return (backward_drifts(Corrected(correction, reference), forth_key), correction), None

    first = backward_drifts(reference.drift, first_key)
    keys = jax.random.split(loop_key, bridges.iterations)
    nothing = jax.tree.map(lambda leaf: jnp.zeros_like(leaf[0]) if eqx.is_array(leaf) else leaf, first)
    (backwards, correction), _ = jax.lax.scan(iteration, (first, nothing), keys)
    repeated = jax.tree.map(lambda leaf: jnp.stack([leaf] * intervals) if eqx.is_array(leaf) else leaf, correction)
    return follow(repeated, backwards, points, ts, reference, path_key)
