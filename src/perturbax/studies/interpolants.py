"""Stochastic interpolants (Albergo et al. 2023, arXiv 2303.08797): one training, then an ODE and SDEs of any diffusion.

"exact" carries a mixture of three Gaussians to one of five along every path, by exact fields, by ODE and SDEs in both
directions; paths from noise and mirrors end at the same five. "learnt" trains fields from noise to eight Gaussians on a
circle, and samples them by ODE and SDEs. "bridge" is the Schrödinger bridge between Gaussians, "order" that of Euler's
method.

`excess` is an energy distance over the 99.9 % quantile of the 496 between samples of the same size. `continuity`
compares `d/dt E f(x_t)` with `E b . grad f`, relative to `E |b . grad f|`. `off` is the share of points farther than
four standard deviations from every mode, `rms` the root mean square distance from the nearest mode. `kl_binned` is the
divergence of the shares of 32 regions that are equally likely in truth: no more than that of the densities, which
`kl_bound` bounds.
"""

import functools
import math
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from perturbax import stats, transport

from ._study import Bar, Study, Trial
from .exact_interpolants import PATHS, bridge_record, exact_record, order_record

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

_TIMES = (0.1, 0.5, 0.9)
_STD = 0.15
# Learnt scores are stiff near the end of the path, and are left there 0.005 before it.
_MARGIN = 0.005
_DIFFUSIONS: dict[str, transport.AbstractDiffusion] = {
    "ODE": transport.Constant(0.0),
    "constant 0.02": transport.Constant(0.02),
    "constant 0.1": transport.Constant(0.1),
    "constant 0.5": transport.Constant(0.5),
    "scaled 0.25": transport.Proportional(0.25),
    "scaled 1": transport.Proportional(1.0),
    "scaled 4": transport.Proportional(4.0),
}
_JUDGED = ("ODE", "constant 0.1", "scaled 1")


def trials(preset: Mapping[str, Any]) -> list[Trial]:
    """The grid: every path with exact fields, every method that learns."""
    exact = [
        {"problem": "exact", "path": path, "epsilons": preset["epsilons"], "count": preset["count"]}
        for path in preset["paths"]
    ]
    once = [*exact, {"problem": "bridge"}, {"problem": "order", "count": 100 * preset["count"]}]
    settings = {"steps": preset["training"], "batch_size": preset["batch_size"], "count": preset["drawn"]}
    learnt = [{"problem": "learnt", "method": method, **settings} for method in preset["methods"]]
    return [
        *(Trial(cell, seed) for cell in learnt for seed in range(preset["seeds"])),
        *(Trial(cell, 0) for cell in once),
    ]


def run(trial: Trial, key: Any) -> dict[str, Any]:
    """One path, or one training."""
    cell = trial.cell
    if cell["problem"] == "exact":
        return exact_record(cell["path"], [float(epsilon) for epsilon in cell["epsilons"].split()], cell["count"], key)
    if cell["problem"] == "bridge":
        return bridge_record(_TIMES)
    if cell["problem"] == "order":
        return order_record(cell["count"], key)
    # The picture's sweep over diffusions is made once.
    return _run_learnt(cell, key, tuple(_DIFFUSIONS) if trial.seed == 0 else _JUDGED)


@functools.cache
def circle() -> stats.GaussianMixture:
    """Eight Gaussians of standard deviation 0.15 on a circle of radius 3."""
    angles = 2.0 * math.pi * np.arange(8) / 8.0
    means = 3.0 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return stats.GaussianMixture(np.ones(8), means, np.full((8, 2), _STD**2))


def _run_learnt(cell: Mapping[str, Any], key: Any, drawn_by: tuple[str, ...]) -> dict[str, Any]:
    law, n = circle(), cell["count"]
    path = transport.OneSidedLinearPath()
    train_key, draw_key, truth_key, error_key, floor_key = jax.random.split(key, 5)
    settings = {"steps": cell["steps"], "batch_size": cell["batch_size"]}
    truth = transport.mixture_fields(None, law, path)
    coupling = truth.coupling
    if cell["method"] == "OT-CFM":
        noise = stats.GaussianMixture([1.0], [[0.0, 0.0]], [[1.0, 1.0]])
        coupling = transport.Coupling(lambda key, n: noise.sample(key, n), coupling.x1, transport.OptimalTransport())
        # The assignment of a batch costs the cube of its size.
        settings["batch_size"] = min(settings["batch_size"], 128)
    methods: dict[str, Any] = {
        "StochasticInterpolant": transport.StochasticInterpolant(path, **settings),
        "FlowMatching": transport.FlowMatching(**settings),
        "OT-CFM": transport.FlowMatching(**settings),
        "ScoreDiffusion": transport.ScoreDiffusion(**settings),
    }
    started = time.perf_counter()
    learnt = transport.fit_interpolant(coupling, methods[cell["method"]], key=train_key, progress=False)
    seconds = time.perf_counter() - started
    target = np.asarray(law.sample(truth_key, n))
    own = cell["method"] == "StochasticInterpolant"
    record: dict[str, Any] = {"seconds": seconds}
    if not own:
        drawn = learnt.sample(draw_key, n)
        return record | _quality(drawn.x, target, "ODE") | {"evaluations": drawn.stats["evaluations"]}
    for t in _TIMES:
        x = truth.states(error_key, 20_000, t)
        for name, letter in (("velocity", "b"), ("score", "s")):
            found, wanted = getattr(learnt, name)(x, t), getattr(truth, name)(x, t)
            record[f"{letter} {t}"] = float(jnp.linalg.norm(found - wanted) / jnp.linalg.norm(wanted))
    floor = stats.sampling_floor(stats.energy_distance, law.sample, n, floor_key)
    record["floor"] = floor.mean
    starts = truth.starts(draw_key, n)

    def carried(diffusion: transport.AbstractDiffusion, x: Any) -> Any:
        method = transport.SDE(diffusion, steps=200, margin=_MARGIN)
        return learnt.forward(x, method, key=draw_key).x

    for name in drawn_by:
        x = carried(_DIFFUSIONS[name], starts)
        record |= _quality(x, target, name) | {f"points {name}": np.asarray(x[:800], np.float32)}
    errors = learnt.errors(error_key, truth, n=2000)
    record |= {"best_epsilon": errors.best_epsilon, "kl_bound": errors.kl_bound(errors.best_epsilon)}
    record["kl_binned"] = _binned_divergence(carried(transport.Constant(errors.best_epsilon), starts))
    return record


def _distances(x: Any) -> tuple[np.ndarray, np.ndarray]:
    """Distance from the nearest mode, and which it is."""
    gaps = np.linalg.norm(np.asarray(x)[:, None] - np.asarray(circle().means), axis=-1)
    return gaps.min(1), gaps.argmin(1)


def _quality(x: Any, target: Any, name: str) -> dict[str, float]:
    distance, _ = _distances(x)
    return {
        f"energy {name}": stats.energy_distance(x, target),
        f"off {name}": float((distance > 4.0 * _STD).mean()),
        f"rms {name}": float(np.sqrt(np.square(distance).mean())),
    }


def _binned_divergence(x: Any) -> float:
    """`KL(truth | drawn)` of the shares of the modes, each in four shells that are equally likely."""
    distance, mode = _distances(x)
    edges = _STD * np.sqrt(-2.0 * np.log([0.75, 0.5, 0.25]))
    counts = np.bincount(4 * mode + np.searchsorted(edges, distance), minlength=32)
    # Half a point more in each region keeps the logarithm finite.
    share = (counts + 0.5) / (counts.sum() + 16.0)
    return float(-np.log(32.0 * share).mean())


# Relative L2 errors of velocity and score at the three times.
_ERRORS = {"b": (0.30, 0.13, 0.05), "s": (0.11, 0.27, 0.20)}


def judge(table: "pd.DataFrame") -> list[Bar]:
    """Exact fields by every sampler, learnt fields, the choice of the diffusion, and the bridge."""
    from ._verdict import median_of, select

    rows = select(table, problem="exact")
    excess = np.concatenate(list(rows["excess"])) if len(rows) else np.full(1, np.nan)
    above = float((excess > 1.0).mean()) if np.isfinite(excess).all() else np.nan
    worst = float(rows["continuity"].max()) if len(rows) else np.nan
    bars = [
        Bar(
            "share of exact runs above the 99.9 % quantile of the floor", above, 0.01, "<=", note=f"{excess.size} runs"
        ),
        Bar("largest energy distance of exact runs over that quantile", float(excess.max()), 2.0, "<="),
        Bar("largest gap of d/dt E f and E b . grad f, relative", worst, 0.02, "<="),
        Bar(
            "Euler's error in 10 steps over that in 20",
            median_of(table, "euler_ratio", problem="order"),
            1.6,
            "in",
            upper=2.5,
            note="weak order 1; the variance at the end",
        ),
    ]
    own = {"problem": "learnt", "method": "StochasticInterpolant"}
    for letter, what in (("b", "velocity"), ("s", "score")):
        for t, bar in zip(_TIMES, _ERRORS[letter], strict=True):
            bars.append(
                Bar(f"relative error of the {what}, t = {t}", median_of(table, f"{letter} {t}", **own), bar, "<=")
            )
    rows = select(table, **own)

    def over_ode(column: str, name: str) -> float:
        return float((rows[f"{column} {name}"] / rows[f"{column} ODE"]).median()) if len(rows) else np.nan

    def median(value: Any) -> float:
        return float(value(rows).median()) if len(rows) else np.nan

    bars += [
        Bar("off-mode share of the SDE, eps = 0.1, over the ODE's", over_ode("off", "constant 0.1"), 0.35, "<="),
        Bar(
            "energy distance of the SDE, eps = 0.1, less 3 floors",
            median(lambda rows: rows["energy constant 0.1"] - 3.0 * rows["floor"]),
            0.001,
            "<=",
        ),
        Bar("energy distance of the SDE, eps = 1 - t, over the ODE's", over_ode("energy", "scaled 1"), 0.85, "<="),
        Bar("off-mode share of the SDE, eps = 1 - t, over the ODE's", over_ode("off", "scaled 1"), 0.75, "<="),
        Bar(
            "rms from the modes of the SDE, eps = 1 - t, relative error",
            median(lambda rows: (rows["rms scaled 1"] / (_STD * math.sqrt(2.0)) - 1.0).abs()),
            0.08,
            "<=",
        ),
        Bar(
            "largest binned divergence at eps* over its bound",
            float((rows["kl_binned"] / rows["kl_bound"]).max()) if len(rows) else np.nan,
            1.0,
            "<=",
        ),
        Bar(
            "error of the Schrödinger drift from the entropic coupling",
            median_of(table, "drift_error", problem="bridge"),
            1e-8,
            "<=",
        ),
    ]
    return bars


def plot(table: "pd.DataFrame") -> "Figure":
    """Draws by ODE and SDEs of one trained model; below, the sweep over the diffusion, and all exact runs."""
    from matplotlib.figure import Figure

    from ._verdict import select

    figure = Figure(figsize=(11.0, 7.2), layout="constrained")
    parts: Any = figure.subfigures(2, 1, height_ratios=(1.1, 1))
    scatters: Any = parts[0].subplots(1, 3)
    below: Any = parts[1].subplots(1, 2)
    rows = select(table, problem="learnt", method="StochasticInterpolant").sort_values("seed")
    titles = {"ODE": "ODE", "constant 0.1": "SDE, eps = 0.1", "scaled 1": "SDE, eps = 1 - t"}
    for axes, name in zip(scatters, _JUDGED, strict=True):
        axes.set(xticks=[], yticks=[], aspect="equal", xlim=(-4.0, 4.0), ylim=(-4.0, 4.0))
        if len(rows):
            points, row = rows.iloc[0][f"points {name}"], rows.iloc[0]
            off = _distances(points)[0] > 4.0 * _STD
            axes.scatter(*points[~off].T, s=5, color="#0072b2", linewidths=0)
            axes.scatter(*points[off].T, s=12, color="#d55e00", linewidths=0)
            axes.set_xlabel(f"{100 * row[f'off {name}']:.1f} % off the modes, rms {row[f'rms {name}']:.3f}", fontsize=9)
        axes.set_title(titles[name], loc="left", fontsize=10, fontweight="bold")
    _draw_sweep(below[0], rows)
    _draw_exact(below[1], select(table, problem="exact"))
    return figure


def _draw_sweep(axes: Any, rows: "pd.DataFrame") -> None:
    """Energy distance against the diffusion, constant and falling with the noise."""
    families = {"constant": ("#d55e00", "eps constant"), "scaled": ("#0072b2", "eps = a (1 - t)")}
    columns = {name: f"energy {name}" for name in _DIFFUSIONS if len(rows) and f"energy {name}" in rows}
    for word, (color, label) in families.items():
        chosen = [name for name in columns if name.startswith(word)]
        values = [float(name.split()[1]) for name in chosen]
        axes.plot(values, [rows[columns[name]].median() for name in chosen], "-", color=color, label=label)
        for value, name in zip(values, chosen, strict=True):
            own = rows[columns[name]].dropna()
            axes.plot([value] * len(own), own, "o", color=color, markersize=4)
    for column, style, label in (("energy ODE", "-", "ODE"), ("floor", ":", "two samples of the truth")):
        if len(rows):
            axes.axhline(rows[column].median(), color="0.3", linewidth=1.0, linestyle=style, label=label)
    axes.set(xscale="log", yscale="log", xlabel="eps, or a", ylabel="energy distance")
    axes.set_title("One trained model, any diffusion", loc="left", fontsize=10, fontweight="bold")
    _tidy(axes, "both")
    if columns:
        axes.legend(frameon=False, fontsize=8.5)


def _draw_exact(axes: Any, rows: "pd.DataFrame") -> None:
    """All runs with exact fields against the floor."""
    names = list(rows["path"]) if len(rows) else []
    for i, excess in enumerate(rows["excess"] if len(rows) else []):
        axes.plot(excess, np.full(len(excess), i), "o", color="#0072b2", markersize=3.5, alpha=0.7)
    axes.axvline(1.0, color="0.3", linewidth=1.0)
    axes.set_yticks(range(len(names)), names, fontsize=7)
    axes.invert_yaxis()
    axes.set(xlim=(0.0, None), xlabel="energy distance over the 99.9 % quantile of the floor")
    axes.set_title("Exact fields: ODE and SDEs, both directions", loc="left", fontsize=10, fontweight="bold")
    _tidy(axes, "x")


def _tidy(axes: Any, along: str) -> None:
    axes.grid(True, axis=along, which="major", color="0.88", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


_SMALL = {
    "paths": tuple(PATHS),
    "epsilons": "0 1",
    "count": 3000,
    "methods": ("StochasticInterpolant", "FlowMatching", "ScoreDiffusion"),
    "training": 2500,
    "batch_size": 512,
    "drawn": 5000,
    "seeds": 3,
}

STUDY = Study(
    slug="interpolants",
    number=53,
    paper="2303.08797",
    title="Stochastic Interpolants: A Unifying Framework for Flows and Diffusions",
    claim=(
        "Joined through data and latent noise, two distributions get an ODE and a family of SDEs from the same two "
        "regressions; a diffusion that is chosen after training removes points that the ODE leaves between the modes."
    ),
    verb="transport.fit_interpolant",
    methods=("StochasticInterpolant", "FlowMatching", "ScoreDiffusion"),
    precision="float32",
    presets={
        "smoke": {
            **_SMALL,
            "paths": ("one-sided linear",),
            "count": 100,
            "methods": ("StochasticInterpolant",),
            "training": 5,
            "batch_size": 16,
            "drawn": 100,
            "seeds": 1,
        },
        "small": _SMALL,
        "full": {
            **_SMALL,
            "epsilons": "0 0.1 1 5",
            "methods": ("StochasticInterpolant", "FlowMatching", "OT-CFM", "ScoreDiffusion"),
            "drawn": 20_000,
            "seeds": 5,
        },
    },
    trials=trials,
    run=run,
    judge=judge,
    plot=plot,
)
