"""DDS (Chung et al. 2024, arXiv 2303.05754): inverse problems with a diffusion prior and no gradient of the network.

The prior is the mixture of ten Gaussians fitted on 1500 real 8 x 8 digits, whose denoiser and whose posterior are
exact; the images are 32 other digits. Problems: k-space of four coils at three of eight columns ("MRI"), projections
along three angles ("CT", scaled to norm 1), and 20 of 64 pixels ("inpainting"), with noise. All samplers spend 50
evaluations, a few of them also other budgets. PSNR is that of the mean squared error over the images, range 2. A single
sample is below the posterior mean by nature. "identities" has no images: conjugate gradients against a direct solver,
the dot test of all operators, and whether a run differentiates the network. "MNIST ..." is the second part, with a
trained denoiser, whose process is variance exploding, and no oracle.
"""

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ._study import Bar, Study, Trial
from .imaging import SIDE, dot_error, held_out, mixture_prior, operator_of, trained_prior

if TYPE_CHECKING:
    import pandas as pd

ZETAS = (0.1, 0.3, 1.0)
STEPS = 50
_TIMED = ("DDS 50", "DPS 1")
_SHOWN = ("pseudo-inverse", "DPS 1", "DiffPIR", "projection", "DDS 50", "oracle")
_ALONG_COST = ("DPS 1", "PiGDM", "DiffPIR", "projection", "DDS 50", "oracle")


def trials(preset: Mapping[str, Any]) -> list[Trial]:
    """A trial for each problem and seed; it runs all methods on the same measurements."""
    cells = [(name, noise, STEPS, preset["methods"]) for name, noise in preset["problems"]]
    cells += [(*preset["problems"][0], steps, "some") for steps in preset["budgets"]]
    made = [
        Trial({"problem": name, "noise": noise, "images": preset["images"], "steps": n, "methods": methods}, seed=s)
        for name, noise, n, methods in cells
        for s in range(preset["seeds"])
    ]
    # Nothing in it is random that a judge looks at.
    return [*made, Trial({"problem": "identities", "noise": 0.0, "images": 2, "steps": 6, "methods": "some"}, seed=0)]


def _methods(name: str, steps: int, every: bool) -> dict[str, Any]:
    from perturbax import diffusion

    # Uniform in time is uniform in the noise level where that is the time, which leaves no steps near the data.
    grid = diffusion.Karras() if name.startswith("MNIST") else diffusion.TimeUniform()
    sampler = diffusion.Renoise(steps=steps, grid=grid)
    ancestral = diffusion.Renoise(steps=steps, noise=diffusion.AncestralNoise(), grid=grid)
    multistep = diffusion.DPMSolverPP(steps=steps)
    made: dict[str, Any] = {
        "pseudo-inverse": diffusion.Tikhonov(),
        "total variation": diffusion.TotalVariation(),
        "DDS noiseless": diffusion.DDS(diffusion.Noiseless(), sampler),
        "DDS 5": diffusion.DDS(diffusion.Proximal(gamma=5.0), sampler),
        "DDS 50": diffusion.DDS(diffusion.Proximal(gamma=50.0), sampler),
        "DDS 50 ancestral": diffusion.DDS(diffusion.Proximal(gamma=50.0), ancestral),
        "DDS auto": diffusion.DDS(diffusion.Proximal(diffusion.PosteriorWeight()), sampler),
        "DDS 2M++": diffusion.DDS(diffusion.Proximal(gamma=50.0), multistep),
        "projection": diffusion.Projection(sampler),
        "gradient step": diffusion.GradientStep(sampler),
        "DiffPIR": diffusion.DiffPIR(steps=steps, grid=grid),
        "PiGDM": diffusion.PiGDM(steps=steps, grid=grid),
        **{f"DPS {zeta:g}": diffusion.DPS(steps=steps, zeta=zeta, grid=grid) for zeta in ZETAS},
    }
    if not every:
        made = {label: made[label] for label in ("pseudo-inverse", *_ALONG_COST) if label in made}
    return made if name.startswith("MNIST") else {"oracle": diffusion.ExactPosterior(mixture_prior()[0]), **made}


def run(trial: Trial, key: Any) -> dict[str, Any]:
    """Measure the held-out digits and restore them by every method."""
    import jax
    import jax.numpy as jnp

    from perturbax import diffusion

    if trial.cell["problem"] == "identities":
        return _run_identities(key, trial.cell)
    name, noise = trial.cell["problem"], trial.cell["noise"]
    operator_key, noise_key, run_key = jax.random.split(key, 3)
    operator = operator_of(name, operator_key)
    truth = held_out(name, int(trial.seed), trial.cell["images"])
    clean = jax.vmap(operator)(jnp.asarray(truth))
    error = noise * jax.random.normal(noise_key, (2, *clean.shape))
    y = clean + (error[0] + 1j * error[1] if jnp.issubdtype(clean.dtype, jnp.complexfloating) else error[0])
    prior = trained_prior() if name.startswith("MNIST") else mixture_prior()[1]
    problem = diffusion.InverseProblem(prior, operator, y, noise_std=noise)
    record: dict[str, Any] = {"truth": truth[:6]}
    every = trial.cell["methods"] == "all"
    methods = _methods(name, trial.cell["steps"], every)
    for label, method in methods.items():
        found = diffusion.restore(problem, method, key=run_key)
        if label in _TIMED:
            np.asarray(found.x)
            start = time.perf_counter()
            found = diffusion.restore(problem, method, key=run_key)
            np.asarray(found.x)
            record[f"seconds {label}"] = time.perf_counter() - start
        x = np.asarray(found.x)
        record[f"psnr {label}"] = psnr(x, truth)
        if label in _SHOWN:
            record[f"x {label}"] = x[:6]
    best = "DDS 5" if noise > 0.05 else "DDS 50"
    if every:
        several = diffusion.restore(problem, methods[best], key=run_key, num_samples=8)
        record["psnr mean of 8"] = psnr(np.asarray(several.mean), truth)
        record["psnr one of 8"] = float(np.mean([psnr(x, truth) for x in np.asarray(several.x)]))
    return record


def _run_identities(key: Any, cell: Mapping[str, Any]) -> dict[str, Any]:
    """What holds to rounding, whatever the images are."""
    import jax.numpy as jnp

    from perturbax import core, linalg, systems

    mask = systems.column_mask(key, (SIDE, SIDE), acceleration=2)
    maps = systems.coil_maps(4, (SIDE, SIDE))
    operators = [
        systems.MRI(mask),
        systems.MRI(mask, maps),
        systems.MRI(mask, maps, complex_image=True),
        systems.TwoChannel(systems.MRI(mask, maps, complex_image=True)),
        systems.Blur(jnp.ones((3, 3)) / 9.0, (SIDE, SIDE)),
        systems.Subsampling(2, (SIDE, SIDE)),
        *(operator_of(name, key) for name in ("CT", "inpainting")),
    ]
    random = np.random.default_rng(0)
    with core.float64():
        # Four different eigenvalues, so that four steps are enough.
        basis, _ = np.linalg.qr(random.normal(size=(20, 20)) + 1j * random.normal(size=(20, 20)))
        H = jnp.asarray((basis * np.repeat([1.0, 2.0, 5.0, 50.0], 5)) @ basis.conj().T)
        b = jnp.asarray(random.normal(size=20) + 1j * random.normal(size=20))
        found = linalg.conjugate_gradients(lambda x: H @ x, b, max_steps=4).x
        direct = jnp.linalg.solve(H, b)
        error = float(jnp.linalg.norm(found - direct) / jnp.linalg.norm(direct))
    return {
        "cg error": error,
        "dot error": max(dot_error(operator, random) for operator in operators),
        "differentiations": _differentiations(cell),
    }


class _Differentiated(Exception):
    """The network was differentiated."""


def _differentiations(cell: Mapping[str, Any]) -> float:
    """Methods of DDS that differentiate the network; NaN when the watch does not even notice DPS."""
    import jax
    import jax.numpy as jnp

    from perturbax import diffusion

    @jax.custom_vjp
    def watched(x: Any) -> Any:
        return x

    def refuse(*_: Any) -> Any:
        raise _Differentiated

    watched.defvjp(refuse, refuse)
    plain = mixture_prior()[1]

    def model(x: Any, t: Any) -> Any:
        return watched(plain.model(x, t))

    prior = diffusion.Sampling(model, plain.process, plain.shape, plain.prediction)
    problem = diffusion.InverseProblem(prior, lambda x: x[:2], jnp.ones((cell["images"], 2, SIDE)), 0.1)

    def differentiates(method: Any) -> bool:
        try:
            diffusion.restore(problem, method, key=jax.random.key(0))
        except _Differentiated:
            return True
        return False

    if not differentiates(diffusion.DPS(steps=cell["steps"])):
        return np.nan
    sampler = diffusion.Renoise(steps=cell["steps"])
    consistencies = (diffusion.Noiseless(), diffusion.Proximal(), diffusion.SliceVariation())
    return float(sum(differentiates(diffusion.DDS(consistency, sampler)) for consistency in consistencies))


def psnr(x: np.ndarray, truth: np.ndarray) -> float:
    """Peak signal-to-noise ratio in dB of images in [-1, 1], from the mean squared error over all of them."""
    return float(10.0 * np.log10(4.0 / np.mean((x - truth) ** 2)))


def judge(table: "pd.DataFrame") -> list[Bar]:
    """Differences in dB, medians over the seeds, and what holds to rounding."""
    from ._verdict import median_of, select

    table_of = {
        (p, n): select(table, problem=p, noise=n, steps=STEPS) for p, n in (("MRI", 0.02), ("MRI", 0.1), ("CT", 0.02))
    }
    low, high, ct = table_of.values()

    def gain(rows: "pd.DataFrame", ours: str, theirs: str) -> float:
        others = [f"psnr {name}" for name in ([f"DPS {z:g}" for z in ZETAS] if theirs == "DPS" else [theirs])]
        if rows.empty or not {f"psnr {ours}", *others} <= set(rows):
            return np.nan
        return float((rows[f"psnr {ours}"] - rows[others].max(axis=1)).median())

    def exact(column: str) -> float:
        return median_of(table, column, problem="identities")

    return [
        Bar("MRI, noise 0.02: DDS above the best DPS, dB", gain(low, "DDS 50", "DPS"), 4.0, ">="),
        Bar("MRI, noise 0.02: DDS above one gradient step, dB", gain(low, "DDS 50", "gradient step"), 3.0, ">="),
        Bar("MRI, noise 0.02: DDS above the pseudo-inverse, dB", gain(low, "DDS 50", "pseudo-inverse"), 1.5, ">="),
        Bar("MRI, noise 0.02: posterior mean above DDS, dB", gain(low, "oracle", "DDS 50"), 4.0, "<="),
        Bar("MRI, noise 0.1: DDS above the pseudo-inverse, dB", gain(high, "DDS 5", "pseudo-inverse"), 7.0, ">="),
        Bar("MRI, noise 0.1: DDS above noiseless DDS, dB", gain(high, "DDS 5", "DDS noiseless"), 5.0, ">="),
        Bar("MRI, noise 0.1: DDS above the best DPS, dB", gain(high, "DDS 5", "DPS"), 0.8, ">="),
        Bar("CT of three angles: DDS above the pseudo-inverse, dB", gain(ct, "DDS 50", "pseudo-inverse"), 2.5, ">="),
        Bar("MRI: mean of 8 samples above one, dB", gain(low, "mean of 8", "one of 8"), 0.6, ">="),
        Bar("CT: mean of 8 samples above one, dB", gain(ct, "mean of 8", "one of 8"), 1.5, ">="),
        Bar("error of conjugate gradients, as many steps as eigenvalues", exact("cg error"), 1e-6, "<="),
        Bar("dot test of the operators, worst", exact("dot error"), 1e-5, "<="),
        Bar("variants of DDS that differentiate the network", exact("differentiations"), 0.0, "<="),
    ]


def plot(table: "pd.DataFrame") -> Any:
    """Digits and their errors by every method, PSNR of the methods on all problems, and PSNR against cost."""
    from matplotlib.figure import Figure

    from ._verdict import select

    first = select(table, problem="MRI", noise=0.02, steps=STEPS).sort_values("seed").iloc[0]
    figure = Figure(figsize=(13, 6.4), layout="constrained")
    parts: Any = figure.subfigures(1, 2, width_ratios=(1.15, 1.0))
    left, right = parts
    columns = left.subplots(len(_SHOWN) + 1, 2)
    truth = first["truth"]
    for (picture, error), name in zip(columns, ("truth", *_SHOWN), strict=True):
        x = truth if name == "truth" else first[f"x {name}"]
        picture.imshow(np.hstack(list(x)), cmap="gray_r", vmin=-1, vmax=1)
        error.imshow(np.hstack(list(np.abs(x - truth))), cmap="magma_r", vmin=0, vmax=1)
        label = {"oracle": "posterior mean"}.get(name, name)
        picture.set_ylabel(label, rotation=0, ha="right", va="center", fontsize=8.5)
        for axes in (picture, error):
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set_visible(False)
    columns[0, 0].set_title("MRI: four coils, 3 of 8 columns, noise 0.02", fontsize=9, loc="left")
    columns[0, 1].set_title("absolute error, 0 to 1", fontsize=9, loc="left")
    above, below = right.subplots(2, 1, height_ratios=(1.9, 1))
    _draw_problems(above, table)
    _draw_cost(below, select(table, problem="MRI", noise=0.02))
    return figure


def _draw_problems(axes: Any, table: "pd.DataFrame") -> None:
    from ._verdict import median_of

    names = ("pseudo-inverse", "total variation", *(f"DPS {z:g}" for z in ZETAS), "PiGDM", "DiffPIR", "gradient step")
    names += ("projection", "DDS noiseless", "DDS 5", "DDS 50", "DDS 50 ancestral", "DDS auto", "DDS 2M++")
    names += ("mean of 8", "oracle")
    rows = table[table["problem"] != "identities"]
    problems = list(dict.fromkeys(zip(rows["problem"], rows["noise"], strict=True)))
    colors = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
    for (problem, noise), color in zip(problems, colors, strict=False):
        values = [median_of(table, f"psnr {name}", problem=problem, noise=noise, steps=STEPS) for name in names]
        label = f"{problem}, {noise:g}"
        axes.plot(values, range(len(names)), "o-", color=color, markersize=4, linewidth=1, label=label)
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.invert_yaxis()
    axes.set_xlabel("PSNR, dB (median over seeds)", fontsize=8.5)
    axes.legend(frameon=False, fontsize=8, ncols=3, loc="lower center", bbox_to_anchor=(0.45, 1.0))
    axes.spines[["top", "right"]].set_visible(False)


def _draw_cost(axes: Any, rows: "pd.DataFrame") -> None:
    colors = dict(zip(_ALONG_COST, ("#d55e00", "#e69f00", "#009e73", "#cc79a7", "#0072b2", "0.4"), strict=True))
    for label, color in colors.items():
        by_cost = rows.groupby("steps")[f"psnr {label}"].agg(["median", "min", "max"])
        axes.plot(by_cost.index, by_cost["median"], "o-", color=color, markersize=4, linewidth=1.4, label=label)
    costs = sorted(rows["steps"].unique())
    axes.set_xscale("log")
    axes.set_xticks(costs, [str(n) for n in costs])
    axes.minorticks_off()
    axes.set_xlabel("network evaluations (MRI, 0.02)", fontsize=8.5)
    axes.set_ylabel("PSNR, dB", fontsize=8.5)
    axes.legend(frameon=False, fontsize=7.5, ncols=2)
    axes.spines[["top", "right"]].set_visible(False)


_PROBLEMS = (("MRI", 0.02), ("MRI", 0.1), ("CT", 0.02), ("inpainting", 0.02))
_TRAINED_PROBLEMS = (("MNIST MRI", 0.02), ("MNIST CT", 0.02))
_SMALL = {"problems": _PROBLEMS, "images": 32, "methods": "all", "budgets": (10, 20, 100), "seeds": 5}

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
    methods=(
        "DDS",
        "DPS",
        "PiGDM",
        "DiffPIR",
        "Projection",
        "GradientStep",
        "Tikhonov",
        "TotalVariation",
        "ExactPosterior",
    ),
    presets={
        "smoke": {"problems": _PROBLEMS[:1], "images": 2, "methods": "some", "budgets": (), "seeds": 1},
        "small": _SMALL,
        "full": {**_SMALL, "problems": _PROBLEMS + _TRAINED_PROBLEMS, "images": 40, "seeds": 10},
    },
    trials=trials,
    run=run,
    judge=judge,
    plot=plot,
)
