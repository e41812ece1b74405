"""DCDM (Kaneda et al. 2023, arXiv 2205.10763): a network proposes the directions of a conjugate direction method.

The pressure equation on a grid: air beyond the first row, walls elsewhere. The network is trained on the empty box of
32 x 32 cells and on no other matrix; it is tested there and with one and two round obstacles, with a plume-like dipole
and with white noise as right side, and with the same weights on the grid of twice the size. Residuals are float64. The
network without training, with every direction taken, shows that the gain is learned and not the memory's.
"""

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ._study import Bar, Study, Trial

if TYPE_CHECKING:
    import pandas as pd

# Centres and radii of the obstacles in units of the box.
MASKS: dict[str, tuple[tuple[float, float, float], ...]] = {
    "box": (),
    "disk": ((0.5, 0.5, 0.2),),
    "two disks": ((0.3, 0.3, 0.12), (0.65, 0.6, 0.18)),
}
RIGHT_SIDES = ("plume", "noise")
TOLERANCE, FINE = 1e-4, 1e-8
# An untrained network may never end; the ratio to CG is then a lower bound.
_CAP = 400


def trials(preset: Mapping[str, Any]) -> list[Trial]:
    """The classical solvers once for each grid, and a training with all its tests for each seed."""
    grids = [{"dimensions": d, "trained": n, "tested": t} for d, n, t in preset["grids"]]
    numbers = ("ritz", "vectors", "width", "levels", "steps")
    trained = {name: preset[name] for name in numbers}
    return [Trial({"part": "classical", **grid}, seed=0) for grid in grids] + [
        Trial({"part": "network", **grid, **trained}, seed=seed) for grid in grids for seed in range(preset["seeds"])
    ]


def system_of(mask: str, right: str, size: int, dimensions: int) -> Any:
    """A named mask and right side on a grid."""
    from perturbax import linalg

    position = np.indices((size,) * dimensions) / size
    fluid = np.ones((size,) * dimensions, bool)
    for x, y, radius in MASKS[mask]:
        centre = (x, y, 0.5)[:dimensions]
        fluid &= sum((p - c) ** 2 for p, c in zip(position, centre, strict=True)) > radius**2
    sides = ((True, False), *((False, False),) * (dimensions - 1))
    if right == "noise":
        b = np.random.default_rng(0).normal(size=fluid.shape)
    else:
        rest = sum((p - 0.5) ** 2 for p in position[1:])
        b = np.exp(-((position[0] - 0.8) ** 2 + rest) / 0.003) * (position[1] - 0.5)
    return linalg.LinearSystem(linalg.Poisson(fluid, open_sides=sides), b * fluid)


def run(trial: Trial, key: Any) -> dict[str, Any]:
    """All cases of all sizes, by the classical solvers or by the network."""
    import equinox as eqx
    import jax
    import optax

    from perturbax import linalg, nn

    cell = trial.cell
    sizes = [int(size) for size in cell["tested"].split(",")]
    if cell["part"] == "classical":
        methods = {
            "CG": linalg.CG(tol=TOLERANCE, max_steps=5000),
            "IC-PCG": linalg.PCG(linalg.IncompleteCholesky(), tol=TOLERANCE),
            "AMG-PCG": linalg.PCG(linalg.AMG(), tol=TOLERANCE),
            "DeflatedPCG": linalg.DeflatedPCG(tol=TOLERANCE, max_steps=5000),
        }
        return _measured(methods, sizes, cell["dimensions"])
    shape = {"width": cell["width"], "levels": cell["levels"]}
    model_key, fit_key = jax.random.split(key)
    untrained = nn.ResidualUNet(cell["dimensions"], **shape, key=model_key)
    start = time.perf_counter()
    done = linalg.fit(
        system_of("box", "noise", cell["trained"], cell["dimensions"]).operator,
        linalg.DCDM(untrained, tol=TOLERANCE, max_steps=_CAP),
        data=linalg.RitzMixtures(vectors=cell["vectors"], ritz=cell["ritz"]),
        key=fit_key,
        steps=cell["steps"],
        batch_size=min(16, cell["vectors"]),
        optimizer=optax.adam(optax.cosine_decay_schedule(2e-3, cell["steps"])),
    )
    record: dict[str, Any] = {
        "training seconds": time.perf_counter() - start,
        "loss": float(done.losses[-50:].mean()),
        "losses": done.losses.astype(np.float32),
    }
    trained = done.method
    methods = {
        "DCDM": trained,
        "FlexibleCG": linalg.FlexibleCG(trained.network, tol=TOLERANCE, max_steps=_CAP),
        "NetworkIteration": linalg.NetworkIteration(trained.network, tol=TOLERANCE, max_steps=_CAP),
    }
    record |= _measured(methods, sizes, cell["dimensions"])
    small = sizes[:1]
    unsafe = linalg.DCDM(untrained, tol=TOLERANCE, max_steps=_CAP, sufficient_decrease=0.0)
    fine = eqx.tree_at(lambda m: m.tol, trained, FINE)
    record |= _measured({"untrained": unsafe, "DCDM 1e-8": fine}, small, cell["dimensions"])
    return record


def _measured(methods: Mapping[str, Any], sizes: list[int], dimensions: int) -> dict[str, Any]:
    from perturbax import linalg

    record: dict[str, Any] = {}
    for size in sizes:
        for mask in MASKS:
            for right in RIGHT_SIDES:
                system = system_of(mask, right, size, dimensions)
                for name, method in methods.items():
                    found = linalg.solve(system, method, throw=False)
                    # Once more, without what was compiled the first time.
                    found = linalg.solve(system, method, throw=False)
                    count = int(found.iterations)
                    norms = np.asarray(found.residual_norms)[: count + 1]
                    case = f"{name} {mask} {right} {size}"
                    record[f"iterations {case}"] = count
                    record[f"reached {case}"] = float(norms[-1] / norms[0])
                    record[f"fallbacks {case}"] = int(found.stats.get("fallbacks", 0))
                    record[f"seconds {case}"] = found.stats["seconds"]
                    record[f"setup {case}"] = found.stats["setup_seconds"]
                    if (mask, right) == ("two disks", "plume") and size == sizes[0]:
                        record[f"history {name}"] = (norms / norms[0]).astype(np.float32)
    return record


def _table(rows: "pd.DataFrame", column: str, name: str, size: int) -> np.ndarray:
    """A column of a method: a row for each seed, an entry for each case, NaN for what is not there."""
    wanted = [f"{column} {name} {mask} {right} {size}" for mask in MASKS for right in RIGHT_SIDES]
    found = rows.reindex(columns=wanted).to_numpy(float)
    return found if len(found) else np.full((1, len(wanted)), np.nan)


def judge(table: "pd.DataFrame") -> list[Bar]:
    """Ratios of iterations, on the grids in two dimensions; medians over the seeds."""
    from ._verdict import median_of, select

    network, classical = (select(table, part=part, dimensions=2) for part in ("network", "classical"))

    def over(ours: str, theirs: str, size: int) -> np.ndarray:
        return _table(network, "iterations", ours, size) / _table(classical, "iterations", theirs, size)

    def worst(name: str) -> float:
        return float(np.median(_table(network, "reached", name, 32).max(1)))

    share = _table(network, "fallbacks", "DCDM", 32).sum(1) / _table(network, "iterations", "DCDM", 32).sum(1)
    return [
        Bar("iterations of DCDM over CG's, median of six cases", np.median(over("DCDM", "CG", 32)), 0.33, "<="),
        Bar("iterations of DCDM over IC-PCG's, median of six", np.median(over("DCDM", "IC-PCG", 32)), 0.9, "<="),
        Bar("largest relative residual of DCDM, to 1e-4", worst("DCDM"), TOLERANCE, "<="),
        Bar("largest relative residual of DCDM, to 1e-8", worst("DCDM 1e-8"), FINE, "<="),
        Bar("share of DCDM's steps that fall back", np.median(share), 0.05, "<="),
        Bar("loss, mean of the last 50 steps", median_of(network, "loss"), 0.04, "<="),
        Bar(
            "untrained, all directions taken: iterations over CG's, smallest of six cases",
            np.median(over("untrained", "CG", 32).min(1)),
            2.0,
            ">=",
            note=f"stopped after {_CAP} iterations",
        ),
        Bar(
            "N = 64 with the weights of N = 32: DCDM over CG, largest of six cases",
            np.median(over("DCDM", "CG", 64).max(1)),
            0.6,
            "<=",
        ),
    ]


_COLORS = {
    "CG": "#999999",
    "DeflatedPCG": "#56b4e9",
    "IC-PCG": "#0072b2",
    "AMG-PCG": "#009e73",
    "DCDM": "#d55e00",
    "FlexibleCG": "#e69f00",
    "NetworkIteration": "#cc79a7",
    "untrained": "#cccccc",
}
_LABELS = {"NetworkIteration": "network alone", "untrained": "DCDM, untrained", "FlexibleCG": "flexible CG, network"}


def plot(table: "pd.DataFrame") -> Any:
    """Residuals on two disks, and what every method takes: iterations and seconds."""
    from matplotlib.figure import Figure

    from ._verdict import select

    dimensions = 2 if (table["dimensions"] == 2).any() else 3
    rows = select(table, dimensions=dimensions)
    sizes = [int(size) for size in rows.iloc[0]["tested"].split(",")]
    figure = Figure(figsize=(12.5, 4.4), layout="constrained")
    left, middle, right = figure.subplots(1, 3, width_ratios=(1.25, 1, 1))
    for name, color in _COLORS.items():
        label = _LABELS.get(name, name)
        if f"history {name}" in rows and rows[f"history {name}"].notna().any():
            history = np.asarray(rows[f"history {name}"].dropna().iloc[0])[:151]
            left.semilogy(history, color=color, linewidth=1.7, label=label, zorder=3 if name == "DCDM" else 2)
        for axes, column in ((middle, "iterations"), (right, "seconds")):
            found = [_typical(rows, column, name, size) for size in sizes]
            if np.isfinite(found).any():
                axes.loglog(sizes, found, "o-", color=color, markersize=4, linewidth=1.7, label=label)
    left.axhline(TOLERANCE, color="0.6", linewidth=0.8, linestyle=":")
    left.set(xlabel="iteration", ylabel="relative residual", ylim=(1e-5, 30))
    left.set_title(f"Plume between two obstacles, N = {sizes[0]}", loc="left", fontsize=10, fontweight="bold")
    left.legend(frameon=False, fontsize=8.5)
    for axes, what in ((middle, "Iterations to 1e-4"), (right, "Seconds, without setup and training")):
        axes.set_xticks(sizes, [str(size) for size in sizes])
        axes.minorticks_off()
        axes.set_xlabel("cells along an axis")
        axes.set_title(f"{what}, median case", loc="left", fontsize=10, fontweight="bold")
    for axes in (left, middle, right):
        axes.grid(True, which="major", color="0.9", linewidth=0.8)
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def _typical(rows: "pd.DataFrame", column: str, name: str, size: int) -> float:
    found = _table(rows, column, name, size)
    found = found[np.isfinite(found).all(1)]
    return float(np.median(found)) if len(found) else np.nan


_SMALL = {
    "grids": ((2, 32, "32,64"),),
    "ritz": 400,
    "vectors": 2000,
    "width": 12,
    "levels": 2,
    "steps": 900,
    "seeds": 1,
}

STUDY = Study(
    slug="dcdm",
    number=23,
    paper="2205.10763",
    title="A Deep Conjugate Direction Method for Iteratively Solving Linear Systems",
    claim=(
        "Directions that a network proposes, trained on one matrix without solutions, take conjugate gradients to a "
        "tolerance in a fraction of the iterations, on unseen obstacles, right sides and sizes."
    ),
    verb="linalg.solve",
    methods=("DCDM", "CG", "PCG", "DeflatedPCG", "FlexibleCG", "NetworkIteration"),
    presets={
        "smoke": {**_SMALL, "grids": ((2, 8, "8"),), "ritz": 20, "vectors": 16, "width": 2, "levels": 1, "steps": 3},
        "small": _SMALL,
        "full": {**_SMALL, "grids": ((2, 32, "32,64,128"), (3, 64, "64,128,256")), "steps": 1300, "seeds": 5},
    },
    trials=trials,
    run=run,
    judge=judge,
    plot=plot,
)
