"""SBIRR against torchcfm on snapshots of prey and predators: `python benchmarks/trajectories.py`.

Five snapshots of 50 points, the four between them held out: seconds, and the mean Wasserstein distance of order 1 to
the held-out ones, of `SBIRR`, of bridges around Brownian motion by the same solver, of optimal transport along straight
lines (as tools for time courses do between days), and of torchcfm's matching of bridges between consecutive snapshots,
trained for as long as SBIRR took. Then how seconds of one iteration grow with the particles.
"""

import importlib.metadata
import itertools
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from _timing import timed
from perturbax import core, stats, systems, transport

VOLATILITY = 0.1
TIMES = np.arange(9.0)
BRIDGES = transport.PiecewiseIPF()


def populations(count: int, seed: int = 0) -> np.ndarray:
    """Independent populations at all times, shape `(times, count, 2)`."""
    start_key, path_key = jax.random.split(jax.random.key(seed))
    start = jnp.array([5.0, 4.0]) + 0.1 * jax.random.uniform(start_key, (len(TIMES), count, 2))
    paths = jax.jit(
        lambda x: transport.simulate(
            systems.LotkaVolterra(), x, jnp.asarray(TIMES), VOLATILITY**2, key=path_key, steps=100
        )
    )(start)
    return np.asarray(paths[np.arange(len(TIMES)), np.arange(len(TIMES))])


def error(states: Callable[[float], Any], snapshots: np.ndarray) -> float:
    return float(np.mean([stats.wasserstein(states(t), snapshots[int(t)], order=1) for t in TIMES[1::2]]))


def problem(snapshots: np.ndarray) -> transport.Snapshots:
    family = transport.DriftReference(systems.LotkaVolterra(*[1e-5] * 4))
    return transport.Snapshots(list(snapshots[::2]), TIMES[::2], VOLATILITY, family)


def solve(snapshots: np.ndarray, method: Any) -> Any:
    return transport.infer_trajectories(problem(snapshots), method, key=jax.random.key(1), progress=False)


def cfm(snapshots: np.ndarray, budget: float, steps: int = 50) -> tuple[float, float]:
    """Flow and score by networks of three layers of 64 over all intervals, simulated from the first points."""
    import torch
    from torchcfm.conditional_flow_matching import SchrodingerBridgeConditionalFlowMatcher

    torch.manual_seed(0)
    ends = [torch.from_numpy(x.astype(np.float32)) for x in snapshots[::2]]
    span = float(TIMES[2])
    sigma = VOLATILITY * span**0.5

    def network() -> torch.nn.Module:
        layers = [torch.nn.Linear(3, 64), torch.nn.SELU()]
        layers += [torch.nn.Linear(64, 64), torch.nn.SELU(), torch.nn.Linear(64, 64), torch.nn.SELU()]
        return torch.nn.Sequential(*layers, torch.nn.Linear(64, 2))

    flow, score = network(), network()
    optimizer = torch.optim.Adam([*flow.parameters(), *score.parameters()], 1e-3)
    matcher = SchrodingerBridgeConditionalFlowMatcher(sigma=sigma, ot_method="exact")
    started = time.perf_counter()
    while time.perf_counter() - started < budget:
        loss = torch.zeros(())
        for i, (x0, x1) in enumerate(itertools.pairwise(ends)):
            t, x, u, noise = matcher.sample_location_and_conditional_flow(x0, x1, return_noise=True)
            inputs = torch.cat([x, t[:, None] + i], 1)
            loss = loss + ((flow(inputs) - u) ** 2).mean()
            loss = loss + ((matcher.compute_lambda(t)[:, None] * score(inputs) + noise) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    seconds = time.perf_counter() - started
    x, states = ends[0].repeat(5, 1), {0.0: ends[0]}
    with torch.no_grad():
        for i in range(steps * (len(ends) - 1)):
            inputs = torch.cat([x, torch.full((len(x), 1), i / steps)], 1)
            # With this weight the second network learns the score times sigma^2 / 2.
            x = x + (flow(inputs) + score(inputs)) / steps + sigma / steps**0.5 * torch.randn_like(x)
            states[round(span * (i + 1) / steps, 6)] = x
    return seconds, error(lambda t: states[t].numpy(), snapshots)


def compare() -> None:
    snapshots = populations(50)
    seconds, found = timed(lambda: solve(snapshots, transport.SBIRR(bridges=BRIDGES)))
    own = (seconds, error(found.at, snapshots))
    rows = [("SBIRR", *own)]
    for name, method in (
        ("Brownian reference (VanillaSB)", transport.VanillaSB(BRIDGES)),
        ("straight lines (McCannInterpolation)", transport.McCannInterpolation()),
    ):
        seconds, found = timed(lambda method=method: solve(snapshots, method))
        rows.append((name, seconds, error(found.at, snapshots)))
    rows.append((f"SB-CFM, equal time, torchcfm {importlib.metadata.version('torchcfm')}", *cfm(snapshots, own[0])))
    for name, seconds, emd in rows:
        print(f"{name:48} {seconds:7.2f} s  {seconds / own[0]:6.3f}x   EMD {emd:6.3f}  {emd / own[1]:6.2f}x")


def growth() -> None:
    """Seconds of a bridge through all snapshots as the particles grow: linear, at a fixed number of features."""
    print("particles   seconds")
    for count in (50, 100, 200, 400):
        snapshots = populations(count)
        seconds, _ = timed(lambda snapshots=snapshots: solve(snapshots, transport.VanillaSB(BRIDGES)))
        print(f"{count:9}  {seconds:8.2f} s")


if __name__ == "__main__":
    core.enable_compilation_cache()
    compare()
    growth()
