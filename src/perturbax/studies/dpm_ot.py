"""DPM-OT (Li et al. 2023, arXiv 2307.11308): an optimal-transport map in the place of the first part of sampling.

"grid": 25 Gaussians of deviation 0.05 on a square grid, with the exact score. A sample is off-mode when it is farther
than four deviations from every mean. DPM-OT maps noise to 250 latents at t = 0.1 and spends all its evaluations after
that. All grids end at t = 1e-3, as in the studies of the other samplers. The map itself has bars of its own, since the
rate of off-mode samples does not separate it from drawing the same latents at random. "digits": the mixture fitted to
the real digits in 64 dimensions, where a sample is off-mode when its Mahalanobis distance to every component is beyond
the 0.9999 quantile; its map has a bar, the samples are a report.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ._study import Bar, Study, Trial

if TYPE_CHECKING:
    import pandas as pd

STD = 0.05
START = 0.1
_GRIDS = ("time", "logSNR", "quadratic")


def trials(preset: Mapping[str, Any]) -> list[Trial]:
    """A trial for each part and seed: the map is fitted once and all samplers run from it."""
    parts = {"grid": preset["targets"], "digits": preset["digit_targets"]}
    return [
        Trial({"part": part, "targets": targets, "samples": preset["samples"]}, seed=s)
        for part, targets in parts.items()
        for s in range(preset["seeds"] if part == "grid" else preset["digit_seeds"])
    ]


def run(trial: Trial, key: Any) -> dict[str, Any]:
    """Fit the map, sample with everything, and measure."""
    return (_grid if trial.cell["part"] == "grid" else _digits)(trial, key)


def _mixture() -> Any:
    from perturbax.stats import GaussianMixture

    side = np.arange(5.0) - 2.0
    means = np.stack(np.meshgrid(side, side), -1).reshape(-1, 2)
    return GaussianMixture(np.full(25, 0.04), means, np.full((25, 2), STD**2))


def _samplers(steps: int) -> dict[str, Any]:
    from perturbax import diffusion

    where = {
        "time": diffusion.TimeUniform(final="eps"),
        "logSNR": diffusion.LogSNR(final="eps"),
        "quadratic": diffusion.TimePower(final="eps"),
    }
    made: dict[str, Any] = {f"DDIM {name}": diffusion.DDIM(steps=steps, grid=grid) for name, grid in where.items()}
    made["2M++"] = diffusion.DPMSolverPP(steps=steps, grid=where["logSNR"])
    made["DDPM"] = diffusion.DDPM(steps=steps, grid=where["time"])
    return made


def _latents(mixture: Any, process: Any, count: int, key: Any) -> Any:
    """Data under the noise of the late time."""
    import jax

    data_key, noise_key = jax.random.split(key)
    data = mixture.sample(data_key, count)
    return process.alpha(START) * data + process.sigma(START) * jax.random.normal(noise_key, data.shape)


def _draw(problem: Any, method: Any, key: Any, count: int) -> np.ndarray:
    from perturbax import diffusion

    return np.asarray(diffusion.sample(problem, method, key=key, num_samples=count).x)


def _grid(trial: Trial, key: Any) -> dict[str, Any]:
    import jax
    import jax.numpy as jnp

    from perturbax import diffusion, stats, transport

    from .exact_diffusion import mixture_problem

    mixture, process, count = _mixture(), diffusion.VPLinear(), trial.cell["samples"]
    latent_key, fit_key, draw_key, data_key, source_key = jax.random.split(key, 5)
    problem = mixture_problem(mixture, process)
    latents = _latents(mixture, process, trial.cell["targets"], latent_key)
    targets = transport.SemiDiscrete(latents)
    found = transport.semidiscrete(targets, transport.MonteCarloAdam(), key=fit_key, progress=False)
    nearest = transport.semidiscrete(targets, transport.NearestNeighbour(), key=fit_key)
    flat = _mass_error(found, np.zeros(found.weights.size), source_key)

    def at_random(z: Any) -> Any:
        return latents[jax.random.randint(draw_key, z.shape[:1], 0, latents.shape[0])]

    record: dict[str, Any] = {"mass_error": found.mass_error, "floor": found.floor, "empty": found.empty_cells.size}
    record |= {"nearest_error": nearest.mass_error, "flat_error": flat}
    x = np.asarray(jax.random.normal(source_key, (3000, 2)))
    exact = stats.wasserstein(x, found.points) ** 2
    record["cost"] = float(np.square(x - found(x)).sum(1).mean() / exact)
    record["random_cost"] = float(np.square(x - np.asarray(at_random(jnp.asarray(x)))).sum(1).mean() / exact)
    fresh = np.asarray(mixture.sample(data_key, 1000))
    for steps in (5, 10):
        samplers = _samplers(steps)
        inner = samplers["DDIM logSNR"]
        langevin = diffusion.AnnealedLangevin(steps=steps, each=steps // 2, grid=diffusion.LogSNR(final="eps"))
        methods = {
            **samplers,
            "DPM-OT": diffusion.DPMOT(map=found, start_time=START, inner=inner),
            "DPM-OT 2M++": diffusion.DPMOT(map=found, start_time=START, inner=samplers["2M++"]),
            "DPM-OT Langevin": diffusion.DPMOT(map=found, start_time=START, inner=langevin),
            "random latents": diffusion.DPMOT(map=at_random, start_time=START, inner=inner),
        }
        for name, method in methods.items():
            drawn = _draw(problem, method, draw_key, count)
            record[f"off {name} {steps}"] = float(np.mean(_far(drawn)))
            if steps == 5:
                record[f"W2 {name}"] = stats.wasserstein(drawn[:1000], fresh)
                record[f"x {name}"] = drawn[:1500].astype(np.float32)
    record["latents"] = np.asarray(latents, np.float32)
    return record


def _far(x: np.ndarray) -> np.ndarray:
    """Whether points are farther than four deviations from every mean."""
    means = np.asarray(_mixture().means)
    return np.linalg.norm(x[:, None] - means, axis=2).min(1) > 4.0 * STD


def _mass_error(found: Any, heights: np.ndarray, key: Any) -> float:
    """Of the same targets with other heights, on as many points."""
    import equinox as eqx
    import jax

    other = eqx.tree_at(lambda m: m.heights, found, heights)
    index = np.asarray(other.assign(jax.random.normal(key, (40 * heights.size, found.points.shape[1]))))
    mass = np.bincount(index, minlength=heights.size) / index.size
    return float(0.5 * np.abs(mass - found.weights).sum())


def _digits(trial: Trial, key: Any) -> dict[str, Any]:
    import jax

    from perturbax import diffusion, transport

    from .exact_diffusion import digits, mixture_problem

    mixture, process, count = digits("float32"), diffusion.VPLinear(), trial.cell["samples"] // 4
    latent_key, fit_key, draw_key = jax.random.split(key, 3)
    problem = mixture_problem(mixture, process)
    latents = _latents(mixture, process, trial.cell["targets"], latent_key)
    targets = transport.SemiDiscrete(latents)
    found = transport.semidiscrete(targets, transport.MonteCarloAdam(), key=fit_key, progress=False)
    record: dict[str, Any] = {"mass_error": found.mass_error, "floor": found.floor, "empty": found.empty_cells.size}
    samplers = _samplers(5)
    methods = {**samplers, "DPM-OT": diffusion.DPMOT(map=found, start_time=START, inner=samplers["DDIM logSNR"])}
    for name, sampler in methods.items():
        drawn = _draw(problem, sampler, draw_key, count)
        record[f"off {name} 5"] = float(np.mean(_far_from_components(mixture, drawn)))
        record[f"x {name}"] = drawn[:8].astype(np.float32)
    return record


def _far_from_components(mixture: Any, x: np.ndarray) -> np.ndarray:
    """Whether the Mahalanobis distance to every component is beyond the 0.9999 quantile."""
    from scipy.stats import chi2

    offset = x[:, None] - np.asarray(mixture.means)
    along = np.einsum("kij,nki->nkj", np.asarray(mixture.eigenvectors), offset)
    distance = (along**2 / np.asarray(mixture.eigenvalues)).sum(2)
    return distance.min(1) > chi2.ppf(0.9999, x.shape[1])


def judge(table: "pd.DataFrame") -> list[Bar]:
    """The bars of the sampler, and those of the map."""
    from ._verdict import select

    grid, digits = select(table, part="grid"), select(table, part="digits")

    def off(name: str, steps: int) -> Any:
        return grid[f"off {name} {steps}"]

    def best(names: tuple[str, ...], steps: int) -> Any:
        return np.min([off(name, steps) for name in names], axis=0)

    def bar(name: str, values: Any, threshold: float, sense: str) -> Bar:
        return Bar(name, np.median(values), threshold, sense)

    ddim = tuple(f"DDIM {name}" for name in _GRIDS)
    floor = grid["floor"]
    return [
        bar("off-mode at 5: DPM-OT over best", off("DPM-OT", 5) / best((*ddim, "2M++", "DDPM"), 5), 0.3, "<="),
        bar("off-mode at 10: DPM-OT over best DDIM", off("DPM-OT", 10) / best(ddim, 10), 0.5, "<="),
        bar("off-mode at 10: DPM-OT over 2M++", off("DPM-OT", 10) / off("2M++", 10), 2.0, "<="),
        bar("W2 to fresh data at 5: DPM-OT over DDIM", grid["W2 DPM-OT"] / grid["W2 DDIM logSNR"], 0.7, "<="),
        bar("map: mass error over its floor", grid["mass_error"] / floor, 1.6, "<="),
        bar("map: empty cells, in the plane and of digits", table["empty"].max(), 0.0, "<="),
        bar(
            "map of digits, 64 dimensions: mass error over its floor", digits["mass_error"] / digits["floor"], 1.6, "<="
        ),
        bar("map: difference of its cost from the exact discrete one", np.abs(grid["cost"] - 1.0), 0.05, "<="),
        bar("map: cost over that of random latents", grid["cost"] / grid["random_cost"], 0.15, "<="),
        bar("control: mass error with equal heights", grid["flat_error"], 0.2, ">="),
        bar("control: mass error of nearest neighbours over its floor", grid["nearest_error"] / floor, 1.6, ">="),
    ]


def plot(table: "pd.DataFrame") -> Any:
    """Samples at five evaluations on the grid, and the rates of off-mode samples."""
    from matplotlib.figure import Figure

    from ._verdict import select

    grid = select(table, part="grid").sort_values("seed")
    first = grid.iloc[0]
    figure = Figure(figsize=(12, 4.3), layout="constrained")
    axes = figure.subplots(1, 4, width_ratios=(1, 1, 1, 1.15))
    for ax, (name, title) in zip(
        axes, (("DDIM logSNR", "DDIM"), ("2M++", "DPM-Solver++"), ("DPM-OT", "DPM-OT")), strict=False
    ):
        x = first[f"x {name}"]
        far = _far(x)
        ax.plot(*x[~far].T, ".", color="#0072b2", markersize=2.5)
        ax.plot(*x[far].T, ".", color="#d55e00", markersize=3)
        ax.set(xlim=(-2.7, 2.7), ylim=(-2.7, 2.7), aspect="equal", xticks=[], yticks=[])
        share = f"{100 * first[f'off {name} 5']:.1f} % off-mode"
        ax.set_title(f"{title}, 5 evaluations\n{share}", loc="left", fontsize=10)
    names = ("DDIM time", "DDPM", "DDIM logSNR", "2M++", "DDIM quadratic", "random latents", "DPM-OT", "DPM-OT 2M++")
    for y, name in enumerate(names):
        for steps, marker, color in ((5, "o", "#d55e00"), (10, "s", "#0072b2")):
            values = np.maximum(grid[f"off {name} {steps}"].to_numpy(), 1e-4)
            axes[3].plot(values, np.full(values.size, y), marker, color=color, markersize=4, alpha=0.7)
    axes[3].set_xscale("log")
    axes[3].set_yticks(range(len(names)), names)
    axes[3].invert_yaxis()
    axes[3].set_xlabel("share of off-mode samples")
    axes[3].plot([], [], "o", color="#d55e00", label="5 evaluations")
    axes[3].plot([], [], "s", color="#0072b2", label="10 evaluations")
    axes[3].legend(frameon=False, fontsize=8.5, loc="upper left")
    axes[3].spines[["top", "right"]].set_visible(False)
    return figure


_SMALL = {"targets": 250, "digit_targets": 250, "samples": 4000, "seeds": 5, "digit_seeds": 2}

STUDY = Study(
    slug="dpm-ot",
    number=72,
    paper="2307.11308",
    title="DPM-OT: A New Diffusion Probabilistic Model Based on Optimal Transport",
    claim=(
        "At five to ten evaluations an optimal-transport map onto late latents gives far fewer samples between the "
        "modes than samplers that start from noise."
    ),
    verb="diffusion.sample",
    methods=("DPMOT", "AnnealedLangevin", "DDIM", "DPMSolverPP", "DDPM"),
    presets={
        "smoke": {"targets": 40, "digit_targets": 20, "samples": 200, "seeds": 1, "digit_seeds": 1},
        "small": _SMALL,
        "full": {**_SMALL, "targets": 1000, "digit_targets": 1000, "samples": 20_000, "seeds": 10, "digit_seeds": 5},
    },
    trials=trials,
    run=run,
    judge=judge,
    plot=plot,
)
