"""The picture of the study of tumours."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ._tumour_patients import THRESHOLDS

if TYPE_CHECKING:
    import pandas as pd

_COLORS = {"true": "#000000", "query": "#d55e00", "CMA-ES": "#0072b2", "other": "#009e73", "refined": "#cc79a7"}


def draw(table: "pd.DataFrame", sizes: Callable[[int], Any]) -> Any:
    """Four panels, of which those are empty whose trials are missing."""
    from matplotlib.figure import Figure

    from ._verdict import select

    figure = Figure(figsize=(12.5, 10.0), layout="constrained")
    axes: Any = figure.subplots(2, 2)
    query, runs, others = (select(table, part=part) for part in ("query", "cma-es", "others"))
    _draw_patient(axes[0, 0], query, runs)
    _draw_cost(axes[0, 1], query, runs, others)
    _draw_sizes(axes[1, 0], query, sizes)
    _draw_parameters(axes[1, 1], query, runs)
    for panel in axes.flat[1:]:
        panel.grid(True, which="major", color="0.9", linewidth=0.8)
        panel.spines[["top", "right"]].set_visible(False)
        panel.set_axisbelow(True)
    return figure


def _title(axes: Any, text: str) -> None:
    axes.set_title(text, loc="left", fontsize=10, fontweight="bold")


def _draw_patient(axes: Any, query: "pd.DataFrame", runs: "pd.DataFrame") -> None:
    _title(axes, "The first patient: whole tumour and core")
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    if not len(query) or np.ndim(query.iloc[0]["white"]) != 2:
        return
    row = query.iloc[0]
    pictures = {"true": row["true"], "query": row["picture"]}
    if len(runs):
        pictures["CMA-ES"] = runs.iloc[0]["picture"]
    axes.imshow(np.asarray(row["white"]).T, origin="lower", cmap="gray", vmin=-0.3, vmax=1.3)
    styles = {"true": "solid", "query": "dashed", "CMA-ES": "dotted"}
    for name, picture in pictures.items():
        options = {"colors": "#ffffff" if name == "true" else _COLORS[name], "linestyles": styles[name]}
        axes.contour(np.asarray(picture, float).T, levels=THRESHOLDS, linewidths=1.8, **options)
    reached = np.argwhere(np.asarray(row["true"]) > 0.02)
    low, high = reached.min(0) - 6, reached.max(0) + 6
    axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
    colors = _COLORS | {"true": "#ffffff"}
    handles = [axes.plot([], [], color=colors[name], linestyle=styles[name])[0] for name in pictures]
    labels = ["truth", "best match", "CMA-ES"][: len(handles)]
    axes.legend(handles, labels, loc="lower right", fontsize=8.5, facecolor="0.4", labelcolor="white")


def _points(row: Any, end: str = " seconds") -> list[str]:
    return [str(name).removesuffix(end) for name in row.index if str(name).endswith(end) and name != "build seconds"]


def _draw_cost(axes: Any, query: "pd.DataFrame", runs: "pd.DataFrame", others: "pd.DataFrame") -> None:
    _title(axes, "Agreement and time of one patient")
    axes.set(xscale="log", xlabel="seconds per patient, median", ylabel="Dice of both masks, median and quartiles")
    places: list[tuple[float, float, str]] = []
    for rows, marker in ((query, "o"), (runs, "s"), (others, "^")):
        if not len(rows):
            continue
        for name in _points(rows.iloc[0]):
            if name.startswith(("n=", "posterior")) or not isinstance(rows.iloc[0][f"{name} dice"], np.ndarray):
                continue
            seconds, overlap = (
                np.concatenate([np.atleast_1d(one) for one in rows[f"{name} {column}"]])
                for column in ("seconds", "dice")
            )
            low, middle, high = np.quantile(overlap, [0.25, 0.5, 0.75])
            kind = {"cma-es": "CMA-ES", "refined": "refined"}.get(name, "query" if marker == "o" else "other")
            options = {"color": _COLORS[kind], "marker": marker, "markersize": 6, "elinewidth": 0.8, "capsize": 0}
            at = float(np.median(seconds))
            axes.errorbar(at, middle, yerr=[[middle - low], [high - middle]], **options)
            places.append((at, middle, name))
    # Labels side by side in the order of the times, which crowd at some places.
    line = {"arrowstyle": "-", "color": "0.6", "linewidth": 0.6}
    axes.set_ylim(bottom=axes.get_ylim()[0] - 0.45 * np.ptp(axes.get_ylim()))
    for rank, (at, middle, name) in enumerate(sorted(places)):
        where = ((rank + 0.5) / len(places), 0.02)
        style = {"fontsize": 8, "rotation": 90, "ha": "center", "va": "bottom", "arrowprops": line}
        axes.annotate(name, (at, middle), xytext=where, textcoords="axes fraction", **style)


def _draw_sizes(axes: Any, query: "pd.DataFrame", sizes: Callable[[int], Any]) -> None:
    _title(axes, "Agreement and size of the database")
    axes.set(xscale="log", xlabel="simulations in the database", ylabel="Dice, median and quartiles")
    if not len(query):
        return
    row = query.iloc[0]
    at = sizes(int(row["database"]))
    for column, color, label in (("WT", "#d55e00", "whole tumour"), ("TC", "#0072b2", "core")):
        low, middle, high = np.array([np.quantile(row[f"n={n} {column}"], [0.25, 0.5, 0.75]) for n in at]).T
        axes.plot(at, middle, color=color, marker="o", label=label)
        axes.fill_between(at, low, high, color=color, alpha=0.12, linewidth=0)
    axes.set_xticks(at, [str(n) for n in at])
    axes.minorticks_off()
    axes.legend(frameon=False, fontsize=8.5)


def _draw_parameters(axes: Any, query: "pd.DataFrame", runs: "pd.DataFrame") -> None:
    _title(axes, "Error of the parameters")
    axes.set(ylabel="relative error, median and quartiles")
    axes.set_xticks([0, 1], ["length  l = sqrt(D T)", "growth  g = ρ T"])
    bars = []
    if len(query):
        row = query.iloc[0]
        bars += [
            ("best match", row["full best error"], _COLORS["query"]),
            ("posterior mean of 50", row["posterior mean error"], _COLORS["other"]),
            ("query and CMA-ES (60)", row["refined best error"], _COLORS["refined"]),
            ("network", row["network best error"], "0.5"),
        ]
    if len(runs):
        bars.append(("CMA-ES (500)", np.concatenate(list(runs["cma-es best error"])), _COLORS["CMA-ES"]))
    for i, (label, errors, color) in enumerate(bars):
        low, middle, high = np.quantile(np.asarray(errors), [0.25, 0.5, 0.75], axis=0)
        at = np.arange(2) + 0.15 * (i - (len(bars) - 1) / 2.0)
        axes.bar(at, middle, 0.14, color=color, label=label, yerr=[middle - low, high - middle], ecolor="0.3")
    if bars:
        axes.legend(frameon=False, fontsize=8.5)
