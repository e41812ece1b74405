"""PFGM++ against EDM: what the Student-t noise costs in a step of training, and EDM's own sampler in diffusers.

`python benchmarks/pfgmpp.py`. Runs are timed in turn and the median of their ratios is printed, so that what else the
machine does falls on both sides.
"""

import importlib.metadata
import math
import statistics
import time
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax

from perturbax import core, data, diffusion, nn


def training(D: float, steps: int) -> float:
    """Seconds of a fit of the digits after its compilation."""
    rows = data.digits().flat
    network = nn.ResidualMLP(64, width=192, blocks=3, key=jax.random.key(0))
    problem = diffusion.DenoisingProblem(rows, network)
    marks: list[float] = []

    def mark(_: Any) -> None:
        marks.append(time.perf_counter())

    diffusion.fit(
        problem,
        diffusion.PFGMPP(D),
        key=jax.random.key(1),
        steps=steps,
        batch_size=128,
        optimizer=optax.adam(1e-3),
        chunk=steps // 5,
        callback=mark,
        progress=False,
    )
    # The first chunk compiles.
    return marks[-1] - marks[0]


def overhead(pairs: int = 7, steps: int = 500) -> None:
    ratios = []
    for i in range(pairs):
        first, second = (128.0, math.inf) if i % 2 else (math.inf, 128.0)
        seconds = {D: training(D, steps) for D in (first, second)}
        ratios.append(seconds[128.0] / seconds[math.inf])
    ratio = statistics.median(ratios)
    print(f"a step of training with Student-t noise over one with normal noise: {ratio:.3f}x (wanted at most 1.10x)")


def agreement(steps: int = 18) -> None:
    """Euler on the Karras grid down to zero noise, with the same denoiser, for D = inf."""
    import torch
    from diffusers import EDMEulerScheduler

    denoiser = data.ideal_denoiser(data.digits().flat)
    x_T = 80.0 * jax.random.normal(jax.random.key(0), (64, 64))
    process = diffusion.PoissonFlow(math.inf)
    problem = diffusion.Sampling(denoiser, process, (64,), prediction=diffusion.Data())
    ours = diffusion.sample(problem, diffusion.Euler(steps), x_T=x_T).x

    scheduler = EDMEulerScheduler(sigma_min=0.002, sigma_max=80.0, sigma_data=0.5, rho=7.0)
    scheduler.set_timesteps(steps)
    x = torch.from_numpy(np.array(x_T))
    call = eqx.filter_jit(denoiser)  # its data are arrays, by which jax.jit cannot tell two functions apart
    for i, t in enumerate(scheduler.timesteps):
        sigma = float(scheduler.sigmas[i])
        scheduler.scale_model_input(x, t)
        x_0 = np.asarray(call(jnp.asarray(x.numpy()), jnp.float32(sigma)))
        # The scheduler undoes EDM's preconditioning: x_0 = c_skip x + c_out y.
        c_skip = 0.25 / (sigma**2 + 0.25)
        c_out = sigma * 0.5 / math.sqrt(sigma**2 + 0.25)
        y = (torch.from_numpy(np.array(x_0)) - c_skip * x) / c_out
        x = scheduler.step(y, t, x).prev_sample
    difference = float(np.abs(np.asarray(ours) - x.numpy()).max())
    peer = f"diffusers {importlib.metadata.version('diffusers')}"
    print(f"D = inf, Euler, {steps} steps: differs from {peer}'s EDMEulerScheduler by {difference:.1e} (wanted 1e-4)")


if __name__ == "__main__":
    core.enable_compilation_cache()
    overhead()
    agreement()
