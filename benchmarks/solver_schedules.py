"""Candidates of a search for solver schedules: many plans in one program against one after the other.

`python benchmarks/solver_schedules.py`. Every candidate is a schedule that was not seen before, so what is timed is
what a search pays: making its plan and sampling. The models are the exact denoisers of one Gaussian, a network that
costs next to nothing, and of the digits mixture, on 96 starts at 5 evaluations. Ways take turns in one process; ratios
are medians over the turns. diffusers runs UniPC with the same denoiser.
"""

import dataclasses
import importlib.metadata
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

from perturbax import core, data, diffusion
from perturbax.diffusion._evolution import DECISIONS, Space, random_schedule
from perturbax.diffusion._search_runner import Runner

PROCESS = diffusion.VPLinear()
MIXTURE = data.digits_mixture()
STEPS, STARTS = 5, 96
X_T = jax.random.normal(jax.random.key(0), (STARTS, 64))


@jax.jit
def gaussian(x: Any, t: Any) -> Any:
    """The exact data prediction of N(0, 1/4)."""
    alpha, sigma = PROCESS.alpha(t), PROCESS.sigma(t)
    return 0.25 * alpha / (0.25 * alpha**2 + sigma**2) * x


@jax.jit
def mixture(x: Any, t: Any) -> Any:
    return MIXTURE.denoise(x, PROCESS.alpha(t), PROCESS.sigma(t))


def candidates() -> Callable[[int], list[diffusion.SolverSchedule]]:
    """A source of schedules that were not seen before."""
    low, high = (float(PROCESS.half_log_snr(t)) for t in (PROCESS.t_max, PROCESS.t_min))
    space, rng = Space(STEPS, low, high, "eps", DECISIONS), np.random.default_rng(0)
    return lambda count: [random_schedule(space, rng) for _ in range(count)]


def ways(denoised: Callable) -> dict[str, tuple[int, Callable[[Sequence[diffusion.SolverSchedule]], Any]]]:
    """How candidates are sampled, and how many of them in a turn."""
    sampling = diffusion.Sampling(denoised, PROCESS, shape=(64,), prediction=diffusion.Data())
    runner = Runner(sampling, X_T)

    def compiled_anew(schedules: Sequence[diffusion.SolverSchedule]) -> None:
        for schedule in schedules:
            method = diffusion.USF(schedule)
            jax.block_until_ready(jax.jit(lambda x, m=method: diffusion.sample(sampling, m, x_T=x).x)(X_T))

    def one_by_one(schedules: Sequence[diffusion.SolverSchedule]) -> None:
        for schedule in schedules:
            jax.block_until_ready(diffusion.sample(sampling, diffusion.USF(schedule), x_T=X_T).x)

    def in_python(schedules: Sequence[diffusion.SolverSchedule]) -> None:
        for schedule in schedules:
            outside = dataclasses.replace(sampling, model=lambda x, t: np.asarray(denoised(x, t)))
            diffusion.sample(outside, diffusion.USF(schedule), x_T=np.asarray(X_T))

    return {
        "padded, 8 in a program": (32, runner.samples),
        "one by one, compiled executor": (8, one_by_one),
        "one by one, Python loop": (8, in_python),
        "one by one, compiled anew": (2, compiled_anew),
        f"diffusers {importlib.metadata.version('diffusers')} UniPC, Python loop": (8, unipc(denoised)),
    }


def unipc(denoised: Callable) -> Callable[[Sequence[Any]], Any]:
    """The peer's scheduler at the noise levels of our grid, a new one for every candidate."""
    import torch
    from diffusers import UniPCMultistepScheduler

    times = diffusion.LogSNR().times(PROCESS, STEPS)
    levels = torch.tensor([float(PROCESS.sigma_bar(t)) for t in times])

    def run(schedules: Sequence[Any]) -> None:
        for _ in schedules:
            scheduler = UniPCMultistepScheduler(prediction_type="sample", final_sigmas_type="sigma_min")
            scheduler.set_timesteps(STEPS)
            scheduler.sigmas, scheduler.timesteps = levels, torch.arange(STEPS, 0, -1)
            scheduler.set_begin_index(0)
            x = torch.tensor(np.asarray(X_T))
            for t, timestep in zip(times[:-1], scheduler.timesteps, strict=True):
                x_0 = torch.from_numpy(np.array(denoised(x.numpy(), t)))
                x = scheduler.step(x_0, timestep, x).prev_sample

    return run


def compare(denoised: Callable, turns: int = 7) -> None:
    fresh, seconds = candidates(), {}
    for name, (count, run) in ways(denoised).items():
        run(fresh(count))  # compiles
        seconds[name] = (count, run, [])
    for _ in range(turns):
        for count, run, each in seconds.values():
            schedules = fresh(count)
            start = time.perf_counter()
            run(schedules)
            each.append((time.perf_counter() - start) / count)
    ours, *_ = (each for _, _, each in seconds.values())
    jax.block_until_ready(denoised(X_T, 0.5))
    start = time.perf_counter()
    for _ in range(20):
        jax.block_until_ready(denoised(X_T, 0.5))
    call = (time.perf_counter() - start) / 20
    print(f"{STARTS} starts, a call of {denoised.__name__} takes {call * 1e3:.2f} ms")
    for name, (_, _, each) in seconds.items():
        ratio = statistics.median(theirs / mine for theirs, mine in zip(each, ours, strict=True))
        print(f"  {name:42s} {1.0 / statistics.median(each):8.1f} candidates per second, {ratio:6.1f}x our time")


if __name__ == "__main__":
    core.enable_compilation_cache()
    print(f"jax {jax.__version__}, {jax.devices()[0].device_kind}, {STEPS} evaluations, new schedules at every turn")
    for model in (gaussian, mixture):
        compare(model)
    print("wanted: at least 10 times as many as with a Python loop or compiling anew")
