"""PFGM++ (Xu et al. 2023, arXiv 2302.04265): diffusion with Student-t noise, from EDM (D = inf) to few dimensions D.

Problems: "digits" trains one network per D and seed on two thirds of the 8 x 8 digits, with the hyper-parameters of
D = inf for all of them, and compares 1000 samples of Heun's method at 35 evaluations with the rest of the data;
"MNIST" (preset `full`) is the same on 28 x 28 digits. "ideal" samples with the exact denoiser of the training data and
asks whether samples end on it; "kernel" checks the noise and the limit of many dimensions. D = 1 has no row: its loss
has infinite variance, and trained in float32 it says nothing.

`frechet` and `sliced` are distances in pixels from data that the network never saw, `frechet_floor` that of the
training data; `frechet_a` the distance when noise of standard deviation `a sigma` disturbs every step, `frechet_11` at
11 evaluations, `frechet_normal` from normal starts. "D=2048, r=sigma" is trained and sampled without the transfer
r = sigma sqrt(D).
"""

import functools
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from scipy.stats import kstest

from perturbax import core, data, diffusion, nn, stats

from ._study import Bar, Study, Trial
from .exact_diffusion import picture_of, sample_errors

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

_DISTURBANCES = (0.1, 0.2, 0.4)
_UNTRANSFERRED = "D=2048, r=sigma"
_T_MIN, _T_MAX = 0.01, 80.0
_LEVELS = {"log_sigma_mean": -1.0, "log_sigma_std": 1.2, "sigma_data": 0.75}


def trials(preset: Mapping[str, Any]) -> list[Trial]:
    """A trained network per data set, D and seed, and the exact checks."""
    cells = [
        {"problem": problem, "method": method, **preset[problem]}
        for problem in ("digits", "MNIST")
        if problem in preset
        for method in preset["methods"]
    ]
    cells += [{"problem": "ideal", "method": method, "samples": preset["ideal"]} for method in ("D=8", "D=64", "D=inf")]
    cells.append({"problem": "kernel", "method": "D=8", "samples": preset["kernel"]})
    return [Trial(cell, seed) for cell in cells for seed in range(preset["seeds"])]


def run(trial: Trial, key: Any) -> dict[str, Any]:
    """One network trained (or found in the cache) and measured, or one exact check."""
    if trial.cell["problem"] == "ideal":
        return _run_ideal(trial.cell, key)
    if trial.cell["problem"] == "kernel":
        return _run_kernel(trial.cell, key)
    return _run_trained(trial.cell, key)


def _dimensions(method: str) -> float:
    return float(method.removeprefix("D=").removesuffix(", r=sigma"))


def _shift(method: str) -> float:
    """What noise levels are divided by: `sqrt(D)` when `sigma` is taken for `r`."""
    return math.sqrt(_dimensions(method)) if method == _UNTRANSFERRED else 1.0


def _process(method: str) -> diffusion.PoissonFlow:
    return diffusion.PoissonFlow(_dimensions(method), _T_MIN / _shift(method), _T_MAX / _shift(method))


@functools.cache
def _split(problem: str) -> tuple[np.ndarray, np.ndarray]:
    """Training and test rows."""
    parts = data.digits().split(1 / 3) if problem == "digits" else data.reference_split("mnist")
    return parts[0].flat, parts[1].flat


def _run_trained(cell: Mapping[str, Any], key: Any) -> dict[str, Any]:
    train, test = _split(cell["problem"])
    train_key, sample_key, start_key = jax.random.split(key, 3)
    denoiser, loss = _trained(cell, train, train_key)
    process = _process(cell["method"])
    problem = diffusion.Sampling(denoiser, process, test.shape[1:], prediction=diffusion.Data())

    def samples(steps: int = 35, strength: float = 0.0, **start: Any) -> Any:
        method = diffusion.Heun(steps, churn=diffusion.Disturbance(strength) if strength else None)
        start = start or {"num_samples": cell["samples"]}
        return diffusion.sample(problem, method, key=sample_key, **start).x

    drawn = samples()
    disturbed = {strength: samples(strength=strength) for strength in _DISTURBANCES}
    normal = process.t_max * jax.random.normal(start_key, drawn.shape)
    return {
        "loss": loss,
        "frechet": stats.frechet_distance(drawn, test),
        "sliced": stats.sliced_wasserstein(drawn, test, jax.random.key(0)),
        **{f"frechet_{strength}": stats.frechet_distance(x, test) for strength, x in disturbed.items()},
        "frechet_11": stats.frechet_distance(samples(steps=11), test),
        "frechet_normal": stats.frechet_distance(samples(x_T=normal), test),
        "frechet_floor": stats.frechet_distance(train, test),
        "images": picture_of(drawn),
        "images_disturbed": picture_of(disturbed[_DISTURBANCES[-1]]),
    }


def _trained(cell: Mapping[str, Any], train: np.ndarray, key: Any) -> tuple[nn.EDMPreconditioned, float]:
    network_key, fit_key = jax.random.split(key)
    network = eqx.filter_jit(nn.ResidualMLP)(train.shape[1], width=cell["width"], blocks=3, key=network_key)
    mean = _LEVELS["log_sigma_mean"] - math.log(_shift(cell["method"]))
    method = diffusion.PFGMPP(_dimensions(cell["method"]), **{**_LEVELS, "log_sigma_mean": mean})  # pyright: ignore[reportArgumentType]

    def build() -> dict[str, Any]:
        done = diffusion.fit(
            diffusion.DenoisingProblem(train, network),
            method,
            key=fit_key,
            steps=cell["steps"],
            batch_size=128,
            optimizer=optax.adam(optax.cosine_decay_schedule(2e-3, cell["steps"])),
            ema=0.995,
            devices=jax.local_devices()[:1],
            progress=False,
        )
        leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(done.ema_model.network)]
        return {"leaves": leaves, "loss": float(done.losses[-max(cell["steps"] // 10, 1) :].mean())}

    inputs = ("denoiser", method, cell["steps"], cell["width"], train, jax.random.key_data(key))
    kept = core.cached("pfgmpp", inputs, build)
    leaves = [jnp.asarray(leaf) for leaf in kept["leaves"]]
    network = jax.tree.unflatten(jax.tree.structure(network), leaves)
    return nn.EDMPreconditioned(network, _LEVELS["sigma_data"], jnp.zeros(train.shape[1])), kept["loss"]


def _run_ideal(cell: Mapping[str, Any], key: Any) -> dict[str, Any]:
    """The share of samples of the exact denoiser that end on a training point."""
    points, _ = _split("digits")
    process = _process(cell["method"])
    problem = diffusion.Sampling(
        diffusion.ideal_denoiser(points, process), process, points.shape[1:], prediction=diffusion.Data()
    )
    x = np.asarray(diffusion.sample(problem, diffusion.Heun(35), key=key, num_samples=cell["samples"]).x)
    rms = [np.sqrt(np.square(row - points).mean(1)).min() for row in x]
    return {"on_data": float(np.mean(np.asarray(rms) <= 2e-2))}


def _run_kernel(cell: Mapping[str, Any], key: Any) -> dict[str, Any]:
    points, _ = _split("digits")
    D, size = _dimensions(cell["method"]), points.shape[1]
    noise_key, start_key = jax.random.split(key)
    x = np.zeros((cell["samples"], size), np.float32)
    z = np.asarray(diffusion.PoissonFlow(D).perturb(noise_key, x, 1.0), np.float64)
    with core.float64():
        x_T = _T_MAX * jax.random.normal(start_key, (64, size), jnp.float64)
        ends = []
        for process in (diffusion.PoissonFlow(1e6, _T_MIN), diffusion.EDM(_T_MIN)):
            ideal = diffusion.ideal_denoiser(points.astype(np.float64), process)
            problem = diffusion.Sampling(ideal, process, (size,), prediction=diffusion.Data())
            ends.append(diffusion.sample(problem, diffusion.Heun(35), x_T=x_T).x)
        rms = float(np.median(sample_errors(*ends)))
    return {
        "many_dimensions": rms,
        "kolmogorov_smirnov": float(kstest(z[:, 0], "t", args=(D,)).pvalue),
        "second_moment": float(np.square(z).sum(1).mean() / (size * D / (D - 2)) - 1.0),
    }


def judge(table: "pd.DataFrame") -> list[Bar]:
    """Transfer, robustness and the exact limits; bars of D = 2048 where it was run."""
    from ._verdict import median_of, ratio, select

    def relative(column: str, method: str) -> float:
        return ratio(table, column, method, "D=inf", problem="digits")

    def kernel(column: str) -> float:
        return abs(median_of(table, column, problem="kernel"))

    bars = [
        Bar("Frechet distance of D=64 over D=inf, same hyper-parameters", relative("frechet", "D=64"), 0.8, "in", 1.15),
        Bar("the same of D=8, disturbed by 0.4", relative("frechet_0.4", "D=8"), 0.80, "<="),
        Bar("the same of D=8, disturbed by 0.2", relative("frechet_0.2", "D=8"), 1.0, "<="),
        Bar("median rms between D=1e6 and D=inf from the same starts, exact", kernel("many_dimensions"), 1e-3, "<="),
        Bar("p-value of Kolmogorov and Smirnov, noise against Student's t", kernel("kolmogorov_smirnov"), 0.01, ">="),
        Bar("relative error of E|x - y|^2, D=8", kernel("second_moment"), 0.02, "<="),
    ]
    bars += [
        Bar(
            f"share of exact samples that end on the data, {method}",
            median_of(table, "on_data", problem="ideal", method=method),
            0.99,
            ">=",
        )
        for method in ("D=8", "D=64", "D=inf")
    ]
    if len(select(table, problem="digits", method="D=2048")):
        name = "Frechet distance of D=2048 over D=inf"
        bars.append(Bar(f"{name}, same hyper-parameters", relative("frechet", "D=2048"), 0.9, "in", 1.1))
        note = "from the specification, not measured before"
        bars.append(Bar(f"{name}, without the transfer", relative("frechet", _UNTRANSFERRED), 1.5, ">=", note=note))
    return bars


_COLORS = {"D=8": "#d55e00", "D=64": "#009e73", "D=128": "#e69f00", "D=2048": "#0072b2", "D=inf": "#555555"}


def plot(table: "pd.DataFrame") -> "Figure":
    """The distance from the data against the disturbance, a line per D, and digits with and without it."""
    from matplotlib.figure import Figure

    from ._figure import digit_strip
    from ._verdict import median_of, select

    figure = Figure(figsize=(11.0, 4.2), layout="constrained")
    grid = figure.add_gridspec(1, 2, width_ratios=(1, 1.25))
    axes = figure.add_subplot(grid[0, 0])
    columns = {0.0: "frechet", **{strength: f"frechet_{strength}" for strength in _DISTURBANCES}}
    for method, color in _COLORS.items():
        rows = select(table, problem="digits", method=method)
        if len(rows):
            drawn = rows[list(columns.values())]
            axes.plot(list(columns), drawn.median(), "o-", color=color, markersize=4, linewidth=1.7, label=method)
            axes.fill_between(list(columns), drawn.min(), drawn.max(), color=color, alpha=0.12, linewidth=0)
    floor = median_of(table, "frechet_floor", problem="digits")
    axes.axhline(floor, color="0.6", linestyle=":", label="training data")
    axes.set(yscale="log", xlabel="disturbance of every step, as a share of its noise level", xticks=list(columns))
    axes.set_ylabel("Fr\u00e9chet distance from unseen digits")
    axes.set_title("Few dimensions bear disturbances better", loc="left", fontsize=10, fontweight="bold")
    axes.grid(True, which="major", color="0.88", linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8.5)

    shown = [
        (method, [_images(table, method, "images"), _images(table, method, "images_disturbed")])
        for method in ("D=8", "D=64", "D=inf")
    ]
    digit_strip(figure, grid[0, 1], shown, ["undisturbed", f"disturbed by {_DISTURBANCES[-1]}"])
    return figure


def _images(table: "pd.DataFrame", method: str, column: str) -> Any:
    """Pictures of the first seed, `None` when the cell was not run."""
    from ._verdict import select

    rows = select(table, problem="digits", method=method)
    return rows.sort_values("seed").iloc[0][column] if len(rows) else None


_DIGITS = {"steps": 2500, "width": 192, "samples": 1000}

STUDY = Study(
    slug="pfgmpp",
    number=48,
    paper="2302.04265",
    title="PFGM++",
    claim=(
        "Hyper-parameters of diffusion models carry over to Poisson flows in any number D of extra dimensions by "
        "r = sigma sqrt(D), and few dimensions are more robust when every sampling step is disturbed."
    ),
    verb="diffusion.fit",
    methods=("PFGMPP",),
    precision="float32",
    presets={
        "smoke": {
            "digits": {"steps": 20, "width": 16, "samples": 80},
            "methods": ("D=8", "D=inf"),
            "ideal": 20,
            "kernel": 2000,
            "seeds": 1,
        },
        "small": {
            "digits": _DIGITS,
            "methods": ("D=8", "D=64", "D=inf"),
            "ideal": 200,
            "kernel": 50_000,
            "seeds": 3,
        },
        "full": {
            "digits": _DIGITS,
            "MNIST": {"steps": 20_000, "width": 768, "samples": 1000},
            "methods": ("D=8", "D=64", "D=128", "D=2048", _UNTRANSFERRED, "D=inf"),
            "ideal": 200,
            "kernel": 50_000,
            "seeds": 5,
        },
    },
    trials=trials,
    run=run,
    judge=judge,
    plot=plot,
)
