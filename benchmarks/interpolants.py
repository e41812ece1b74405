"""Stochastic interpolants against torchcfm and torchdiffeq: `python benchmarks/interpolants.py`.

The same perceptron (3 layers of 96, SiLU) on the same task, noise to eight Gaussians on a circle: seconds of training
for the same steps, batch and learning rate by conditional flow matching, and the energy distance of what is drawn then;
seconds of drawing 5000 points by 200 steps of Euler's method, and by adaptive solvers of order 5 at one tolerance. The
interpolant with its denoiser and its SDE has no peer in torchcfm; it stands beside for its price. torch computes on the
CPU with the threads that it takes.
"""

import importlib.metadata
import itertools
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import torch
from torchcfm.conditional_flow_matching import ConditionalFlowMatcher
from torchdiffeq import odeint

from _timing import timed
from perturbax import stats, transport
from perturbax.studies.interpolants import circle

STEPS, BATCH, DRAWN, REPEATS = 1000, 512, 5000, 3


def version(package: str) -> str:
    return f"{package} {importlib.metadata.version(package)}"


def report(what: str, ours: float, theirs: float, peer: str) -> None:
    print(f"{what:44} perturbax {ours:7.3f} s   {peer} {theirs:7.3f} s   {theirs / ours:5.2f}x faster")


class Field(torch.nn.Module):
    """The same perceptron on `[x, t]`."""

    def __init__(self) -> None:
        super().__init__()
        sizes = (3, 96, 96, 96)
        layers = [part for a, b in itertools.pairwise(sizes) for part in (torch.nn.Linear(a, b), torch.nn.SiLU())]
        self.layers = torch.nn.Sequential(*layers, torch.nn.Linear(96, 2))

    def forward(self, t: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        return self.layers(torch.cat([x, t.reshape(-1, 1).expand(len(x), 1)], 1))


def train_torch(points: torch.Tensor) -> Field:
    torch.manual_seed(0)
    field = Field()
    optimizer = torch.optim.Adam(field.parameters(), 2e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
    matcher = ConditionalFlowMatcher(sigma=0.0)
    for _ in range(STEPS):
        x1 = points[torch.randint(len(points), (BATCH,))]
        t, x, u = matcher.sample_location_and_conditional_flow(torch.randn_like(x1), x1)
        loss = ((field(t, x) - u) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return field


def main() -> None:
    law, key = circle(), jax.random.key(0)
    points = np.asarray(law.sample(key, 50_000))
    target = law.sample(jax.random.key(1), DRAWN)
    coupling = transport.Coupling(None, points)

    def train(method: Any) -> transport.Interpolation:
        return transport.fit_interpolant(coupling, method, key=key, progress=False)

    settings: dict[str, Any] = {"steps": STEPS, "batch_size": BATCH}
    seconds, flow = timed(lambda: train(transport.FlowMatching(**settings)), REPEATS)
    theirs, field = timed(lambda: train_torch(torch.from_numpy(points)), REPEATS)
    peers = f"{version('torchcfm')}, {version('torch')}"
    report(f"training, {STEPS} steps of {BATCH}", seconds, theirs, peers)
    full, interpolant = timed(
        lambda: train(transport.StochasticInterpolant(transport.OneSidedLinearPath(), **settings)), REPEATS
    )
    print(f"{'  the same with velocity and denoiser':44} perturbax {full:7.3f} s")

    x = np.asarray(jax.random.normal(jax.random.key(2), (DRAWN, 2)))
    rows = torch.from_numpy(x)
    times = torch.linspace(0.0, 1.0, 201)
    with torch.no_grad():
        ours, drawn = timed(lambda: flow.forward(x, transport.ODE(margin=0.0)).x, REPEATS)
        other, drawn_torch = timed(
            lambda: odeint(field, rows, times[[0, -1]], rtol=1e-5, atol=1e-5, method="dopri5")[-1], REPEATS
        )
        report("drawing, adaptive, tolerance 1e-5", ours, other, version("torchdiffeq"))
        ours, _ = timed(lambda: euler(flow.fields, jnp.asarray(x)), REPEATS)
        other, _ = timed(lambda: odeint(field, rows, times, method="euler")[-1], REPEATS)
        report("drawing, 200 steps of Euler", ours, other, version("torchdiffeq"))
    for name, points_drawn in (("perturbax", drawn), ("torchcfm", drawn_torch)):
        print(f"energy distance of what {name} draws: {stats.energy_distance(np.asarray(points_drawn), target):.4f}")
    by_sde, drawn = timed(lambda: interpolant.forward(x, transport.SDE(), key=key).x, REPEATS)
    print(
        f"{'drawing, 200 steps of an SDE by Heun':44} perturbax {by_sde:7.3f} s, "
        f"energy distance {stats.energy_distance(np.asarray(drawn), target):.4f}"
    )


@eqx.filter_jit
def euler(fields: Any, x: Any) -> Any:
    """Equal steps of the velocity alone, as the peer makes them."""
    ts = jnp.array([0.0, 1.0])
    return transport.simulate(lambda x, t: fields(x, t).velocity, x, ts, 0.0, key=jax.random.key(0), steps=200)[-1]


if __name__ == "__main__":
    main()
