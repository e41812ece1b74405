"""Interpolants whose fields are known: what the study of stochastic interpolants measures against.

A mixture of three Gaussians is carried to one of five along every path, by ODE and SDEs in both directions; paths from
noise and mirrors end at the same five.
"""

import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from perturbax import core, stats, transport

_NOISES = {
    "bridge": transport.BridgeNoise(),
    "parabolic": transport.ParabolicNoise(),
    "sine": transport.SineNoise(),
    "sigmoid": transport.SigmoidNoise(),
    "none": transport.NoNoise(),
}
PATHS: dict[str, transport.AbstractPath] = {
    **{f"linear, {name}": transport.LinearPath(noise) for name, noise in _NOISES.items()},
    **{f"trigonometric, {name}": transport.TrigonometricPath(noise) for name, noise in _NOISES.items()},
    **{f"mirror, {name}": transport.MirrorPath(noise) for name, noise in _NOISES.items() if name != "none"},
    "encoding-decoding": transport.EncodingDecodingPath(),
    "one-sided linear": transport.OneSidedLinearPath(),
    "one-sided trigonometric": transport.OneSidedTrigonometricPath(),
    "variance-preserving": transport.VariancePreservingPath(),
}
# At 200 steps a diffusion of 5 makes modes of standard deviation 0.3 12 % too narrow.
_STEPS = {0.0: 200, 0.1: 200, 1.0: 200, 5.0: 800}


def _laws() -> dict[str, stats.GaussianMixture]:
    """The mixtures of the exact fields, and noise."""
    angles = 2.0 * math.pi * np.arange(5) / 5.0
    five = 3.0 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return {
        "three": stats.GaussianMixture([0.5, 0.3, 0.2], [[-2.0, 0.0], [2.0, 1.0], [0.0, -2.0]], np.full((3, 2), 0.25)),
        "five": stats.GaussianMixture([0.1, 0.15, 0.2, 0.25, 0.3], five, np.full((5, 2), 0.09)),
        "noise": stats.GaussianMixture([1.0], [[0.0, 0.0]], [[1.0, 1.0]]),
    }


def exact_record(name: str, epsilons: Sequence[float], n: int, key: Any) -> dict[str, Any]:
    """Samples of size `n` carried along a path of `PATHS` by exact fields, by every diffusion, in both directions.

    **Returns:** a record with `excess`, one for each run, and `continuity`.
    """
    path, laws = PATHS[name], _laws()
    first = laws["three"] if path.two_sided else None
    exact = transport.mixture_fields(first, laws["five"], path)
    start = "three" if path.two_sided else "noise" if path.one_sided else "five"
    excess = []
    for epsilon in epsilons:
        method = transport.SDE(transport.Constant(epsilon), steps=_STEPS[epsilon])
        for end, other, carry in (("five", start, exact.forward), (start, "five", exact.reverse)):
            keys = jax.random.split(jax.random.fold_in(key, len(excess)), 3)
            found = carry(laws[other].sample(keys[0], n), method, key=keys[1]).x
            distance = stats.energy_distance(found, laws[end].sample(keys[2], n))
            excess.append(distance / _floor(end, n))
    return {"excess": np.asarray(excess), "continuity": float(_continuity(exact, key, 60 * n))}


def _floor(name: str, n: int, samples: int = 32) -> float:
    """The 99.9 % quantile of the energy distances between all pairs of samples of a law."""

    def build() -> float:
        points = [_laws()[name].sample(key, n) for key in jax.random.split(jax.random.key(0), samples)]
        within = [float(_mean_distance(x, x)) for x in points]
        values = [
            2.0 * float(_mean_distance(points[i], points[j])) - within[i] - within[j]
            for i in range(samples)
            for j in range(i)
        ]
        return float(np.quantile(values, 0.999))

    return core.cached("interpolants-floor", {"law": _laws()[name], "n": n, "samples": samples}, build)


@jax.jit
def _mean_distance(x: Any, y: Any) -> Any:
    """The mean distance of all pairs; each sample's own part then serves all its pairs, which a distance of two samples
    would compute again."""
    square = sum(jnp.square(x[:, None, i] - y[None, :, i]) for i in range(x.shape[1]))
    return jnp.sqrt(square).mean(1).mean()


def _functions(x: Any) -> Any:
    """Test functions of points `(n, 2)`, shape `(n, 5)`."""
    a, b = x[:, 0], x[:, 1]
    return jnp.stack([a, a**2, a * b, jnp.sin(a + b), jnp.exp(-(a**2 + b**2) / 8.0)], axis=1)


def _continuity(exact: transport.Interpolation, key: Any, n: int) -> float:
    """The largest relative gap of five test functions at three times."""
    keys = jax.random.split(key, 3)
    ends = exact.coupling.ends
    x1 = ends.second(keys[1], n)[0]
    x0 = jnp.zeros_like(x1) if ends.x0 is None else ends.first(keys[0], n)
    z = jax.random.normal(keys[2], x1.shape)

    @jax.jit
    def gaps(t: Any) -> Any:
        def mean(t: Any) -> Any:
            # Noise of both signs halves the variance and more.
            states = [exact.path.state(t, x0, x1, sign * z) for sign in (1.0, -1.0)]
            return sum(_functions(x).mean(0) for x in states) / 2.0

        _, rate = jax.jvp(mean, (t,), (jnp.ones_like(t),))
        moved = []
        for sign in (1.0, -1.0):
            x = exact.path.state(t, x0, x1, sign * z)
            moved.append(jax.jvp(_functions, (x,), (exact.fields(x, t).velocity,))[1])
        moved = jnp.concatenate(moved)
        return jnp.abs(rate - moved.mean(0)) / jnp.abs(moved).mean(0)

    return max(float(gaps(jnp.asarray(t)).max()) for t in (0.2, 0.4, 0.8))


def order_record(n: int, key: Any) -> dict[str, Any]:
    """Errors of the variance by Euler's method along an SDE from noise to `N(2, 4)`, in 10 and in 20 steps."""
    law = stats.GaussianMixture([1.0], [[2.0]], [[4.0]])
    exact = transport.mixture_fields(None, law, transport.OneSidedLinearPath())
    starts = jax.random.normal(key, (n, 1))

    def error(steps: int) -> float:
        method = transport.SDE(transport.Constant(1.0), steps, transport.EulerMaruyama(), margin=0.01)
        return abs(float(exact.forward(starts, method, key=key).x.var()) - 4.0)

    return {"euler_ratio": error(10) / error(20)}


def bridge_record(times: Sequence[float]) -> dict[str, Any]:
    """`b + eps / 2 s` of the entropic coupling of Gaussians against the drift of their bridge."""
    epsilon, worst = 1.0, 0.0
    with core.float64():
        bridge = transport.bridge_of_gaussians([0.0], [[1.0]], [0.0], [[0.25]], epsilon)
        process: Any = bridge.process
        first, second = (stats.GaussianMixture([1.0], [[0.0]], [[variance]]) for variance in (1.0, 0.25))
        path = transport.LinearPath(transport.BridgeNoise(epsilon))
        exact = transport.mixture_fields(first, second, path, np.asarray(process.cross_covariance)[None, None])
        x = np.linspace(-2.0, 2.0, 81)[:, None]
        for t in times:
            gap = np.asarray(exact.drift(x, t, epsilon / 2.0)) - np.asarray(bridge.drift(x, t))
            worst = max(worst, float(np.abs(gap).max()))
    return {"drift_error": worst}
