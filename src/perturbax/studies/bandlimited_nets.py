"""Random nets in a band (Li et al. 2023, arXiv 2008.08427): a floor that width does not lower, and the best bandwidth.

Three parts. "nets": a sum of three bumps (that of the paper's family), sines, a bump in two dimensions and a scan line
of a photograph, each fitted with the ladder of bandwidths on the same uniform numbers; all errors are on points that
were not fitted. "floor": ridge regression with 3200 neurons against the floor of infinitely many. "baselines": other
approximations of the bumps. Solving differential equations with such nets is not part of this study.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ._study import Bar, Study, Trial

if TYPE_CHECKING:
    import pandas as pd

SINES = (1, 5, 20)
REACHED = 5e-2  # the error that counts as having reached a sine
FLOOR_BANDWIDTHS = (1.0, 10.0)
BASELINES = ("Fourier features", "kernel ridge", "grown net", "trained net", "polynomial")


def bumps(x: np.ndarray) -> np.ndarray:
    """Three bumps of two widths on `[0, 1]`."""
    narrow = 0.5 * np.exp(-((80 * x - 40) ** 2)) + 0.3 * np.exp(-((80 * x - 20) ** 2))
    return 0.2 * np.exp(-((10 * x - 4) ** 2)) + narrow


def trials(preset: Mapping[str, Any]) -> list[Trial]:
    """One trial for each part and seed, so that what it compiles is used for all its fits."""
    points = {"points": preset["points"]}
    made = [
        Trial({"part": "nets", "widths": " ".join(map(str, preset["widths"])), **points}, seed)
        for seed in range(preset["seeds"])
    ]
    made += [
        Trial({"part": "floor", "width": preset["wide"], "neurons": preset["neurons"], **points}, seed)
        for seed in range(preset["few_seeds"])
    ]
    made += [
        Trial({"part": "baselines", "steps": preset["steps"], "grown": preset["grown"], **points}, seed)
        for seed in range(preset["few_seeds"])
    ]
    return made


def run(trial: Trial, key: Any) -> dict[str, Any]:
    """One part."""
    return {"nets": _nets, "floor": _floor, "baselines": _baselines}[trial.cell["part"]](
        trial.cell, int(trial.seed), key
    )


def _line(points: int, function: Any) -> tuple[np.ndarray, ...]:
    x, fresh = np.linspace(0.0, 1.0, points), np.linspace(0.0, 1.0, 5 * points + 1)
    return x, function(x), fresh, function(fresh)


def _plane(points: int) -> tuple[np.ndarray, ...]:
    side = round(points**0.5)

    def grid(n: int) -> np.ndarray:
        axis = np.linspace(0.0, 1.0, n)
        return np.stack(np.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2)

    def bump(x: np.ndarray) -> np.ndarray:
        return np.exp(-np.square(20.0 * (x - 0.5)).sum(1))

    x, fresh = grid(side), grid(2 * side - 1)
    return x, bump(x), fresh, bump(fresh)


def _photograph() -> tuple[np.ndarray, ...]:
    """The middle row of a photograph in scikit-learn, less its mean: every other pixel is fitted."""
    from sklearn.datasets import load_sample_image

    row = load_sample_image("china.jpg")[213, :, 1] / 255.0
    row = row - row.mean()
    x = np.arange(row.size) / (row.size - 1)
    return x[::2], row[::2], x[1:-1:2], row[1:-1:2]


def _relative(function: Any, x: np.ndarray, y: np.ndarray) -> float:
    found = function(_columns(x))[:, 0]
    return float(np.sqrt(np.mean((found - y) ** 2) / np.mean(y**2)))


def _nets(cell: Mapping[str, Any], seed: int, key: Any) -> dict[str, Any]:
    from perturbax import approximate

    points, widths = cell["points"], [int(width) for width in cell["widths"].split()]
    sine_width = widths[len(widths) // 2]
    cases = {f"bumps_{width}": (width, _line(points, bumps)) for width in widths}
    for k in SINES:
        cases[f"sine_{k}"] = (sine_width, _line(points, lambda x, k=k: np.sin(2.0 * np.pi * k * x)))
    cases["plane"] = (2 * sine_width, _plane(points))
    cases["photograph"] = (sine_width, _photograph())
    found: dict[str, Any] = {}
    for name, (width, (x, y, fresh, truth)) in cases.items():
        fitted: Any = approximate.fit(approximate.ScatteredData(x, y), approximate.BandlimitedRandomNet(width), key=key)
        errors = [
            _relative(function, fitted.problem.unit(_columns(fresh)), truth) for function in fitted.candidates.functions
        ]
        best = list(fitted.candidates.bandwidth).index(fitted.stats["bandwidth"])
        found[f"error_{name}"] = np.array(errors)
        found[f"auto_{name}"] = errors[best] / min(errors)
        if name == f"bumps_{widths[-1]}" and seed == 0:
            shown = [list(fitted.candidates.bandwidth).index(lam) for lam in (1.0, 150.0, 2000.0)]
            at = np.linspace(0.0, 1.0, 401)[:, None]
            found["shown"] = np.array([fitted.candidates.functions[i](at)[:, 0] for i in shown], np.float32)
    found["bandwidth"] = fitted.candidates.bandwidth
    return found


def _columns(x: np.ndarray) -> np.ndarray:
    return x if x.ndim == 2 else x[:, None]


def _floor(cell: Mapping[str, Any], seed: int, key: Any) -> dict[str, Any]:
    import jax

    from perturbax import approximate
    from perturbax.approximate.bandlimited_random_net import LADDER

    x, y, _, _ = _line(cell["points"], bumps)
    data, (floor_key, net_key) = approximate.ScatteredData(x, y), jax.random.split(key)
    found: dict[str, Any] = {}

    def floor(bandwidth: float) -> approximate.ErrorFloor:
        method = approximate.BandlimitedRandomNet(bandwidth=bandwidth)
        return approximate.error_floor(data, method, key=floor_key, neurons=cell["neurons"])

    for lam in FLOOR_BANDWIDTHS:
        net = approximate.BandlimitedRandomNet(cell["width"], lam, readout=approximate.Ridge(1e-6))
        found[f"floor_{lam:g}"] = floor(lam).at(1e-6)
        found[f"ridge_{lam:g}"] = approximate.fit(data, net, key=net_key).error
    if seed == 0:
        found["curve"] = np.array([floor(lam).at(1e-9) for lam in LADDER])
    return found


def _baselines(cell: Mapping[str, Any], seed: int, key: Any) -> dict[str, Any]:
    from perturbax import approximate

    x, y, fresh, truth = _line(cell["points"], bumps)
    # The bandwidths are those of bumps of width 1/80, the degree about twice the root of the number of points.
    methods = {
        "Fourier features": approximate.RandomFourierFeatures(800, 100.0),
        "kernel ridge": approximate.KernelRidge(100.0),
        "grown net": approximate.StochasticConfigurationNet(cell["grown"]),
        "trained net": approximate.TrainedNet(100, 100.0, steps=cell["steps"]),
        "polynomial": approximate.ChebyshevLeastSquares(60),
    }
    data = approximate.ScatteredData(x, y)
    fits = {name: approximate.fit(data, method, key=key) for name, method in methods.items()}
    return {f"baseline_{name}": _relative(fitted.function, fresh, truth) for name, fitted in fits.items()}


def judge(table: "pd.DataFrame") -> list[Bar]:
    """The bars of the specification, on medians over the seeds."""
    from ._verdict import select

    rows = select(table, part="nets")
    widths = [int(width) for width in rows["widths"].iloc[0].split()]
    error = {column.removeprefix("error_"): _median(rows, column) for column in rows if column.startswith("error_")}
    at = {lam: i for i, lam in enumerate(rows["bandwidth"].iloc[0])}
    few, many = error[f"bumps_{widths[0]}"], error[f"bumps_{widths[-1]}"]
    n = widths[-1]
    bars = [
        Bar(f"bandwidth 1: error with {n} neurons over {widths[0]}", many[at[1.0]] / few[at[1.0]], 0.9, ">="),
        Bar(f"bandwidth 1: error with {n} neurons", many[at[1.0]], 0.5, ">="),
        Bar(f"bandwidth 150: error with {n} neurons", many[at[150.0]], 1e-4, "<="),
        Bar("bandwidth 150: error over that of bandwidth 1", many[at[150.0]] / many[at[1.0]], 1e-3, "<="),
        Bar("bandwidth 2000: error over that of bandwidth 150", many[at[2000.0]] / many[at[150.0]], 100, ">="),
    ]
    for name in error:
        ratio = float(rows[f"auto_{name}"].median())
        bars.append(Bar(f"{name.replace('_', ' ')}: error of the chosen bandwidth over the least", ratio, 3.0, "<="))
    floors = select(table, part="floor")
    for lam in FLOOR_BANDWIDTHS:
        gap = (floors[f"ridge_{lam:g}"] / floors[f"floor_{lam:g}"] - 1.0).abs().max() if len(floors) else np.nan
        bars.append(Bar(f"bandwidth {lam:g}: gap of wide ridge to the floor", gap, 0.05, "<=", note="worst seed"))
    needed = [_first(error[f"sine_{k}"], rows["bandwidth"].iloc[0]) for k in SINES]
    for slow, fast, a, b in zip(SINES, SINES[1:], needed, needed[1:], strict=False):
        bars.append(
            Bar(
                f"least bandwidth with error {REACHED:g}: sine {fast} over sine {slow}",
                b / a,
                1.0 + 1e-9,
                ">=",
                note="it grows; no value when no bandwidth of the ladder reaches the error",
            )
        )
    return bars


def _median(rows: "pd.DataFrame", column: str) -> np.ndarray:
    return np.median(np.stack(list(rows[column])), 0)


def _first(errors: np.ndarray, bandwidths: np.ndarray) -> float:
    """The smallest bandwidth whose error is small enough, NaN when none is."""
    reached = np.flatnonzero(errors <= REACHED)
    return float(bandwidths[reached[0]]) if reached.size else np.nan


def plot(table: "pd.DataFrame") -> Any:
    """Error against bandwidth for several widths with the floor, and three fits."""
    from matplotlib.figure import Figure

    from ._figure import legend
    from ._verdict import select

    rows, floors = select(table, part="nets"), select(table, part="floor")
    bandwidths = np.asarray(rows["bandwidth"].iloc[0])
    figure = Figure(figsize=(11.0, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.15, 1.0))
    widths = rows["widths"].iloc[0].split()
    for width, color in zip(widths, ("#56b4e9", "#0072b2", "#002d5c"), strict=False):
        errors = np.stack(list(rows[f"error_bumps_{width}"]))
        left.plot(bandwidths, np.median(errors, 0), "o-", color=color, markersize=4, label=f"{width} neurons")
        left.fill_between(bandwidths, errors.min(0), errors.max(0), color=color, alpha=0.12, linewidth=0)
    curve = [row for row in floors.get("curve", ()) if isinstance(row, np.ndarray)]
    if curve:
        left.plot(bandwidths, curve[0], "--", color="0.3", label="floor of any width, ridge 1e-9")
    colors = ("#cc79a7", "#e69f00", "#009e73", "#d55e00", "0.5")
    for name, color in zip(BASELINES, colors, strict=True):
        value = select(table, part="baselines").get(f"baseline_{name}")
        if value is not None:
            left.axhline(value.median(), color=color, linewidth=1.0, linestyle=":")
            place = 20.0 if name == "trained net" else 1.0  # beside the polynomial, whose error is as large
            left.annotate(name, (place, value.median()), color=color, fontsize=7.5, va="bottom")
    left.set(xscale="log", yscale="log", xlabel="bandwidth", ylabel="relative error on fresh points")
    left.set_title("Three bumps, ten draws each", loc="left", fontsize=10, fontweight="bold")
    legend(left, loc="lower left", bbox_to_anchor=(0.0, 0.12))
    shown = [row for row in rows.get("shown", ()) if isinstance(row, np.ndarray)]
    x = np.linspace(0.0, 1.0, 401)
    right.plot(x, bumps(x), color="0.75", linewidth=4.0, label="target")
    for values, lam, color in zip(
        shown[0] if shown else (), (1, 150, 2000), ("#d55e00", "#0072b2", "#009e73"), strict=False
    ):
        right.plot(x, values, color=color, linewidth=1.1, label=f"bandwidth {lam}")
    right.set(ylim=(-0.1, 0.65), xlabel="x")
    right.set_title(f"Fits with {widths[-1]} neurons", loc="left", fontsize=10, fontweight="bold")
    legend(right)
    for axes in (left, right):
        axes.grid(True, color="0.92", linewidth=0.8)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
    return figure


_SMALL = {
    "widths": (50, 200, 800),
    "points": 1000,
    "wide": 3200,
    "neurons": 2**14,
    "steps": 3000,
    "grown": 100,
    "seeds": 10,
    "few_seeds": 3,
}

STUDY = Study(
    slug="bandlimited-nets",
    number=49,
    paper="2008.08427",
    title="How Powerful are Shallow Neural Networks with Bandlimited Random Weights?",
    claim=(
        "A net with random hidden weights from a bounded domain has an error that more neurons do not lower when the "
        "domain is too small for the target, and wastes its neurons when the domain is too large."
    ),
    verb="approximate.fit",
    methods=(
        "BandlimitedRandomNet",
        "RandomFourierFeatures",
        "KernelRidge",
        "StochasticConfigurationNet",
        "TrainedNet",
        "ChebyshevLeastSquares",
    ),
    presets={
        "smoke": {
            **_SMALL,
            "widths": (10, 20),
            "points": 81,
            "wide": 40,
            "neurons": 512,
            "steps": 5,
            "grown": 5,
            "seeds": 1,
            "few_seeds": 1,
        },
        "small": _SMALL,
        "full": {**_SMALL, "widths": (50, 200, 800, 3200), "neurons": 2**17, "points": 4000, "seeds": 20},
    },
    trials=trials,
    run=run,
    judge=judge,
    plot=plot,
    precision="float64",
)
