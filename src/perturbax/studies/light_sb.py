"""LightSB (Korotin et al. 2024, arXiv 2310.01174): Schrödinger bridges from a mixture of Gaussians, and its baselines.

"mixture" has a known plan: the potential is a mixture of five Gaussians, the starts are normal, and the ends are drawn
from the plan. "Gaussian" is the exact bridge between two Gaussians in five dimensions, "drift" compares Euler's method
along the drift with plan and Brownian bridges, "swiss roll" is the picture, and "digits" (preset `full`) carries
threes to eights, in 32 principal components.

`cbw` is the conditional BW2-UVP in per cent, `100 E BW2^2(pi(.|x), pi*(.|x)) / (Var(p_1) / 2)` of the moments of both
plans over test starts, exact for methods with a plan and of 100 draws for the others; `bw` is that of the ends. `gap`
is the excess of the loss over that of the true potential, the KL divergence of the processes, on fresh pairs.
"independent" is the plan that ignores the start.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
from sklearn.decomposition import PCA

from perturbax import data, stats, transport

from ._study import Bar, Study, Trial
from .known_bridges import drift_record, gaussian_record, mixture_record, swiss_roll

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

# By dimension and epsilon: samples, batch, steps and learning rate of LightSB. A small epsilon needs many samples,
# because where a start switches between components is known only from their proportions.
_MEDIUM = {"samples": 10_000, "batch_size": 128, "steps": 3000, "learning_rate": 1e-2}
_LARGE = {"samples": 10_000, "batch_size": 128, "steps": 3000, "learning_rate": 6e-2}
_SETTINGS = {
    (2, 0.1): {"samples": 100_000, "batch_size": 256, "steps": 4000, "learning_rate": 1e-2},
    (16, 0.1): {"samples": 100_000, "batch_size": 256, "steps": 4000, "learning_rate": 5e-3},
    **{(size, 1.0): _MEDIUM for size in (2, 16)},
    **{(size, 10.0): _LARGE for size in (2, 16)},
}
_OTHERS = ("independent", "GaussianBridge", "IPF", "LightSBM", "BridgeMatching")


def trials(preset: Mapping[str, Any]) -> list[Trial]:
    """The grid: every problem with its methods."""
    cells = []
    for size in preset["sizes"]:
        for epsilon in preset["epsilons"]:
            methods = ("LightSB", "Sinkhorn", *(_OTHERS if (size, epsilon) == preset["all_methods"] else ()))
            settings = {"size": size, "epsilon": epsilon, "potentials": preset["potentials"], "speed": preset["speed"]}
            cells += [{"problem": "mixture", "method": method, **settings} for method in methods]
    cells += [
        {"problem": "Gaussian", "method": "LightSB", "size": 5, "epsilon": epsilon, "speed": preset["speed"]}
        for epsilon in preset["gaussian"]
    ]
    cells += [{"problem": "digits", "method": method, "size": 32, "epsilon": 1.0} for method in preset["digits"]]
    once = [{"problem": "drift", "method": "LightSB", "size": 2, "epsilon": 1.0, "paths": preset["paths"]}]
    once += [
        {"problem": "swiss roll", "method": "LightSB", "size": 2, "epsilon": epsilon, "speed": preset["speed"]}
        for epsilon in preset["swiss"]
    ]
    return [Trial(cell, seed) for cell in cells for seed in range(preset["seeds"])] + [Trial(cell, 0) for cell in once]


def run(trial: Trial, key: Any) -> dict[str, Any]:
    """One method on one problem."""
    runs = {
        "mixture": _run_mixture,
        "Gaussian": _run_gaussian,
        "drift": _run_drift,
        "digits": _run_digits,
        "swiss roll": _run_swiss_roll,
    }
    return runs[trial.cell["problem"]](trial.cell, key)


def _settings(cell: Mapping[str, Any]) -> dict[str, Any]:
    return _SETTINGS[2 if cell["size"] == 2 else 16, cell["epsilon"]]


def _method(cell: Mapping[str, Any]) -> transport.AbstractBridgeMethod:
    settings = {name: value for name, value in _settings(cell).items() if name != "samples"}
    settings["steps"] = max(int(settings["steps"] / cell["speed"]), 5)
    if cell["method"] == "LightSB":
        return transport.LightSB(potentials=cell["potentials"], **settings)
    if cell["method"] == "LightSBM":
        return transport.LightSBM(potentials=cell["potentials"], **settings)
    if cell["method"] == "Sinkhorn":
        return transport.Sinkhorn(points=int(2500 / cell["speed"]), max_iterations=150)
    if cell["method"] == "IPF":
        return transport.IPF(iterations=5, particles=int(1000 / cell["speed"]), steps=30)
    if cell["method"] == "BridgeMatching":
        return transport.BridgeMatching(
            steps=max(int(400 / cell["speed"]), 5), batch_size=128, width=64, blocks=2, simulation_steps=50
        )
    return transport.GaussianBridge()


def _run_mixture(cell: Mapping[str, Any], key: Any) -> dict[str, Any]:
    method = None if cell["method"] == "independent" else _method(cell)
    return mixture_record(method, cell["size"], cell["epsilon"], _settings(cell)["samples"], key)


def _run_gaussian(cell: Mapping[str, Any], key: Any) -> dict[str, Any]:
    method = transport.LightSB(1, transport.Full(), steps=max(int(1000 / cell["speed"]), 5))
    return gaussian_record(method, cell["size"], cell["epsilon"], key)


def _run_drift(cell: Mapping[str, Any], key: Any) -> dict[str, Any]:
    return drift_record(transport.LightSB(5, steps=1500), cell["size"], cell["epsilon"], cell["paths"], key)


def _run_digits(cell: Mapping[str, Any], key: Any) -> dict[str, Any]:
    """Threes to eights: how far held-out threes, carried over, are from held-out eights."""
    digits = data.digits()
    rows = PCA(cell["size"], random_state=0).fit_transform(np.asarray(digits.flat, np.float64))
    split_key, solve_key, draw_key = jax.random.split(key, 3)
    halves = []
    for label in (3, 8):
        own = rows[np.asarray(digits.labels) == label]
        halves.append(np.array_split(own[np.asarray(jax.random.permutation(split_key, len(own)))], 2))
    (train, test), (target, unseen) = halves
    methods = {
        "LightSB": transport.LightSB(10, steps=2000, batch_size=64),
        "Sinkhorn": transport.Sinkhorn(),
        "GaussianBridge": transport.GaussianBridge(),
    }
    problem = transport.BridgeProblem(train, target, cell["epsilon"])
    solved = transport.bridge(problem, methods[cell["method"]], key=solve_key, progress=False, throw=False)
    return {
        "frechet": stats.frechet_distance(solved.sample(draw_key, test), unseen),
        "frechet_floor": stats.frechet_distance(target, unseen),
        "cost": solved.transport_cost(test),
    }


def _run_swiss_roll(cell: Mapping[str, Any], key: Any) -> dict[str, Any]:
    start_key, solve_key, path_key = jax.random.split(key, 3)
    roll = swiss_roll(5000, 0)
    x0 = jax.random.normal(start_key, (5000, 2))
    method = transport.LightSB(100, initial_variance=0.1, steps=max(int(5000 / cell["speed"]), 5))
    solved = transport.bridge(transport.BridgeProblem(x0, roll, cell["epsilon"]), method, key=solve_key, progress=False)
    ends = solved.sample(path_key, x0)
    ts = np.linspace(0.0, 1.0, 61)
    return {
        "sliced": stats.sliced_wasserstein(ends, swiss_roll(5000, 1), jax.random.key(0)),
        "sliced_floor": stats.sliced_wasserstein(roll, swiss_roll(5000, 1), jax.random.key(0)),
        "starts": np.asarray(x0[:400], np.float32),
        "ends": np.asarray(ends[:400], np.float32),
        "maps": np.asarray(solved.moments(x0[:60])[0], np.float32),
        "trajectories": np.asarray(solved.path(path_key, x0[:12], ts), np.float32),
    }


# By dimension and epsilon: the conditional BW2-UVP in per cent, and the KL gap in nats.
_BARS = {
    2: {0.1: (0.9, 0.05), 1.0: (0.3, 0.05), 10.0: (0.9, 0.05)},
    16: {0.1: (0.8, 0.05), 1.0: (3.0, 0.2), 10.0: (1.2, 0.2)},
}


def judge(table: "pd.DataFrame") -> list[Bar]:
    """The known plan, the exact Gaussian, the drift, and the comparison with Sinkhorn's algorithm."""
    from ._verdict import median_of, ratio, select

    bars = []
    for size, row in _BARS.items():
        for epsilon, (conditional, gap) in row.items():
            cell = {"problem": "mixture", "method": "LightSB", "size": size, "epsilon": epsilon}
            where = f"D = {size}, eps = {epsilon:g}"
            note = f"{_SETTINGS[size, epsilon]['samples']:,} samples of each end"
            value = median_of(table, "cbw", **cell)
            bars.append(Bar(f"conditional BW2-UVP, %, {where}", value, conditional, "<=", note=note))
            bars.append(Bar(f"KL gap, nats, {where}", median_of(table, "gap", **cell), gap, "<="))
    rows = select(table, problem="mixture", method="LightSB")
    least = float(rows["gap"].min()) if "gap" in rows and len(rows) else np.nan
    bars.append(Bar("smallest KL gap of all runs, nats", least, -0.01, ">=", note="a negative one is a broken loss"))
    bars += [
        Bar(
            f"conditional BW2-UVP of Sinkhorn over LightSB's, D = 16, eps = {epsilon:g}",
            ratio(table, "cbw", "Sinkhorn", "LightSB", problem="mixture", size=16, epsilon=epsilon),
            3.0,
            ">=",
            note="2500 samples, which take as long as LightSB",
        )
        for epsilon in (0.1, 1.0)
    ]
    rows = select(table, problem="Gaussian")
    worst = float(rows["residual"].max()) if len(rows) else np.nan
    bars.append(Bar("largest residual of the exact Gaussian coupling", worst, 1e-10, "<="))
    bars += [
        Bar(
            f"relative error of the covariance between the ends, Gaussian, eps = {epsilon:g}",
            median_of(table, "error", problem="Gaussian", epsilon=epsilon),
            0.05,
            "<=",
        )
        for epsilon in (0.1, 1.0, 10.0)
    ]
    bars += [
        Bar(
            f"Euler on the drift against plan and bridges, {what}",
            median_of(table, column, problem="drift"),
            at,
            "<=",
        )
        for what, column, at in (
            ("mean at t = 1/2, relative", "mean", 0.03),
            ("covariance at t = 1/2, relative", "covariance", 0.03),
            ("BW2-UVP at t = 1, %", "bw", 1.0),
        )
    ]
    return bars


def plot(table: "pd.DataFrame") -> "Figure":
    """The swiss roll by epsilon, where the starts go and along which paths; below, the errors of the methods."""
    from matplotlib.figure import Figure

    from ._verdict import select

    figure = Figure(figsize=(11.0, 7.0), layout="constrained")
    parts: Any = figure.subfigures(2, 1, height_ratios=(1.25, 1))
    above, below = parts
    rolls: Any = above.subplots(1, 3)
    errors, methods = below.subplots(1, 2, width_ratios=(2, 1))
    rows = select(table, problem="swiss roll").sort_values("epsilon")
    roll = swiss_roll(1500, 2)
    for axes in rolls:
        axes.set(xticks=[], yticks=[], aspect="equal", xlim=(-2.3, 2.3), ylim=(-2.3, 2.3))
        axes.spines[:].set_visible(False)
    for axes, (_, row) in zip(rolls, rows.iterrows(), strict=False):
        axes.scatter(*roll.T, s=3, color="#bbbbbb", linewidths=0)
        axes.scatter(*row["ends"].T, s=5, color="#d55e00", linewidths=0, alpha=0.8)
        starts, maps = row["starts"][: len(row["maps"])], row["maps"]
        axes.plot(*np.stack([starts, maps], 1).transpose(2, 1, 0), color="#0072b2", linewidth=0.5, alpha=0.5)
        axes.plot(row["trajectories"][:, :, 0], row["trajectories"][:, :, 1], color="0.15", linewidth=0.7)
        axes.scatter(*row["trajectories"][0].T, s=14, color="#0072b2", zorder=3)
        axes.set_title(f"eps = {row['epsilon']:g}", loc="left", fontsize=10, fontweight="bold")
    _draw_errors(errors, table)
    _draw_methods(methods, table)
    return figure


def _draw_errors(axes: Any, table: "pd.DataFrame") -> None:
    """LightSB and Sinkhorn on the known plan, every seed a point."""
    from ._verdict import select

    rows = select(table, problem="mixture")
    cells = sorted({(size, epsilon) for size, epsilon in zip(rows["size"], rows["epsilon"], strict=True)})
    for method, color, shift in (("LightSB", "#d55e00", -0.12), ("Sinkhorn", "#0072b2", 0.12)):
        for i, (size, epsilon) in enumerate(cells):
            own = select(rows, method=method, size=size, epsilon=epsilon)
            label = method if i == 0 else None
            axes.plot([i + shift] * len(own), own["cbw"], "o", color=color, markersize=5, alpha=0.8, label=label)
    for i, (size, epsilon) in enumerate(cells):
        if epsilon in _BARS.get(size, {}):
            axes.plot([i - 0.3, i + 0.3], [_BARS[size][epsilon][0]] * 2, color="0.3", linewidth=1.2)
    axes.set_xticks(range(len(cells)), [f"D = {size}\neps = {epsilon:g}" for size, epsilon in cells])
    axes.set(yscale="log", ylabel="conditional BW2-UVP, %")
    axes.set_title("Known plan: error of the conditional laws (line: bar)", loc="left", fontsize=10, fontweight="bold")
    _tidy(axes, "y")
    if cells:
        axes.legend(frameon=False, fontsize=8.5)


def _draw_methods(axes: Any, table: "pd.DataFrame") -> None:
    """All methods where all were run: error and seconds."""
    from ._verdict import select

    rows = select(table, problem="mixture")
    where = select(rows, method="GaussianBridge")
    if len(where):
        rows = select(rows, size=where.iloc[0]["size"], epsilon=where.iloc[0]["epsilon"])
        median = rows.groupby("method")["cbw"].median().sort_values(ascending=False)
        colors = {"LightSB": "#d55e00", "Sinkhorn": "#0072b2"}
        axes.barh(median.index, median, color=[colors.get(method, "#999999") for method in median.index])
        axes.set_title(
            f"D = {where.iloc[0]['size']}, eps = {where.iloc[0]['epsilon']:g}",
            loc="left",
            fontsize=10,
            fontweight="bold",
        )
    axes.set(xscale="log", xlabel="conditional BW2-UVP, %")
    _tidy(axes, "x")


def _tidy(axes: Any, along: str) -> None:
    axes.grid(True, axis=along, which="major", color="0.88", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


_SMALL = {
    "sizes": (2, 16),
    "epsilons": (0.1, 1.0, 10.0),
    "all_methods": (16, 1.0),
    "potentials": 50,
    "gaussian": (0.1, 1.0, 10.0),
    "paths": 50_000,
    "digits": (),
    "swiss": (0.002, 0.01, 0.1),
    "speed": 1.0,
    "seeds": 3,
}

STUDY = Study(
    slug="light-sb",
    number=63,
    paper="2310.01174",
    title="Light Schrödinger Bridge",
    claim=(
        "With a mixture of Gaussians as potential a Schrödinger bridge needs neither networks nor simulation: seconds "
        "on a CPU recover a known plan to about one per cent, with drift and paths in closed form."
    ),
    verb="transport.bridge",
    methods=("LightSB", "LightSBM", "Sinkhorn", "GaussianBridge", "IPF", "BridgeMatching"),
    precision="float32",
    presets={
        "smoke": {
            **_SMALL,
            "sizes": (2,),
            "epsilons": (1.0,),
            "all_methods": (0, 0.0),
            "potentials": 5,
            "gaussian": (1.0,),
            "paths": 200,
            "swiss": (0.1,),
            "speed": 50.0,
            "seeds": 1,
        },
        "small": _SMALL,
        "full": {
            **_SMALL,
            "sizes": (2, 16, 64, 128),
            "potentials": 200,
            "digits": ("LightSB", "Sinkhorn", "GaussianBridge"),
            "speed": 0.2,
            "seeds": 5,
        },
    },
    trials=trials,
    run=run,
    judge=judge,
    plot=plot,
)
