"""Bridges whose plan is known, and how far a method's plan is from it: what the studies of transport measure against.

Here are the plan of a mixture of five Gaussians, the exact bridge between two Gaussians, and what paths along a drift
must agree with.
"""

import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from sklearn.datasets import make_swiss_roll

from perturbax import core, stats, transport

# Few starts are near where the true plan switches and carry most of the error, so that a few hundred do not tell it.
_TESTED = 4000
# Methods without a plan: their conditional moments are those of so many draws for each of so many starts.
_BY_DRAWS = transport.IPF | transport.BridgeMatching
_DRAWN_STARTS, _DRAWS = 300, 100


def five_gaussians(key: Any, size: int, epsilon: float) -> transport.Bridge:
    """A bridge with five components: centres `4 N(0, I)`, variances `eps U(0.3, 0.7)`, equal `alpha`."""
    centre_key, spread_key = jax.random.split(key)
    centres = 4.0 * np.asarray(jax.random.normal(centre_key, (5, size)), np.float64)
    spreads = np.asarray(jax.random.uniform(spread_key, (5, size), minval=0.3, maxval=0.7), np.float64)
    return transport.bridge_of_mixture(np.full(5, -np.log(5.0)), centres, spreads, epsilon)


def random_covariances(key: Any, size: int) -> tuple[Float[np.ndarray, "d d"], Float[np.ndarray, "d d"]]:
    """Two covariances `M M' / d + I / 10` with normal `M`, in float64."""
    shapes = np.asarray(jax.random.normal(key, (2, size, size)), np.float64)
    first, second = (m @ m.T / size + 0.1 * np.eye(size) for m in shapes)
    return first, second


def conditional_error(ours: tuple[Any, Any], truth: tuple[Any, Any]) -> float:
    """`100 E BW2^2` between Gaussians with these conditional means `(n, d)` and covariances `(n, d, d)`."""
    return 100.0 * float(np.mean(stats.frechet_distance_of_moments(*ours, *truth)))


def swiss_roll(count: int, seed: int) -> Float[np.ndarray, "n 2"]:
    """The swiss roll in the plane, as in the papers on bridges."""
    return make_swiss_roll(count, noise=0.8, random_state=seed)[0][:, [0, 2]] / 7.5


def mixture_record(
    method: transport.AbstractBridgeMethod | None, size: int, epsilon: float, samples: int, key: Any
) -> dict[str, Any]:
    """A method on the bridge with five components, from normal starts.

    **Arguments:** `method`: of `transport.bridge`, `None` for the plan that ignores the start; `size`, `epsilon`: of
    the bridge; `samples`: of each end; `key`.

    **Returns:** a record with the conditional BW2-UVP `cbw` in per cent, and of a method also with that of the ends,
    `bw`, its floor, `seconds` and, where the method has a potential, the `gap` of its loss.
    """
    truth_key, *keys, pair_key, solve_key, draw_key = jax.random.split(key, 7)
    truth = five_gaussians(truth_key, size, epsilon)
    x0, others = (jax.random.normal(k, (samples, size)) for k in keys[:2])
    x1 = truth.sample(keys[2], others)
    x = jax.random.normal(pair_key, (20_000, size))
    y = truth.sample(jax.random.fold_in(pair_key, 1), x)
    spread = float(jnp.var(x1, axis=0).sum()) / 2.0
    if method is None:
        moments = (
            jnp.broadcast_to(x1.mean(0), (_TESTED, size)),
            jnp.broadcast_to(jnp.cov(x1.T), (_TESTED, size, size)),
        )
        return {"cbw": conditional_error(moments, truth.moments(x[:_TESTED])) / spread}
    started = time.perf_counter()
    problem = transport.BridgeProblem(x0, x1, epsilon)
    solved = transport.bridge(problem, method, key=solve_key, progress=False, throw=False)
    seconds = time.perf_counter() - started
    tested = x[: _DRAWN_STARTS if isinstance(method, _BY_DRAWS) else _TESTED]
    found = _drawn_moments(solved, tested, draw_key) if isinstance(method, _BY_DRAWS) else solved.moments(tested)
    ends = solved.sample(draw_key, x[:5000])
    record = {
        "cbw": conditional_error(found, truth.moments(tested)) / spread,
        "bw": 100.0 * stats.frechet_distance(ends, y) / spread,
        "bw_floor": 100.0 * stats.frechet_distance(truth.sample(draw_key, x[:5000]), y) / spread,
        "seconds": seconds,
    }
    has_potential = isinstance(method, transport.LightSB | transport.LightSBM)
    return record | ({"gap": solved.kl_gap(x, y, truth)} if has_potential else {})


def _drawn_moments(solved: transport.Bridge, x: Any, key: Any) -> tuple[Any, Any]:
    ends = solved.sample(key, jnp.repeat(x, _DRAWS, axis=0)).reshape(len(x), _DRAWS, -1)
    return ends.mean(1), jax.vmap(lambda y: jnp.cov(y.T))(ends)


def gaussian_record(method: transport.LightSB, size: int, epsilon: float, key: Any) -> dict[str, Any]:
    """LightSB with one full component, and the plug-in of sample moments, on the exact bridge between two Gaussians.

    **Returns:** a record with the `residual` of the exact coupling, and the relative errors of the covariance between
    the ends: `error` of the method and `plug_in` of `GaussianBridge()`.
    """
    shape_key, x_key, y_key, solve_key = jax.random.split(key, 4)
    a, b = random_covariances(shape_key, size)
    with core.float64():
        exact = transport.bridge_of_gaussians(np.zeros(size), a, np.zeros(size), b, epsilon)
        process: Any = exact.process
        cross, gain = np.asarray(process.cross_covariance), np.asarray(process.gain)
    # That the plan has the right end, and that its potential is one: eps S = R with a symmetric S.
    residual = max(
        np.abs(gain @ cross + epsilon * gain - b).max(), np.abs(gain - gain.T).max(), np.abs(a @ gain.T - cross).max()
    )
    x0, x1 = (
        np.asarray(jax.random.normal(k, (20_000, size)), np.float64) @ np.linalg.cholesky(c).T
        for k, c in ((x_key, a), (y_key, b))
    )
    problem = transport.BridgeProblem(x0, x1, epsilon)
    trained: Any = transport.bridge(problem, method, key=solve_key, progress=False).process
    plugged: Any = transport.bridge(problem, transport.GaussianBridge(), key=solve_key).process
    fitted = a @ np.asarray(trained.covariances[0], np.float64)
    return {
        "residual": float(residual),
        "error": float(np.linalg.norm(fitted - cross) / np.linalg.norm(cross)),
        "plug_in": float(np.linalg.norm(plugged.cross_covariance - cross) / np.linalg.norm(cross)),
    }


def drift_record(
    method: transport.AbstractBridgeMethod, size: int, epsilon: float, paths: int, key: Any
) -> dict[str, Any]:
    """Euler's method along the drift of a solved bridge against its plan joined by Brownian bridges.

    **Returns:** a record with relative differences of `mean` and `covariance` in the middle, and `bw` of the ends.
    """
    truth_key, pair_key, solve_key, start_key, plan_key, euler_key = jax.random.split(key, 6)
    truth = five_gaussians(truth_key, size, epsilon)
    x0 = jax.random.normal(pair_key, (10_000, size))
    problem = transport.BridgeProblem(x0, truth.sample(pair_key, x0), epsilon)
    solved = transport.bridge(problem, method, key=solve_key, progress=False)
    x = jax.random.normal(start_key, (paths, size))
    by_plan = solved.path(plan_key, x, [0.5, 1.0])

    @jax.jit
    def euler(x: Any) -> Any:
        return transport.simulate(
            solved.process.drift, x, jnp.array([0.0, 0.5, 1.0]), solved.epsilon, key=euler_key, steps=250
        )[1:]

    by_drift = euler(x)
    middle, other = (np.asarray(paths[0], np.float64) for paths in (by_drift, by_plan))
    covariance, wanted = np.cov(middle.T), np.cov(other.T)
    spread = float(np.var(np.asarray(by_plan[1]), axis=0).sum()) / 2.0
    return {
        "mean": float(np.linalg.norm(middle.mean(0) - other.mean(0)) / np.sqrt(np.trace(wanted))),
        "covariance": float(np.linalg.norm(covariance - wanted) / np.linalg.norm(wanted)),
        "bw": 100.0 * stats.frechet_distance(by_drift[1], by_plan[1]) / spread,
    }
