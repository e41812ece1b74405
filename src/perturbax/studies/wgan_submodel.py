"""A Wasserstein GAN generates the boundary conditions of a submodel (Boukraichi et al. 2021, arXiv 2110.13680).

A plate is clamped at one side and pulled at the other with a known force `p`, in a direction that is not known, and a
soft hole lies below or above the middle, nobody knows where. Displacements around a zone in the middle come from many
solutions of the whole plate; generators learn their law given `p` from 800 of them, and 400 others judge: by the sliced
1-Wasserstein distance of the traces in units of their standard deviation, and by the strain energy that the traces
leave in the zone. The mean of that energy at three forces, and how often the hole is above, are compared with those of
the whole plate. True traces must give the zone its true displacement.
"""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ._study import Bar, Study, Trial

if TYPE_CHECKING:
    import pandas as pd

METHODS = ("WGANGP", "GAN", "ConditionalVAE", "PCAGaussian", "PCACopula", "StoredTraces")
LOADS = (0.6, 1.0, 1.4)
DIRECTIONS = 200
BATCHES = 10  # of generated traces, each as many as the true ones that it is compared with
SHOWN = 60


def trials(preset: Mapping[str, Any]) -> list[Trial]:
    """The Wasserstein GAN for each seed, every other method once, and the submodel by itself."""
    data = {name: preset[name] for name in ("cells", "first", "last", "train", "test", "reference")}
    made = []
    for method in METHODS:
        cell = {"part": "generator", "method": method, "steps": preset["steps"].get(method, 0), **data}
        made += [Trial(cell, seed) for seed in range(preset["seeds"] if method == "WGANGP" else 1)]
    return [*made, Trial({"part": "submodel", "method": "none", "steps": 0, **data}, 0)]


def run(trial: Trial, key: Any) -> dict[str, Any]:
    """One generator, or what does not depend on it."""
    return (_generator if trial.cell["part"] == "generator" else _submodel)(trial.cell, key)


def _plate(cell: Mapping[str, Any]) -> tuple[Any, Any]:
    from perturbax import rom, systems

    plate = systems.SoftHolePlate(cell["cells"], (cell["first"], cell["last"]))
    return plate, rom.LinearSubmodel.of_body(plate.submodel(), plate.submodel_rim)


def _solved(cell: Mapping[str, Any], count: int, number: int, load: float | None = None) -> dict[str, np.ndarray]:
    """Traces, loads and sides of the holes, the same for all trials; made once."""
    import inspect

    import jax

    from perturbax import core

    plate, _ = _plate(cell)

    def build() -> dict[str, np.ndarray]:
        found, loads, above = plate.solve(jax.random.key(number), count, load)
        return {"traces": found[:, plate.rim_components], "load": loads, "above": above}

    inputs = {"cells": cell["cells"], "zone": plate.zone, "count": count, "number": number, "load": load}
    return core.cached("soft-hole-plates", {**inputs, "code": Path(inspect.getfile(type(plate))).read_text()}, build)


def _generator(cell: Mapping[str, Any], key: Any) -> dict[str, Any]:
    import warnings

    import jax
    from scipy.stats import wasserstein_distance

    from perturbax import rom, stats

    _, submodel = _plate(cell)
    solved = _solved(cell, cell["train"] + cell["test"], 0)
    seen, new = (
        {name: x[part] for name, x in solved.items()} for part in (slice(cell["train"]), slice(cell["train"], None))
    )
    problem = rom.SubmodelProblem(seen["traces"], seen["load"], submodel)
    trained = {"WGANGP": rom.WGANGP, "GAN": rom.GAN, "ConditionalVAE": rom.ConditionalVAE}
    closed = {"PCAGaussian": rom.PCAGaussian, "PCACopula": rom.PCACopula, "StoredTraces": rom.StoredTraces}
    name = cell["method"]
    method = trained[name](steps=cell["steps"]) if name in trained else closed[name]()
    fit_key, draw_key, load_key, direction_key = jax.random.split(key, 4)
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of modes that are missing: the numbers say so
        found = rom.boundary_generator(problem, method, key=fit_key, progress=False)
    seconds = time.perf_counter() - start
    true = new["traces"] / problem.scale
    energy = submodel.energy(new["traces"])
    side = _side(seen)
    drawn = [found.generate(k, new["load"], extrapolate=True) for k in jax.random.split(draw_key, BATCHES)]
    energies = [submodel.energy(traces) for traces in drawn]
    reference = float(submodel.energy(_solved(cell, cell["reference"], 1, load=1.0)["traces"]).mean())
    means = np.array([found.monte_carlo(load_key, submodel.energy, 4000, [p]).mean().value for p in LOADS])
    record = {
        "sliced": float(
            np.mean(
                [stats.sliced_wasserstein(t / problem.scale, true, direction_key, DIRECTIONS, order=1) for t in drawn]
            )
        ),
        "energy_distance": float(np.mean([wasserstein_distance(e, energy) for e in energies]) / energy.std()),
        # The plate is linear: the energy at a load is its square times that at load 1.
        "mean_error": float(np.abs(means / (reference * np.square(LOADS)) - 1.0).max()),
        "mode_gap": float(abs(np.mean([side(t) for t in drawn]) - side(new["traces"]))),
        "recall": found.recall,
        "seconds": seconds,
        "traces": (drawn[0][:SHOWN] / problem.scale).astype(np.float32),
        "energies": np.concatenate(energies[:4]).astype(np.float32),
    }
    if cell["method"] == "WGANGP":
        record |= {"best_step": found.stats["best_step"], "validation": found.history["validation"].min(1)}
    return record


def _side(seen: Mapping[str, np.ndarray]) -> Any:
    """A function that gives the share of traces with the hole above, by a linear classifier."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000)).fit(seen["traces"], seen["above"])
    return lambda traces: float(np.mean(classifier.predict(traces)))


def _submodel(cell: Mapping[str, Any], key: Any) -> dict[str, Any]:
    import jax
    from scipy.stats import wasserstein_distance

    from perturbax import rom, stats

    plate, submodel = _plate(cell)
    solved = _solved(cell, cell["train"] + cell["test"], 0)
    whole, _, _ = plate.solve(key, 16)
    traces = whole[:, plate.rim_components]
    inside = whole[:, (2 * plate.zone_nodes[:, None] + np.arange(2)).ravel()]
    reactions = submodel.reactions(traces)
    left = np.linalg.norm(submodel.resultants(traces), axis=1) / np.linalg.norm(reactions, axis=1)
    test = cell["test"]
    problem = rom.SubmodelProblem(solved["traces"], solved["load"], submodel)
    rows = np.concatenate([solved["traces"] / problem.scale, submodel.energy(solved["traces"])[:, None]], 1)
    energy = rows[cell["train"] :, -1]
    floors = [
        stats.sampling_floor(distance, rows, test, jax.random.key(0), repeats=10).mean
        for distance in (
            lambda x, y: stats.sliced_wasserstein(x[:, :-1], y[:, :-1], jax.random.key(1), DIRECTIONS, order=1),
            lambda x, y: wasserstein_distance(x[:, -1], y[:, -1]),
        )
    ]
    side = _side({name: x[: cell["train"]] for name, x in solved.items()})
    online, full = _clock(plate, submodel, problem, key)
    return {
        "interior_error": float(np.abs(submodel.displacement(traces) - inside).max() / np.abs(inside).max()),
        "unbalanced": float(left.max()),
        "sliced_floor": floors[0],
        "energy_floor": floors[1] / float(energy.std()),
        "side_error": abs(side(solved["traces"][cell["train"] :]) - float(solved["above"][cell["train"] :].mean())),
        "online_seconds": online,
        "full_seconds": full,
        "traces": (solved["traces"][cell["train"] :][:SHOWN] / problem.scale).astype(np.float32),
        "energies": energy.astype(np.float32),
    }


def _clock(plate: Any, submodel: Any, problem: Any, key: Any, count: int = 1000) -> tuple[float, float]:
    """Seconds of a draw with the solution of the submodel, and of the whole plate, medians of five. Networks that have
    not been trained take as long."""
    import warnings

    from perturbax import rom

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        network = rom.boundary_generator(problem, rom.WGANGP(steps=1), key=key, progress=False)

    def online() -> None:
        traces = network.generate(key, n=count)
        submodel.energy(traces)
        submodel.displacement(traces)

    online()
    seconds = {"online": [], "full": []}
    for _ in range(5):
        for name, call, each in (("online", online, count), ("full", lambda: plate.sample(key, 10), 10)):
            start = time.perf_counter()
            call()
            seconds[name].append((time.perf_counter() - start) / each)
    return float(np.median(seconds["online"])), float(np.median(seconds["full"]))


def judge(table: "pd.DataFrame") -> list[Bar]:
    """Distances of the Wasserstein GAN, its means and modes, and the submodel by itself."""
    from ._verdict import median_of, select

    def of(column: str, method: str = "WGANGP") -> float:
        return median_of(table, column, part="generator", method=method)

    def alone(column: str) -> float:
        rows = select(table, part="submodel")
        return float(rows[column].iloc[0]) if len(rows) and column in rows else np.nan

    note = "median over the seeds of the networks, one set of full solutions"
    return [
        Bar(
            "sliced W1 of traces, WGAN-GP over two true samples",
            of("sliced") / alone("sliced_floor"),
            1.35,
            "<=",
            note=note,
        ),
        Bar(
            "sliced W1 of traces, WGAN-GP over PCA-Gaussian",
            of("sliced") / of("sliced", "PCAGaussian"),
            0.9,
            "<=",
            note=note,
        ),
        Bar(
            "W1 of the strain energy, WGAN-GP over PCA-Gaussian",
            of("energy_distance") / of("energy_distance", "PCAGaussian"),
            0.7,
            "<=",
            note=note,
        ),
        Bar(
            "mean strain energy at a known load, largest relative error",
            of("mean_error"),
            0.08,
            "<=",
            note="after 3000 steps the networks follow the load too weakly: the mean is 8, 12 and 11 % too large at "
            "0.6 and 8, 7 and 5 % too small at 1.4; after 9000 steps the first of them has 0.071. Stored traces have "
            "0.124, PCA-Gaussian 0.307",
        ),
        Bar("share of holes above, difference to the true traces", of("mode_gap"), 0.08, "<=", note=note),
        Bar("true traces: relative error inside the submodel", alone("interior_error"), 1e-9, "<="),
        Bar("true traces: reactions out of balance, relative", alone("unbalanced"), 1e-10, "<="),
        Bar(
            "seconds of a draw with its solution, over a full solution",
            alone("online_seconds") / alone("full_seconds"),
            0.05,
            "<=",
        ),
    ]


_COLORS = {"true": "#444444", "WGANGP": "#d55e00", "PCAGaussian": "#0072b2"}
_LABELS = {"true": "full model", "WGANGP": "WGAN-GP", "PCAGaussian": "PCA-Gaussian"}


def plot(table: "pd.DataFrame") -> Any:
    """Bundles of traces, turned so that the rotation is seen, and the strain energies that they leave in the zone."""
    from matplotlib.figure import Figure

    from ._verdict import select

    figure = Figure(figsize=(12, 6.4), layout="constrained")
    axes: Any = figure.subplots(2, 3, sharex="row", sharey="row")
    true = select(table, part="submodel")
    bins = np.linspace(0.0, 0.35, 50)
    for (above, below), (name, color) in zip(axes.T, _COLORS.items(), strict=True):
        rows = true if name == "true" else select(table, part="generator", method=name).sort_values("seed")
        above.set_title(_LABELS[name], loc="left", fontsize=10, fontweight="bold")
        for each in (above, below):
            each.spines[["top", "right"]].set_visible(False)
        above.set(xlabel="node around the zone")
        below.set(xlabel="strain energy of the zone")
        if not len(rows) or not len(true):
            continue
        traces = np.asarray(rows["traces"].iloc[0])
        # Without its mean a trace shows how the zone turns: one way with the hole below, the other with it above.
        across = traces[:, 1::2] - traces[:, 1::2].mean(1, keepdims=True)
        above.plot(across.T, color=color, linewidth=0.7, alpha=0.45)
        density: dict[str, Any] = {"bins": bins, "density": True}
        below.hist(np.asarray(true["energies"].iloc[0]), color="#bbbbbb", label="full model", **density)
        if name != "true":
            drawn = np.asarray(rows["energies"].iloc[0])
            below.hist(drawn, histtype="step", color=color, linewidth=1.8, label=_LABELS[name], **density)
        below.legend(frameon=False, fontsize=8.5)
    axes[0, 0].set_ylabel("displacement across, less its mean")
    axes[1, 0].set_ylabel("density")
    return figure


_SMALL = {
    "cells": 20,
    "first": 7,
    "last": 13,
    "train": 800,
    "test": 400,
    "reference": 1200,
    "steps": {"WGANGP": 3000, "GAN": 3000, "ConditionalVAE": 10_000},
    "seeds": 3,
}

STUDY = Study(
    slug="wgan-submodel",
    number=38,
    paper="2110.13680",
    title="Uncertainty quantification in a mechanical submodel driven by a Wasserstein-GAN",
    claim=(
        "A Wasserstein GAN that has seen boundary traces of full solutions generates new ones, at a small part of the "
        "cost of a full solution, whose law and whose strain energy in the submodel are nearer to the true ones than "
        "those of a linear Gaussian model."
    ),
    verb="rom.boundary_generator",
    methods=METHODS,
    presets={
        "smoke": {
            **_SMALL,
            "cells": 6,
            "first": 2,
            "last": 4,
            "train": 40,
            "test": 20,
            "reference": 20,
            "steps": {"WGANGP": 2, "GAN": 2, "ConditionalVAE": 2},
            "seeds": 1,
        },
        "small": _SMALL,
        "full": {
            **_SMALL,
            "cells": 40,
            "first": 14,
            "last": 26,
            "train": 4000,
            "test": 2000,
            "reference": 4000,
            "steps": {"WGANGP": 20_000, "GAN": 20_000, "ConditionalVAE": 40_000},
            "seeds": 5,
        },
    },
    trials=trials,
    run=run,
    judge=judge,
    plot=plot,
)
