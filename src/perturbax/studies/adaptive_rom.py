"""Reduced models of creep that know when they are wrong (Casenave & Akkari 2019).

A plate in plane strain, clamped below and pulled upwards, creeps at a temperature with a hot spot. Two places of the
hot spot are known in training; others are not. For each of those the same full solution is compared with a model that
does not adapt, one that asks the full model for single steps where its calibrated indicator says so, and one that asks
for as many at equal distances. Next to it, how many points of a finer mesh the reduced quadrature keeps.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ._study import Bar, Study, Trial

if TYPE_CHECKING:
    import pandas as pd

TRAINING = ((0.3, 0.2, 500.0), (0.7, 0.3, 500.0))
# Places and heights of hot spots; the first is one of training.
CASES = {"training": TRAINING[0], "a": (0.5, 0.25, 500.0), "b": (0.5, 0.5, 600.0), "c": (0.2, 0.6, 650.0)}
UNSEEN = ("a", "b", "c")
TINY = 1e-3  # of errors that an estimate need not follow


def trials(preset: Mapping[str, Any]) -> list[Trial]:
    """One trial for each history, and the meshes of the quadrature and of the clock. Nothing is random."""
    made = [Trial({"part": "history", "case": case, **preset["history"]}, seed=0) for case in preset["cases"]]
    made += [Trial({"part": "cubature", **cell}, seed=0) for cell in preset["cubature"]]
    return made + [Trial({"part": "speed", **cell}, seed=0) for cell in preset["speed"]]


def run(trial: Trial, key: Any) -> dict[str, Any]:
    """One history by all models, the quadrature of a mesh, or the time of a step."""
    parts = {"history": _history, "cubature": _cubature, "speed": _speed}
    return parts[trial.cell["part"]](trial.cell, key)


def _trained(cell: Mapping[str, Any], key: Any) -> Any:
    from perturbax import rom

    from ._hot_parts import BODIES

    problems = [BODIES[cell["body"]](spot, cell["cells"], cell["steps"]) for spot in TRAINING]
    return rom.Training(problems, [rom.simulate(problem, rom.FullOrder(), key=key) for problem in problems])


def _history(cell: Mapping[str, Any], key: Any) -> dict[str, Any]:
    from perturbax import rom

    from ._hot_parts import BODIES

    training = _trained(cell, key)
    problem = BODIES[cell["body"]](CASES[cell["case"]], cell["cells"], cell["steps"])
    exact = rom.simulate(problem, rom.FullOrder(), key=key)
    accuracy = {"eps_ecm": cell["eps_ecm"]}
    model = rom.reduce(training, rom.AdaptivePODECM(**accuracy), key=key)
    found = {
        "plain": rom.simulate(problem, rom.reduce(training, rom.PODECM(**accuracy), key=key), key=key),
        "adaptive": rom.simulate(problem, model, key=key),
    }
    count = len(found["adaptive"].full)
    blind = rom.reduce(training, rom.BlindPODECM(solves=count, **accuracy), key=key)
    found["blind"] = rom.simulate(problem, blind, key=key)
    found["Galerkin"] = rom.simulate(problem, rom.reduce(training, rom.PODGalerkin(), key=key), key=key)
    assert model.calibration is not None
    record: dict[str, Any] = {"full_steps": found["adaptive"].full_steps, "count": count}
    record |= {"points": model.points.size, "all_points": model.body.points, "modes": len(model.displacement.modes)}
    for name, solution in found.items():
        record[f"p error {name}"] = solution.error(exact)
        record[f"u error {name}"] = float(solution.displacement_error(exact)[-1])
        record[f"p {name}"] = solution.plasticity()[-1].astype(np.float32)
    record["p full"] = exact.plasticity()[-1].astype(np.float32)
    record["indicator"] = found["plain"].indicator
    record["estimate"] = np.asarray(model.calibration(found["plain"].indicator))
    record["coordinates"] = problem.body.coordinates.astype(np.float32)
    residual = rom.residual_norm(found["plain"])
    seen = np.isfinite(found["plain"].indicator) & (np.nan_to_num(record["p error plain"]) > 0.0)
    record["residual_correlation"] = _correlation(residual[seen], record["p error plain"][seen])
    return record | _tracked(record["indicator"], record["estimate"], record["p error plain"])


def _tracked(indicator: np.ndarray, estimate: np.ndarray, error: np.ndarray) -> dict[str, float]:
    """How well indicator and estimate follow the error."""
    seen = np.isfinite(indicator) & (np.nan_to_num(error) > 0.0)
    large = seen & (np.nan_to_num(error) > TINY)
    ratio = estimate[large] / error[large]
    return {
        "correlation": _correlation(indicator[seen], error[seen]),
        "within_ten": float(np.mean(np.abs(np.log10(ratio)) <= 1.0)) if large.any() else 1.0,
        "not_below_three": float(np.mean(ratio >= 1.0 / 3.0)) if large.any() else 1.0,
    }


def _correlation(x: np.ndarray, y: np.ndarray) -> float:
    return float(np.corrcoef(np.log(x), np.log(y))[0, 1])


def _cubature(cell: Mapping[str, Any], key: Any) -> dict[str, Any]:
    from perturbax import rom

    training = _trained(cell, key)
    model = rom.reduce(training, rom.PODECM(eps_ecm=cell["eps_ecm"]), key=key)
    found = rom.simulate(training.problems[0], model, key=key)
    volume = model.body.weights.sum()
    return {
        "share": model.points.size / model.body.points,
        "points": model.points.size,
        "u_error": float(found.displacement_error(training.solutions[0])[-1]),
        "volume_error": float(abs(model.weights.sum() / volume - 1.0)),
        "smallest_weight": float(model.weights.min()),
    }


def _speed(cell: Mapping[str, Any], key: Any) -> dict[str, Any]:
    """Seconds of a step by the full and by a reduced model, the latter without what a history costs once."""
    import time

    from perturbax import core, rom
    from perturbax.rom._online import advance, begin, loads, online

    training = _trained(cell, key)
    problem = training.problems[0]
    start = time.perf_counter()
    exact = rom.simulate(problem, rom.FullOrder(), key=key)
    full = time.perf_counter() - start
    model = rom.reduce(training, rom.PODECM(eps_ecm=cell["eps_ecm"]), key=key)
    with core.float64():
        shape, load = online(model), loads(model, problem)
        first, never = begin(model, problem, shape), np.zeros(problem.steps, bool)
        seconds = []
        for _ in range(6):
            start = time.perf_counter()
            advance(shape, load, problem.law, first, None, np.float64(np.inf), never).a.block_until_ready()
            seconds.append(time.perf_counter() - start)
    found = rom.simulate(problem, model, key=key)
    return {
        "unknowns": problem.body.size,
        "full_seconds": full / problem.steps,
        "reduced_seconds": float(np.median(seconds[1:])) / problem.steps,
        "points": model.points.size,
        "modes": len(model.displacement.modes),
        "u_error": float(found.displacement_error(exact)[-1]),
    }


def judge(table: "pd.DataFrame") -> list[Bar]:
    """Histories that were not seen, the one that was, the quadrature of the fine mesh, and the clock where it ran."""
    from ._verdict import select

    rows = {case: select(table, part="history", case=case) for case in CASES}
    unseen = [rows[case] for case in UNSEEN]

    def value(found: "pd.DataFrame", column: str) -> float:
        return float(found[column].iloc[0]) if len(found) and column in found else np.nan

    def ratio(found: "pd.DataFrame", over: str, under: str) -> float:
        return value(found, over) / value(found, under)

    def mean(found: "pd.DataFrame", name: str, last: bool) -> float:
        if not len(found) or f"p error {name}" not in found:
            return np.nan
        error = np.asarray(found[f"p error {name}"].iloc[0], float)
        return float(error[-1]) if last else float(np.nanmean(error))

    adapted = np.array([ratio(found, "u error adaptive", "u error plain") for found in unseen])
    blind = {last: [mean(f, "blind", last) / mean(f, "adaptive", last) for f in unseen] for last in (False, True)}
    cubature = select(table, part="cubature")
    bars = [
        Bar(
            f"correlation of the logarithms of indicator and error, case {case}",
            value(found, "correlation"),
            0.85,
            ">=",
            note="in b the first step that yields has 13 times too much plasticity, and no indicator is above 1; in c "
            "the model is lost from the first step on, and neither curve moves",
        )
        for case, found in zip(UNSEEN, unseen, strict=True)
    ]
    bars += [
        Bar(
            f"estimate within a factor 10 of errors above {TINY:g}, smallest share of steps",
            np.min([value(found, "within_ten") for found in unseen]),
            0.9,
            ">=",
        ),
        Bar(
            "estimate not below a third of the error, smallest share of steps",
            np.min([value(found, "not_below_three") for found in unseen]),
            0.95,
            ">=",
        ),
        Bar("final u error, adaptive over not adaptive, largest", adapted.max(), 0.3, "<="),
        Bar("final u error, adaptive over not adaptive, median", np.median(adapted), 0.15, "<="),
        Bar("full steps of 30, largest", np.max([value(found, "count") for found in unseen]), 12, "<="),
        Bar("p error over all times, blind over adaptive, median", np.median(blind[False]), 1.5, ">="),
        Bar(
            "final p error, blind over adaptive, median",
            np.median(blind[True]),
            1.5,
            ">=",
            note="full steps late in a history correct its end, where the indicator is content below the tolerance",
        ),
        Bar("full steps in a history of training", value(rows["training"], "count"), 0, "<="),
        Bar("final u error in a history of training", value(rows["training"], "u error adaptive"), 2e-3, "<="),
        Bar("share of the points that the quadrature keeps, 40 x 40", value(cubature, "share"), 0.06, "<="),
        Bar("final u error with them", value(cubature, "u_error"), 0.01, "<="),
        Bar("error of the area by them", value(cubature, "volume_error"), 0.01, "<="),
        Bar("smallest weight", value(cubature, "smallest_weight"), 0.0, ">="),
    ]
    speed = select(table, part="speed")
    if len(speed):
        small, large = (speed.iloc[i] for i in (speed["unknowns"].argmin(), speed["unknowns"].argmax()))
        bars += [
            Bar(
                "time of a reduced step, large over small mesh",
                large["reduced_seconds"] / small["reduced_seconds"],
                1.05,
                "<=",
            ),
            Bar("speed-up of a step on the large mesh", large["full_seconds"] / large["reduced_seconds"], 50, ">="),
        ]
    return bars


_COLORS = {"plain": "#999999", "blind": "#0072b2", "adaptive": "#d55e00"}
_LABELS = {"plain": "not adaptive", "blind": "blind enrichment", "adaptive": "adaptive"}


def plot(table: "pd.DataFrame") -> Any:
    """Errors and the estimate in time for each unseen history, and the final plasticity of one of them."""
    from matplotlib.figure import Figure

    from ._verdict import select

    figure = Figure(figsize=(13, 6.2), layout="constrained")
    halves: Any = figure.subfigures(2, 1, height_ratios=(1.15, 1.0))
    above, below = halves
    upper = above.subplots(1, 3, sharey=True)
    for axes, case in zip(upper, UNSEEN, strict=True):
        rows = select(table, part="history", case=case)
        axes.set_title(
            f"Hot spot at {CASES[case][:2]}, {CASES[case][2]:.0f} °C", loc="left", fontsize=10, weight="bold"
        )
        axes.set(yscale="log", xlabel="step")
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(True, which="major", color="0.9", linewidth=0.8)
        if len(rows):
            _draw_errors(axes, rows.iloc[0])
    upper[0].set_ylabel("relative error of the plasticity")
    if upper[0].get_legend_handles_labels()[0]:
        upper[0].legend(frameon=False, fontsize=8, loc="upper right")
    upper[0].set_ylim(1e-3, 20.0)
    rows = select(table, part="history", case="b")
    if len(rows):
        _draw_fields(below, rows.iloc[0])
    return figure


def _draw_errors(axes: Any, row: Any) -> None:
    steps = np.arange(1, len(row["p error plain"]) + 1)
    for name, color in _COLORS.items():
        # What the full model solved has no error that a logarithm could show.
        error = np.maximum(np.asarray(row[f"p error {name}"], float), 1e-3)
        axes.plot(steps, error, color=color, linewidth=1.8, label=_LABELS[name])
    axes.plot(steps, np.asarray(row["estimate"], float), "--", color="#999999", linewidth=1.2, label="its estimate")
    full = np.asarray(row["full_steps"], int)
    axes.plot(full + 1, np.full(full.size, 1.3e-3), "^", color="#d55e00", markersize=6, label="full steps")
    axes.axhline(0.1, color="0.6", linewidth=0.8, linestyle=":")


def _draw_fields(figure: Any, row: Any) -> None:
    fields = {
        "full model": "p full",
        "not adaptive": "p plain",
        "blind enrichment": "p blind",
        "adaptive": "p adaptive",
    }
    places = np.asarray(row["coordinates"])
    top = float(np.asarray(row["p full"]).max())
    panels = figure.subplots(1, len(fields))
    for axes, (label, column) in zip(panels, fields.items(), strict=True):
        drawn = axes.tripcolor(
            *places[:, :2].T, np.asarray(row[column]), cmap="magma", vmin=0.0, vmax=top, shading="gouraud"
        )
        axes.set(aspect="equal", xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
        axes.set_title(label, fontsize=10)
    figure.colorbar(drawn, ax=panels, shrink=0.9, label="cumulated plasticity")


_HISTORY = {"body": "plate", "cells": 12, "steps": 30, "eps_ecm": 1e-3}

STUDY = Study(
    slug="adaptive-rom",
    number=39,
    title="An error indicator-based adaptive reduced order model for nonlinear structural mechanics - application to "
    "high-pressure turbine blades",
    claim=(
        "What the modes of training cannot represent of the plasticity at a few points tells the error of a reduced "
        "model, and a few steps of the full model where it is large make the model right at temperatures that it has "
        "not seen, where as many steps at equal distances are worse."
    ),
    verb="rom.reduce",
    methods=("AdaptivePODECM", "BlindPODECM", "PODECM", "PODGalerkin", "FullOrder"),
    presets={
        "smoke": {
            "history": {**_HISTORY, "cells": 4, "steps": 8, "eps_ecm": 1e-2},
            "cases": ("a",),
            "cubature": ({**_HISTORY, "cells": 5, "steps": 8, "eps_ecm": 1e-2},),
            "speed": (),
        },
        "small": {
            "history": _HISTORY,
            "cases": tuple(CASES),
            "cubature": ({**_HISTORY, "cells": 40, "eps_ecm": 1e-2},),
            "speed": (),
        },
        "full": {
            # 172 224 unknowns: for a machine with much memory.
            "history": {**_HISTORY, "body": "blade", "cells": 12, "steps": 60, "eps_ecm": 1e-2},
            "cases": tuple(CASES),
            "cubature": ({**_HISTORY, "cells": 40, "eps_ecm": 1e-2},),
            "speed": tuple({**_HISTORY, "cells": cells, "steps": 10, "eps_ecm": 1e-2} for cells in (70, 223)),
        },
    },
    trials=trials,
    run=run,
    judge=judge,
    plot=plot,
    precision="float64",
)
