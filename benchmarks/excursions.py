"""Excursions: paths against fbm and stochastic, and the exponent against brute-force simulation."""

import importlib.metadata
import math
from typing import Any

import jax
import numpy as np

from _timing import seconds
from perturbax import core, stats

PATHS, POINTS, HURST = 256, 4096, 0.75


def increments(t: Any) -> Any:
    """The correlation of fractional Gaussian noise."""
    return 0.5 * ((t + 1.0) ** (2 * HURST) - 2.0 * t ** (2 * HURST) + abs(t - 1.0) ** (2 * HURST))


def paths() -> None:
    """All three draw exact fractional Gaussian noise by circulant embedding.

    fbm builds each path in Python. Of stochastic's time, as of ours, most goes into the normal numbers: on a CPU there
    is nothing to win but cores.
    """
    try:
        from fbm import FBM
        from stochastic.processes.noise import FractionalGaussianNoise
    except ModuleNotFoundError as missing:
        print(f"{missing.name} is not installed: pip install fbm==0.3.0 stochastic==0.6.0")
        return
    embedding = stats.CirculantEmbedding(increments, POINTS, 1.0)
    key, single = jax.random.key(0), np.float32
    ours = {"float32": seconds(lambda: embedding.sample(key, PATHS, single))}
    with core.float64():
        ours["float64"] = seconds(lambda: embedding.sample(key, PATHS, np.float64))
    one, other = FBM(POINTS, HURST, length=POINTS), FractionalGaussianNoise(HURST, t=POINTS)
    theirs = {
        "fbm": seconds(lambda: [one.fgn() for _ in range(PATHS)], 3),
        "stochastic": seconds(lambda: [other.sample(POINTS) for _ in range(PATHS)]),
    }
    for name, taken in theirs.items():
        ratios = ", ".join(f"{taken / own:.1f} times faster in {precision}" for precision, own in ours.items())
        print(
            f"{PATHS} paths of {POINTS} points: {name} {importlib.metadata.version(name)} {1e3 * taken:.0f} ms; "
            f"ours {1e3 * ours['float32']:.0f} ms and {1e3 * ours['float64']:.0f} ms: {ratios}"
        )


def exponent() -> None:
    """The simulated exponent has the relative error 1 / sqrt(number of excursions beyond twice the mean)."""
    problem = stats.StationaryGaussian(stats.covariances.Diffusion(2))
    ours = seconds(lambda: stats.excursions(problem, stats.SlepianIIA()).survival)
    method = stats.SimulatedExcursions(paths=64)
    taken = seconds(lambda: stats.excursions(problem, method, key=jax.random.key(0)).survival, 3)
    durations = stats.excursions(problem, method, key=jax.random.key(0)).durations
    beyond = int((durations > 2.0 * durations.mean()).sum())
    needed = taken * 1e4 / beyond
    print(
        f"theta: independent intervals {1e3 * ours:.1f} ms; simulation to 1 percent about {needed:.0f} s "
        f"({durations.size} excursions in {taken:.2f} s): {needed / ours:.0f} times slower"
    )
    for points in (2**13, 2**15, 2**17):
        grown = seconds(lambda points=points: stats.excursions(problem, stats.SlepianIIA(points=points)).survival)
        unit = 1e9 * grown / points / math.log2(points)
        print(f"    law on {points} points: {1e3 * grown:.1f} ms, {unit:.1f} ns / (n log2 n)")


if __name__ == "__main__":
    core.enable_compilation_cache()
    print(f"on {jax.devices()[0].device_kind}, jax {jax.__version__}, numpy {np.__version__}")
    paths()
    exponent()
