"""Preference optimisation: the loss against torch code, what the cached reference saves, and a step against torch.

`python benchmarks/dcpo.py`. Runs are timed in turn and medians are printed, so that what else the machine does falls on
both sides. No library has the loss of Diffusion-DPO as a function: the torch side is written down here from the formula
of its paper, as training scripts have it.
"""

import statistics
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import torch

from perturbax import core, diffusion, nn

WIDTH, PAIRS, BATCH, BETA = 256, 1024, 64, 500.0


def torch_dpo(errors: torch.Tensor, reference: torch.Tensor) -> torch.Tensor:
    model_difference = errors[0] - errors[1]
    reference_difference = reference[0] - reference[1]
    return -torch.nn.functional.logsigmoid(-0.5 * BETA * (model_difference - reference_difference)).mean()


def agreement() -> None:
    four = np.abs(np.random.default_rng(0).normal(1.0, 0.01, size=(4, 4096))).astype(np.float32)
    tensors = torch.from_numpy(four)
    wanted = float(torch_dpo(tensors[:2], tensors[2:]))
    ours = float(diffusion.losses.dpo(*jnp.asarray(four), beta=BETA))
    in_torch = float(diffusion.losses.dpo(*tensors, beta=BETA))
    difference = max(abs(ours - wanted), abs(in_torch - wanted))
    print(f"loss of the same four errors: differs from torch {torch.__version__} by {difference:.1e} (wanted 1e-6)")


def align(cached_draws: int | None, steps: int) -> float:
    """Seconds of steps after the compilation, and after the reference was asked."""
    random = np.random.default_rng(0)
    winner, loser = random.normal(size=(2, PAIRS, 64)).astype(np.float32)
    network = nn.ResidualMLP(64, width=WIDTH, blocks=3, classes=10, key=jax.random.key(0))
    pairs = diffusion.PreferencePairs(winner, loser, random.integers(0, 10, PAIRS))
    problem = diffusion.AlignmentProblem(
        nn.EDMPreconditioned(network, 1.0), diffusion.EDM(), pairs, diffusion.Data(), levels=diffusion.LogNormalLevels()
    )
    marks: list[float] = []
    diffusion.align(
        problem,
        diffusion.DiffusionDPO(BETA),
        key=jax.random.key(1),
        steps=steps,
        batch_size=BATCH,
        optimizer=_ADAM,
        cached_draws=cached_draws,
        winner_limit=None,
        chunk=steps // 4,
        callback=lambda _: marks.append(time.perf_counter()),
        progress=False,
    )
    return (marks[-1] - marks[0]) / (steps - steps // 4)


_ADAM = optax.adam(1e-5)


class TorchNetwork(torch.nn.Module):
    """`nn.ResidualMLP` in torch."""

    def __init__(self) -> None:
        super().__init__()
        self.inputs, self.outputs = torch.nn.Linear(64, WIDTH), torch.nn.Linear(WIDTH, 64)
        self.level, self.labels = torch.nn.Linear(32, WIDTH), torch.nn.Embedding(10, WIDTH)
        self.inner, self.outer = (torch.nn.ModuleList(torch.nn.Linear(WIDTH, WIDTH) for _ in range(3)) for _ in "ab")
        self.register_buffer("frequencies", torch.logspace(np.log10(0.25), np.log10(16.0), 16))

    def forward(self, x: torch.Tensor, sigma: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        total = torch.sqrt(sigma**2 + 1.0)
        angles = torch.log(sigma) / 4.0 * self.frequencies
        told = self.level(torch.cat([torch.sin(angles), torch.cos(angles)], dim=1)) + self.labels(label)
        c = torch.nn.functional.silu(told)
        h = self.inputs(x / total) + c
        for inner, outer in zip(self.inner, self.outer, strict=True):
            h = h + outer(torch.nn.functional.silu(inner(torch.nn.functional.layer_norm(h, (WIDTH,)) + c)))
        output = self.outputs(torch.nn.functional.layer_norm(h, (WIDTH,)))
        return x / total**2 + sigma / total * output


def torch_errors(network: Any, x_0: Any, z: Any, sigma: Any, label: Any) -> torch.Tensor:
    """The errors of winners and losers, with the weights of EDM."""
    squared = (network(x_0 + sigma * z, sigma, label) - x_0) ** 2
    return ((sigma**2 + 1.0) / sigma**2 * squared).mean(1).reshape(2, BATCH)


def torch_align(steps: int) -> float:
    """Seconds of a step of the same training in torch, after a quarter of them."""
    torch.manual_seed(0)
    torch.set_num_threads(1)  # a second thread makes layers of this size slower
    winner, loser = torch.randn(2, PAIRS, 64)
    label = torch.randint(0, 10, (PAIRS,))
    model, reference = TorchNetwork(), TorchNetwork().requires_grad_(False)
    reference.load_state_dict(model.state_dict())
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-5)
    for step in range(steps):
        if step == steps // 4:
            start = time.perf_counter()
        index = torch.randint(0, PAIRS, (BATCH,))
        sigma = torch.exp(-1.2 + 1.2 * torch.randn(BATCH, 1)).repeat(2, 1)
        z, x_0 = torch.randn(BATCH, 64).repeat(2, 1), torch.cat([winner[index], loser[index]])
        told = label[index].repeat(2)
        with torch.no_grad():
            wanted = torch_errors(reference, x_0, z, sigma, told)
        loss = torch_dpo(torch_errors(model, x_0, z, sigma, told), wanted)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return (time.perf_counter() - start) / (steps - steps // 4)


def ratio(first: Callable[[], float], second: Callable[[], float], pairs: int) -> tuple[float, float, float]:
    """Medians of both and of their ratio, timed in turn."""
    times = []
    for i in range(pairs):
        order = (first, second) if i % 2 else (second, first)
        found = {run: run() for run in order}
        times.append((found[first], found[second]))
    return (
        statistics.median(a for a, _ in times),
        statistics.median(b for _, b in times),
        statistics.median(a / b for a, b in times),
    )


def main(pairs: int = 7, steps: int = 400) -> None:
    """Print every number with what is wanted."""
    core.enable_compilation_cache()
    agreement()
    align(None, 8), align(4, 8)  # compiled outside of the time, apart from the chunk's length
    naive, cached, gain = ratio(lambda: align(None, steps), lambda: align(4, steps), pairs)
    print(f"a step with a fresh reference over one with a cached one: {gain:.2f}x (wanted 1.2x)")
    # A call with its gradient costs about three without: (3 + 1) / 3 is the most that there is to gain.
    print(f"  {1e3 * naive:.2f} ms and {1e3 * cached:.2f} ms, {BATCH} pairs, width {WIDTH}")
    ours, theirs, slower = ratio(lambda: align(None, steps), lambda: torch_align(steps // 2), pairs)
    print(f"a step of Diffusion-DPO over the same in torch {torch.__version__}: {slower:.2f}x (wanted at most 1x)")
    print(f"  {1e3 * ours:.2f} ms and {1e3 * theirs:.2f} ms")


if __name__ == "__main__":
    main()
