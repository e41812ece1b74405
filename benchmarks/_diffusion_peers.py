"""The samplers of diffusers and k-diffusion on an exact model at the noise levels of our grids, in torch."""

import functools
import importlib
import importlib.util
import sys
import types
from collections.abc import Callable, Sequence
from typing import Any

import diffusers
import numpy as np
import torch

Model = Callable[[Any, Any], Any]  # (x / alpha, noise level) -> data prediction, both of torch
Peer = Callable[[Model, Any, list[Any]], Any]  # (model, x_T, noises) -> samples; without noises it draws its own


@functools.cache
def load_k_diffusion() -> Any:
    """`k_diffusion.sampling` by itself.

    The package's `__init__` and its `utils` import training tools (torchvision, wandb, kornia ...) that sampling does
    not need and that are not installed here; the one helper that sampling takes from `utils` is given instead.
    """
    spec = importlib.util.find_spec("k_diffusion")
    assert spec is not None, "k-diffusion is not installed; `make bench` installs it"
    package = types.ModuleType("k_diffusion")
    package.__path__ = list(spec.submodule_search_locations or ())
    utils = types.ModuleType("k_diffusion.utils")
    utils.append_dims = lambda x, ndim: x[(...,) + (None,) * (ndim - x.ndim)]  # type: ignore[attr-defined]
    sys.modules |= {"k_diffusion": package, "k_diffusion.utils": utils}
    return importlib.import_module("k_diffusion.sampling")


def scheduler_loop(make: Callable[[], Any], levels: Sequence[float], rescaled: bool = False) -> Peer:
    """The loop that a pipeline runs around a scheduler of diffusers, with the scheduler's noise levels replaced.

    `levels` has one noise level `sigma / alpha` for every evaluation and the last one. States are those of a
    variance-preserving process, or `x / alpha` for schedulers that work in these (`rescaled`).
    """
    evaluated = np.asarray(levels[:-1], np.float64)
    scales = [(float(1 / np.hypot(1, level)), float(level)) for level in evaluated]
    scheduler = make()
    intervals = (len(evaluated) + 1) // 2 if isinstance(scheduler, diffusers.HeunDiscreteScheduler) else len(evaluated)
    # Only to tell the evaluations apart: the noise levels are given, and the model reads those.
    timesteps = torch.arange(len(evaluated), 0, -1, dtype=torch.float32)
    # The model is given states that are scaled already; this silences a warning about it.
    scheduler.is_scale_input_called = True

    def run(model: Model, x: Any, noises: list[Any]) -> Any:
        scheduler.set_timesteps(intervals)
        scheduler.sigmas = torch.tensor(np.asarray(levels, np.float32))
        scheduler.timesteps = timesteps
        scheduler.set_begin_index(0)
        if rescaled:
            x = x / scales[0][0]
        for k, t in enumerate(timesteps):
            alpha, level = scales[k]
            scaled = x if rescaled else x / alpha
            output = (scaled - model(scaled, level)) / level
            options = {"variance_noise": noises[k]} if noises else {}
            x = scheduler.step(output, t, x, return_dict=False, **options)[0]
        return x

    return run


def ddim_loop(steps: int) -> Peer:
    """diffusers' DDIM at its own integer timesteps of the linear table."""
    scheduler = diffusers.DDIMScheduler(beta_start=1e-4, beta_end=2e-2, clip_sample=False)
    table = scheduler.alphas_cumprod.double().numpy()
    scheduler.set_timesteps(steps)
    scales = [(float(np.sqrt(table[t])), float(np.sqrt((1 - table[t]) / table[t]))) for t in scheduler.timesteps]

    def run(model: Model, x: Any, noises: list[Any]) -> Any:
        for (alpha, level), t in zip(scales, scheduler.timesteps, strict=True):
            scaled = x / alpha
            x = scheduler.step((scaled - model(scaled, level)) / level, t, x, return_dict=False)[0]
        return x

    return run


def multistep(order: int, algorithm: str, solver_type: str, levels: Sequence[float]) -> Peer:
    return scheduler_loop(
        lambda: diffusers.DPMSolverMultistepScheduler(
            solver_order=order,
            algorithm_type=algorithm,
            solver_type=solver_type,
            final_sigmas_type="sigma_min" if levels[-1] else "zero",
        ),
        levels,
    )


def singlestep(order: int, solver_type: str, levels: Sequence[float]) -> Peer:
    return scheduler_loop(
        lambda: diffusers.DPMSolverSinglestepScheduler(
            solver_order=order, solver_type=solver_type, lower_order_final=True, final_sigmas_type="sigma_min"
        ),
        levels,
    )


def euler(levels: Sequence[float]) -> Peer:
    return scheduler_loop(diffusers.EulerDiscreteScheduler, levels, rescaled=True)


def heun(levels: Sequence[float]) -> Peer:
    """`levels` once each; every one after the first is evaluated twice."""
    twice = np.concatenate((levels[:1], np.repeat(levels[1:-1], 2), levels[-1:]))
    return scheduler_loop(diffusers.HeunDiscreteScheduler, twice, rescaled=True)


def k_diffusion(name: str, levels: Sequence[float]) -> Peer:
    """A sampler of k-diffusion, whose states are those of the EDM process."""
    function = getattr(load_k_diffusion(), name)
    sigmas = torch.tensor(np.asarray(levels, np.float32))

    def run(model: Model, x: Any, noises: list[Any]) -> Any:
        def denoised(x: Any, sigma: Any) -> Any:
            return model(x, sigma[:, None])

        if name == "sample_dpm_fast":
            return function(denoised, x, float(levels[-1]), float(levels[0]), len(levels) - 1, disable=True)
        if name.endswith("_sde"):
            # Its own default, a Brownian tree, is many times slower than independent normals.
            given = iter(noises)
            options = {"noise_sampler": lambda *_: next(given) if noises else torch.randn_like(x)}
        else:
            options = {}
        return function(denoised, x, sigmas, disable=True, **options)

    return run
