"""LightSB against its peers on a known plan: `python benchmarks/transport.py`.

In 16 dimensions with five modes and eps = 1: seconds and error of the conditional laws (cBW2-UVP, per cent, 300 test
starts) of LightSB, of ott-jax's Sinkhorn with its entropic map and plan, of POT's, and of torchcfm's minibatch bridges
trained for as long as LightSB took. Then how seconds grow with the samples.
"""

import importlib.metadata
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from _timing import timed
from perturbax import core, transport
from perturbax.studies.known_bridges import conditional_error, five_gaussians

SIZE, EPSILON = 16, 1.0
METHOD = transport.LightSB(50, steps=3000, batch_size=128)


def version(package: str) -> str:
    return f"{package} {importlib.metadata.version(package)}"


class Task:
    """Samples of a known plan, and test starts."""

    def __init__(self, count: int, seed: int = 0):
        truth_key, x_key, y_key, end_key, test_key = jax.random.split(jax.random.key(seed), 5)
        self.truth = five_gaussians(truth_key, SIZE, EPSILON)
        self.x0 = jax.random.normal(x_key, (count, SIZE))
        self.x1 = self.truth.sample(end_key, jax.random.normal(y_key, (count, SIZE)))
        self.starts = jax.random.normal(test_key, (300, SIZE))
        self.spread = float(jnp.var(self.x1, axis=0).sum()) / 2.0

    def problem(self, points: int | None = None) -> transport.BridgeProblem:
        """All samples or the first ones, the same for every peer: of few the error depends on which."""
        return transport.BridgeProblem(self.x0[:points], self.x1[:points], EPSILON)

    def error(self, moments: Any) -> float:
        return conditional_error(moments, self.truth.moments(self.starts)) / self.spread


def solve(task: Task, method: Any, points: int | None = None) -> Callable[[], Any]:
    def run() -> Any:
        key = jax.random.key(1)
        return transport.bridge(task.problem(points), method, key=key, progress=False, throw=False).process

    return run


def report(name: str, seconds: float, error: float, own: tuple[float, float]) -> None:
    print(f"{name:58} {seconds:7.2f} s  {seconds / own[0]:6.2f}x   cBW2-UVP {error:6.2f} %  {error / own[1]:6.1f}x")


def compare() -> None:
    task = Task(10_000)
    seconds, process = timed(solve(task, METHOD))
    own = (seconds, task.error(process.moments(task.starts)))
    report("LightSB, 10 000 samples", *own, own)
    for points in (2500, 10_000):
        method = transport.Sinkhorn(points=points, max_iterations=200)
        seconds, process = timed(solve(task, method, points), warm=points < 10_000)
        report(
            f"Sinkhorn, {points} samples, {version('ott-jax')}", seconds, task.error(process.moments(task.starts)), own
        )
    report(f"Sinkhorn, 2500 samples, {version('POT')}", *pot(task, 2500), own)
    report(f"SB-CFM, equal time, {version('torchcfm')}", *cfm(task, own[0]), own)


def pot(task: Task, points: int) -> tuple[float, float]:
    import ot

    x, y = (np.asarray(z[:points], np.float64) for z in (task.x0, task.x1))
    weights = np.full(points, 1.0 / points)
    started = time.perf_counter()
    cost = ot.dist(x, y) / 2.0
    _, log = ot.sinkhorn(weights, weights, cost, EPSILON, method="sinkhorn_log", numItermax=200, warn=False, log=True)
    seconds = time.perf_counter() - started
    terms = log["log_v"] - ot.dist(np.asarray(task.starts, np.float64), y) / (2.0 * EPSILON)
    share = np.exp(terms - terms.max(1, keepdims=True))
    share /= share.sum(1, keepdims=True)
    mean = share @ y
    second = np.einsum("nk,ki,kj->nij", share, y, y, optimize=True)
    return seconds, task.error((mean, second - mean[:, :, None] * mean[:, None, :]))


def cfm(task: Task, budget: float, steps: int = 50, draws: int = 200) -> tuple[float, float]:
    """Flow and score by networks of three layers of 64, simulated as an SDE."""
    import torch
    from torchcfm.conditional_flow_matching import SchrodingerBridgeConditionalFlowMatcher

    torch.manual_seed(0)
    x0, x1 = (torch.from_numpy(np.array(z)) for z in (task.x0, task.x1))

    def network() -> torch.nn.Module:
        layers = [torch.nn.Linear(SIZE + 1, 64), torch.nn.SELU()]
        layers += [torch.nn.Linear(64, 64), torch.nn.SELU(), torch.nn.Linear(64, 64), torch.nn.SELU()]
        return torch.nn.Sequential(*layers, torch.nn.Linear(64, SIZE))

    flow, score = network(), network()
    optimizer = torch.optim.Adam([*flow.parameters(), *score.parameters()], 1e-3)
    matcher = SchrodingerBridgeConditionalFlowMatcher(sigma=EPSILON**0.5, ot_method="exact")
    started = time.perf_counter()
    while time.perf_counter() - started < budget:
        picked = [z[torch.randint(len(z), (128,))] for z in (x0, x1)]
        t, x, u, noise = matcher.sample_location_and_conditional_flow(*picked, return_noise=True)
        inputs = torch.cat([x, t[:, None]], 1)
        loss = ((flow(inputs) - u) ** 2).mean()
        loss = loss + ((matcher.compute_lambda(t)[:, None] * score(inputs) + noise) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    seconds = time.perf_counter() - started
    x = torch.from_numpy(np.array(task.starts)).repeat_interleave(draws, 0)
    with torch.no_grad():
        for i in range(steps):
            inputs = torch.cat([x, torch.full((len(x), 1), i / steps)], 1)
            # With this weight the second network learns the score times sigma^2 / 2.
            drift = flow(inputs) + score(inputs)
            x = x + drift / steps + (EPSILON / steps) ** 0.5 * torch.randn_like(x)
    ends = x.numpy().reshape(len(task.starts), draws, SIZE)
    centred = ends - ends.mean(1, keepdims=True)
    return seconds, task.error((ends.mean(1), np.einsum("nki,nkj->nij", centred, centred) / (draws - 1)))


def growth() -> None:
    """Seconds at equal settings as the samples grow: constant for LightSB, quadratic for Sinkhorn's algorithm."""
    print("samples      LightSB     Sinkhorn")
    for count in (1000, 2000, 4000):
        task = Task(count)
        light, _ = timed(solve(task, METHOD))
        discrete, _ = timed(solve(task, transport.Sinkhorn(points=count, max_iterations=50)))
        print(f"{count:7}  {light:8.2f} s  {discrete:9.2f} s")


if __name__ == "__main__":
    core.enable_compilation_cache()
    compare()
    growth()
