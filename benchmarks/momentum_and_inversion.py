"""PLMS and DDIM inversion against diffusers on the same exact model: `python benchmarks/momentum_and_inversion.py`.

Each line gives the milliseconds of a run of 50 steps, ours and theirs, the ratio, and how far the results are apart.
Both sides run the same torch model; what is timed beside it is the scheduler. Ours is the slower one, by the checks
that every output is finite. The two inversions are not the same approximation: theirs asks the network at the time of
the end of a step, ours at that of its beginning.
"""

import importlib.metadata
from collections.abc import Callable
from typing import Any

import diffusers
import numpy as np
import torch

from _timing import seconds
from perturbax import diffusion

STEPS = 50
BETAS = np.linspace(1e-4, 2e-2, 1000)
PROCESS = diffusion.Discrete(np.cumprod(1.0 - BETAS))
VARIANCES = torch.linspace(0.05, 1.0, 4096, dtype=torch.float64)


def noise(x: torch.Tensor, index: Any) -> torch.Tensor:
    """The exact noise prediction of independent normals, at a training index."""
    time_ = (float(index) + 1.0) / BETAS.size
    alpha, sigma = float(PROCESS.alpha(time_)), float(PROCESS.sigma(time_))
    return sigma * x / (alpha**2 * VARIANCES + sigma**2)


def problem() -> diffusion.Sampling:
    return diffusion.Sampling(noise, PROCESS, shape=(4096,))


def explicit(indices: Any) -> diffusion.Explicit:
    """The grid of a scheduler's indices."""
    return diffusion.Explicit((np.asarray(indices, np.float64) + 1.0) / BETAS.size, final="eps")


def follow(scheduler: Any, x: torch.Tensor) -> torch.Tensor:
    scheduler.set_timesteps(STEPS)
    for index in scheduler.timesteps:
        x = scheduler.step(noise(x, index), index, x).prev_sample
    return x


def report(what: str, ours: Callable[[], Any], theirs: Callable[[], Any]) -> None:
    mine, peer = seconds(ours), seconds(theirs)
    difference = float((ours() - theirs()).abs().max())
    version = importlib.metadata.version("diffusers")
    print(
        f"{what}: {1e3 * mine:.1f} ms; diffusers {version}: {1e3 * peer:.1f} ms; {peer / mine:.2f}x, "
        f"differ by {difference:.1e}"
    )


def inversion() -> None:
    """The up and down way of DDIM and of its inverse scheduler, and what BDIA leaves of the error."""
    x_0 = torch.randn(2, 4096, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    settings = {"num_train_timesteps": BETAS.size, "trained_betas": BETAS, "clip_sample": False}
    up, down = diffusers.DDIMInverseScheduler(**settings), diffusers.DDIMScheduler(**settings, set_alpha_to_one=False)

    def theirs() -> torch.Tensor:
        return follow(down, follow(up, x_0))

    def ours(method: Any) -> torch.Tensor:
        latent = diffusion.invert(problem(), method, x_0).latent
        return diffusion.sample_latent(problem(), method, latent).x

    down.set_timesteps(STEPS)
    grid = explicit(np.append(down.timesteps.numpy(), 0)) if down.timesteps[-1] > 0 else explicit(down.timesteps)
    steps = len(grid.at) - 1
    asked = diffusion.Sampling(noise, PROCESS, shape=(4096,), start=grid.at[0])
    report(
        "DDIM", lambda: diffusion.sample(asked, diffusion.DDIM(steps, grid=grid), x_T=x_0).x, lambda: follow(down, x_0)
    )
    report("DDIM inversion and back", lambda: ours(diffusion.DDIM(steps, grid=grid)), theirs)
    errors = [float((back - x_0).abs().max()) for back in (ours(diffusion.BDIA(steps, grid=grid)), theirs())]
    print(f"error of the round trip: BDIA {errors[0]:.1e}, diffusers' DDIM inversion {errors[1]:.1e}")


def plms() -> None:
    """PLMS 4 against PNDM without Runge-Kutta steps, which differs in its start."""
    x_T = torch.randn(2, 4096, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    scheduler = diffusers.PNDMScheduler(num_train_timesteps=BETAS.size, trained_betas=BETAS, skip_prk_steps=True)

    def theirs() -> torch.Tensor:
        return follow(scheduler, x_T)

    scheduler.set_timesteps(STEPS)
    # PNDM visits its second time twice and ends at index 0.
    indices = np.unique(np.append(scheduler.timesteps.numpy(), 0))[::-1]
    method = diffusion.PLMS(len(indices) - 1, grid=explicit(indices))
    start = float((indices[0] + 1.0) / BETAS.size)
    asked = diffusion.Sampling(noise, PROCESS, shape=(4096,), start=start)
    report("PLMS 4", lambda: diffusion.sample(asked, method, x_T=x_T).x, theirs)


if __name__ == "__main__":
    with torch.no_grad():
        plms()
        inversion()
