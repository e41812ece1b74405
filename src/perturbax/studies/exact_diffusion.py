"""Diffusion models whose answers are known: what the studies of samplers measure against.

A Gaussian has a closed flow map; the mixture fitted on the real digits has an exact denoiser, so that a fine solution
is as exact as one likes. Errors are root mean squares per sample, aggregated by their median: a few trajectories pass
next to a boundary between modes and jump, and would dominate a mean.
"""

import functools
from collections.abc import Callable
from typing import Any, Literal

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from perturbax import core, diffusion
from perturbax.data import digits_mixture
from perturbax.stats import GaussianMixture

# Real digits with many, few and closed strokes: the classes that are asked for under guidance.
CLASSES = (1, 3, 8)
REFERENCE_STEPS = 300


class MixtureDenoiser(eqx.Module):
    """The exact data prediction of a mixture under a process, optionally given the component."""

    mixture: GaussianMixture
    process: diffusion.AbstractProcess

    def __call__(self, x: Any, model_time: Any, component: Any = None) -> Any:
        process, time = self.process, model_time
        if isinstance(process, diffusion.Discrete):
            time = (model_time + 1.0) / process.alphas_cumprod.shape[0]
        return self.mixture.denoise(x, process.alpha(time), process.sigma(time), component)


def mixture_problem(
    mixture: GaussianMixture,
    process: diffusion.AbstractProcess,
    labels: Any = None,
    scale: float = 1.0,
    corrector: Callable | None = None,
) -> diffusion.Sampling:
    """Sampling from a mixture; with labels, from those components under exact classifier-free guidance."""
    return diffusion.Sampling(
        MixtureDenoiser(mixture, process),
        process,
        shape=(mixture.means.shape[1],),
        prediction=diffusion.Data(),
        condition=None if labels is None else jnp.asarray(labels),
        guidance=None if labels is None else diffusion.ClassifierFree(scale, unconditional=-1),
        corrector=corrector,
    )


@functools.cache
def gaussian() -> GaussianMixture:
    """A Gaussian in six dimensions whose variances span two decades, in general position; in float64."""
    rotation, _ = np.linalg.qr(np.random.default_rng(0).standard_normal((6, 6)))
    covariance = (rotation * np.geomspace(0.01, 1.0, 6)) @ rotation.T
    with core.float64():
        return GaussianMixture([1.0], np.linspace(-1.0, 1.0, 6)[None], covariance[None])


@functools.cache
def digits(precision: Literal["float32", "float64"] = "float64") -> GaussianMixture:
    """The mixture of ten Gaussians on the real digits, in the named precision."""
    with core.precision(precision):
        return digits_mixture()


def flow_map(
    mixture: GaussianMixture, process: diffusion.AbstractProcess, x_T: Float[Array, "batch d"], component: Any = 0
) -> Float[Array, "batch d"]:
    """Where the flow of single Gaussians takes `x_T` at the process's end, in closed form; `component` per sample.

    x = alpha mu + U sqrt((alpha^2 e + sigma^2) / (alpha_T^2 e + sigma_T^2)) U^T (x_T - alpha_T mu)
    """
    assert mixture.eigenvectors is not None
    component = jnp.broadcast_to(jnp.asarray(component), x_T.shape[:1])
    mean, basis = mixture.means[component], mixture.eigenvectors[component]
    (alpha_T, sigma_T), (alpha, sigma) = (
        (float(process.alpha(t)), float(process.sigma(t))) for t in (process.t_max, process.t_min)
    )
    variance = mixture.eigenvalues[component]
    stretch = jnp.sqrt((alpha**2 * variance + sigma**2) / (alpha_T**2 * variance + sigma_T**2))
    along = jnp.einsum("bij,bi->bj", basis, x_T - alpha_T * mean)
    return alpha * mean + jnp.einsum("bij,bj->bi", basis, stretch * along)


def fine_solution(problem: diffusion.Sampling, x_T: Float[Array, "batch d"]) -> Float[Array, "batch d"]:
    """The flow of a problem to many digits: third-order steps in the data prediction, built once and cached."""
    inputs = {
        "plan": _fine_plan(problem.process),
        "model": problem.model,
        "condition": problem.condition,
        "guidance": problem.guidance,
        "x_T": x_T,
    }
    solution = core.cached(
        "fine-diffusion", inputs, lambda: np.asarray(diffusion.sample(problem, _fine_method(), x_T=x_T).x)
    )
    return jnp.asarray(solution)


def _fine_method() -> diffusion.DPMSolverPP:
    return diffusion.DPMSolverPP(
        steps=3 * REFERENCE_STEPS,
        order=3,
        stepping=diffusion.FixedSinglestep(),
        solver_type="taylor",
        grid=diffusion.LogSNR(final="eps"),
    )


@functools.cache
def _fine_plan(process: diffusion.AbstractProcess) -> diffusion.Plan:
    return diffusion.plan(_fine_method(), process)


def sample_errors(x: Float[Array, "batch d"], exact: Float[Array, "batch d"]) -> Float[np.ndarray, " batch"]:
    """The root mean square of every sample's error."""
    return np.sqrt(np.mean(np.square(np.asarray(x) - np.asarray(exact)), axis=1))


GRIDS: dict[str, diffusion.AbstractGrid] = {
    "logSNR": diffusion.LogSNR(final="eps"),
    "time": diffusion.TimeUniform(final="eps"),
    "Karras": diffusion.Karras(final="eps"),
}

_THIRD_OFFICIAL = diffusion.Multistep(third="official", lower_order_final=False)
_THIRD_EXACT = diffusion.Multistep(third="exact", lower_order_final=False)

# The names that tables and pictures use. A singlestep "3S" spends 3 (steps // 3) evaluations, "fast" spends all.
SOLVERS: dict[str, Callable[..., diffusion.AbstractSampler]] = {
    "DDIM": diffusion.DDIM,
    "DDPM": diffusion.DDPM,
    "Heun": diffusion.Heun,
    "DPM-Solver-1": functools.partial(diffusion.DPMSolver, order=1, stepping=diffusion.FixedSinglestep()),
    "DPM-Solver-2": functools.partial(diffusion.DPMSolver, order=2, stepping=diffusion.FixedSinglestep()),
    "DPM-Solver-3": functools.partial(diffusion.DPMSolver, order=3, stepping=diffusion.FixedSinglestep()),
    "DPM-Solver-3 taylor": functools.partial(
        diffusion.DPMSolver, order=3, stepping=diffusion.FixedSinglestep(), solver_type="taylor"
    ),
    "DPM-Solver-fast": functools.partial(diffusion.DPMSolver, order=3, stepping=diffusion.Singlestep()),
    "noise 2M": functools.partial(diffusion.DPMSolver, order=2, stepping=_THIRD_OFFICIAL),
    "noise 3M": functools.partial(diffusion.DPMSolver, order=3, stepping=_THIRD_OFFICIAL),
    "noise 3M exact": functools.partial(diffusion.DPMSolver, order=3, stepping=_THIRD_EXACT),
    "2S++": functools.partial(diffusion.DPMSolverPP, order=2, stepping=diffusion.FixedSinglestep()),
    "3S++": functools.partial(diffusion.DPMSolverPP, order=3, stepping=diffusion.FixedSinglestep()),
    "2M++": functools.partial(diffusion.DPMSolverPP, order=2, stepping=_THIRD_OFFICIAL),
    "3M++": functools.partial(diffusion.DPMSolverPP, order=3, stepping=_THIRD_OFFICIAL),
    "3M++ exact": functools.partial(diffusion.DPMSolverPP, order=3, stepping=_THIRD_EXACT),
}


def solve(
    problem: diffusion.Sampling, name: str, steps: int, grid: str, x_T: Any, key: Any = None
) -> diffusion.Samples:
    """Run a solver by its name in `SOLVERS` on a grid by its name in `GRIDS`."""
    return diffusion.sample(problem, SOLVERS[name](steps=steps, grid=GRIDS[grid]), x_T=x_T, key=key)


def picture_of(x: Any) -> Float[np.ndarray, "pictures d"]:
    """The first samples, as a record keeps them for the study's picture."""
    return np.asarray(x[:4], dtype=np.float32)
