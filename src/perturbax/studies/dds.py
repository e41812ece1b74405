"""DDS (Chung et al. 2024, arXiv 2303.05754): inverse problems with a diffusion prior and no gradient of the network.

The prior is the mixture of ten Gaussians fitted on 1500 real 8 x 8 digits, whose denoiser and whose posterior are
exact; the images are 32 other digits. Problems: k-space of four coils at three of eight columns ("MRI"), projections
along three angles ("CT", scaled to norm 1), and 20 of 64 pixels ("inpainting"), with noise. All samplers spend 50
evaluations. PSNR is that of the mean squared error over the images, range 2. A single sample is below the posterior
mean by nature.
"""

import time
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from ._study import Bar, Study, Trial

if TYPE_CHECKING:
    import pandas as pd

SIDE, TRAINED = 8, 1500
ZETAS = (0.1, 0.3, 1.0)
STEPS = 50


def trials(preset: Mapping[str, Any]) -> list[Trial]:
    """A trial for each problem and seed; it runs all methods on the same measurements."""
    return [
        Trial({"problem": name, "noise": noise, "images": preset["images"], "steps": preset["steps"]}, seed=s)
        for name, noise in preset["problems"]
        for s in range(preset["seeds"])
    ]


@cache
def _prior() -> tuple[Any, Any]:
    """The mixture, and the sampling problem with its exact denoiser on pictures."""
    from perturbax import diffusion
    from perturbax.data import digits
    from perturbax.stats import GaussianMixture

    data = digits()
    mixture = GaussianMixture.fit_classes(data.flat[:TRAINED], data.labels[:TRAINED], shrinkage=0.1)
    process = diffusion.VPLinear()

    def denoise(x: Any, t: Any) -> Any:
        flat = mixture.denoise(x.reshape(x.shape[0], -1), process.alpha(t), process.sigma(t))
        return flat.reshape(x.shape)

    return mixture, diffusion.Sampling(denoise, process, shape=(SIDE, SIDE), prediction=diffusion.Data())


def _operator(name: str, key: Any) -> Any:
    import jax
    import jax.numpy as jnp

    from perturbax import systems

    if name == "MRI":
        mask = systems.column_mask(key, (SIDE, SIDE), acceleration=SIDE / 3, centre=0.1)
        return systems.MRI(mask, systems.coil_maps(4, (SIDE, SIDE)))
    if name == "CT":
        angles = np.pi * (np.arange(3) + float(jax.random.uniform(key))) / 3
        plain = systems.ParallelBeamCT(SIDE, angles, scale=1.0)
        matrix = jax.vmap(plain)(jnp.eye(SIDE**2).reshape(-1, SIDE, SIDE)).reshape(SIDE**2, -1)
        return systems.ParallelBeamCT(SIDE, angles, scale=float(np.linalg.norm(np.asarray(matrix), 2)))
    kept = np.zeros(SIDE**2, bool)
    kept[np.asarray(jax.random.permutation(key, SIDE**2))[:20]] = True
    return systems.Inpainting(kept.reshape(SIDE, SIDE))


def _methods(steps: int) -> dict[str, Any]:
    from perturbax import diffusion

    sampler = diffusion.Renoise(steps=steps)
    made: dict[str, Any] = {
        "oracle": diffusion.ExactPosterior(_prior()[0]),
        "pseudo-inverse": diffusion.Tikhonov(),
        "DDS noiseless": diffusion.DDS(diffusion.Noiseless(), sampler),
        "DDS 5": diffusion.DDS(diffusion.Proximal(gamma=5.0), sampler),
        "DDS 50": diffusion.DDS(diffusion.Proximal(gamma=50.0), sampler),
        "DDS 2M++": diffusion.DDS(diffusion.Proximal(gamma=50.0), diffusion.DPMSolverPP(steps=steps)),
        "projection": diffusion.Projection(sampler),
        "gradient step": diffusion.DDS(diffusion.Noiseless(steps=1), sampler),
        "PiGDM": diffusion.PiGDM(steps=steps),
    }
    return {**made, **{f"DPS {zeta:g}": diffusion.DPS(steps=steps, zeta=zeta) for zeta in ZETAS}}


def run(trial: Trial, key: Any) -> dict[str, Any]:
    """Measure the held-out digits and restore them by every method."""
    import jax
    import jax.numpy as jnp

    from perturbax import diffusion
    from perturbax.data import digits

    name, noise = trial.cell["problem"], trial.cell["noise"]
    operator_key, noise_key, run_key = jax.random.split(key, 3)
    operator = _operator(name, operator_key)
    first = TRAINED + (trial.seed * trial.cell["images"]) % 256
    truth = digits().flat[first : first + trial.cell["images"]].reshape(-1, SIDE, SIDE).astype(np.float32)
    clean = jax.vmap(operator)(jnp.asarray(truth))
    error = noise * jax.random.normal(noise_key, (2, *clean.shape))
    y = clean + (error[0] + 1j * error[1] if jnp.issubdtype(clean.dtype, jnp.complexfloating) else error[0])
    problem = diffusion.InverseProblem(_prior()[1], operator, y, noise_std=noise)
    record: dict[str, Any] = {"truth": truth[:6]}
    for label, method in _methods(trial.cell["steps"]).items():
        found = diffusion.restore(problem, method, key=run_key)
        start = time.perf_counter()
        found = diffusion.restore(problem, method, key=run_key)
        x = np.asarray(found.x)
        record[f"seconds {label}"] = time.perf_counter() - start
        record[f"psnr {label}"] = psnr(x, truth)
        record[f"x {label}"] = x[:6]
    best = "DDS 5" if noise > 0.05 else "DDS 50"
    several = diffusion.restore(problem, _methods(trial.cell["steps"])[best], key=run_key, samples=8)
    record["psnr mean of 8"] = psnr(np.asarray(several.mean), truth)
    record["psnr one of 8"] = float(np.mean([psnr(x, truth) for x in np.asarray(several.x)]))
    return record


def psnr(x: np.ndarray, truth: np.ndarray) -> float:
    """Peak signal-to-noise ratio in dB of images in [-1, 1], from the mean squared error over all of them."""
    return float(10.0 * np.log10(4.0 / np.mean((x - truth) ** 2)))


def judge(table: "pd.DataFrame") -> list[Bar]:
    """Differences in dB, medians over the seeds."""
    from ._verdict import select

    low, high, ct = (select(table, problem=p, noise=n) for p, n in (("MRI", 0.02), ("MRI", 0.1), ("CT", 0.02)))

    def gain(rows: "pd.DataFrame", ours: str, theirs: str) -> float:
        others = [f"psnr {name}" for name in ([f"DPS {z:g}" for z in ZETAS] if theirs == "DPS" else [theirs])]
        return float((rows[f"psnr {ours}"] - rows[others].max(axis=1)).median()) if len(rows) else np.nan

    def bar(name: str, measured: float, threshold: float, sense: str = ">=") -> Bar:
        return Bar(name, measured, threshold, sense)

    return [
        bar("MRI, noise 0.02: DDS above the best DPS, dB", gain(low, "DDS 50", "DPS"), 4.0),
        bar("MRI, noise 0.02: DDS above one gradient step, dB", gain(low, "DDS 50", "gradient step"), 3.0),
        bar("MRI, noise 0.02: DDS above the pseudo-inverse, dB", gain(low, "DDS 50", "pseudo-inverse"), 1.5),
        bar("MRI, noise 0.02: posterior mean above DDS, dB", gain(low, "oracle", "DDS 50"), 4.0, "<="),
        bar("MRI, noise 0.1: DDS above the pseudo-inverse, dB", gain(high, "DDS 5", "pseudo-inverse"), 7.0),
        bar("MRI, noise 0.1: DDS above noiseless DDS, dB", gain(high, "DDS 5", "DDS noiseless"), 5.0),
        bar("MRI, noise 0.1: DDS above the best DPS, dB", gain(high, "DDS 5", "DPS"), 0.8),
        bar("CT of three angles: DDS above the pseudo-inverse, dB", gain(ct, "DDS 50", "pseudo-inverse"), 2.5),
        bar("MRI: mean of 8 samples above one, dB", gain(low, "mean of 8", "one of 8"), 0.6),
        bar("CT: mean of 8 samples above one, dB", gain(ct, "mean of 8", "one of 8"), 1.5),
    ]


def plot(table: "pd.DataFrame") -> Any:
    """Digits by every method on the first problem, and PSNR of the methods on all problems."""
    from matplotlib.figure import Figure

    from ._verdict import select

    first = select(table, problem="MRI", noise=0.02).sort_values("seed").iloc[0]
    shown = ("truth", "pseudo-inverse", "DPS 0.3", "projection", "DDS 50", "oracle")
    figure = Figure(figsize=(12, 4.6), layout="constrained")
    parts: Any = figure.subfigures(1, 2, width_ratios=(1, 1.25))
    left, right = parts
    for axes, name in zip(left.subplots(len(shown), 1), shown, strict=True):
        x = first[name if name == "truth" else f"x {name}"]
        axes.imshow(np.hstack(list(x)), cmap="gray_r", vmin=-1, vmax=1)
        axes.set_ylabel(
            "posterior mean" if name == "oracle" else name, rotation=0, ha="right", va="center", fontsize=8.5
        )
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
    left.suptitle("k-space of four coils, 3 of 8 columns, noise 0.02", fontsize=10, x=0.02, ha="left")
    names = ("pseudo-inverse", *(f"DPS {z:g}" for z in ZETAS), "PiGDM", "gradient step", "projection", "DDS noiseless")
    names += ("DDS 5", "DDS 50", "DDS 2M++", "mean of 8", "oracle")
    axes = right.subplots()
    problems = list(dict.fromkeys(zip(table["problem"], table["noise"], strict=True)))
    for (problem, noise), color in zip(problems, ("#0072b2", "#d55e00", "#009e73", "#cc79a7"), strict=False):
        rows = select(table, problem=problem, noise=noise)
        values = [rows[f"psnr {name}"].median() for name in names]
        axes.plot(
            values, range(len(names)), "o-", color=color, markersize=4, linewidth=1, label=f"{problem}, {noise:g}"
        )
    axes.set_yticks(range(len(names)), names, fontsize=8.5)
    axes.invert_yaxis()
    axes.set_xlabel("PSNR, dB (median over seeds)")
    axes.legend(frameon=False, fontsize=8.5)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


_PROBLEMS = (("MRI", 0.02), ("MRI", 0.1), ("CT", 0.02), ("inpainting", 0.02))
_SMALL = {"problems": _PROBLEMS, "images": 32, "steps": STEPS, "seeds": 5}

STUDY = Study(
    slug="dds",
    number=62,
    paper="2303.05754",
    title="Decomposed Diffusion Sampler for Accelerating Large-Scale Inverse Problems",
    claim=(
        "A few conjugate gradients on the data prediction of each step solve inverse problems better than gradients "
        "through the network, at a fraction of the cost."
    ),
    verb="diffusion.restore",
    methods=("DDS", "DPS", "PiGDM", "Projection", "Tikhonov", "ExactPosterior"),
    presets={
        "smoke": {"problems": _PROBLEMS[:1], "images": 2, "steps": 6, "seeds": 1},
        "small": _SMALL,
        "full": {**_SMALL, "images": 200, "steps": 100, "seeds": 10},
    },
    trials=trials,
    run=run,
    judge=judge,
    plot=plot,
)
