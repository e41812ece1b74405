"""The picture of the study of learning to relax: instances solved, relaxations chosen, and a simulation of heat."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from perturbax import optimize

from ._figure import legend
from ._verdict import select

_COLORS = {
    "omega = 1": "#bbbbbb",
    "best fixed": "#000000",
    "UCB1": "#56b4e9",
    "Exp3": "#cc79a7",
    "TsallisINF": "#e69f00",
    "TsallisINF rv": "#b8860b",
    "Binned": "#009e73",
    "ChebCB": "#d55e00",
    "AsymptoticOracle": "#0072b2",
}
_LABELS = {
    "omega = 1": "ω = 1",
    "best fixed": "best fixed ω",
    "TsallisINF": "Tsallis-INF",
    "TsallisINF rv": "Tsallis-INF, reduced variance",
    "Binned": "Tsallis-INF in bins",
    "AsymptoticOracle": "ω*(A)",
}


def draw(table: pd.DataFrame, variances: Sequence[str]) -> Figure:
    """Instances that remain against iterations spent; the relaxation chosen against the shift; heat."""
    figure = Figure(figsize=(12.5, 7.6), layout="constrained")
    axes: Any = figure.subplots(2, 3)
    for column, variance in enumerate(variances):
        rows = select(table, part="shifts", variance=variance)
        top, bottom = axes[0, column], axes[1, column]
        top.set_title(f"SOR, {variance} variance of the shift", loc="left", fontsize=10, fontweight="bold")
        top.set(xlabel="thousands of iterations spent", ylabel="instances that remain" if column == 0 else None)
        bottom.set(xlabel="shift", ylabel="chosen ω, last half" if column == 0 else None, ylim=(0.97, 2.0))
        if len(rows):
            _draw_spent(top, rows.iloc[0])
            _draw_chosen(bottom, rows.iloc[0])
    handles, names = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=5, frameon=False, fontsize=8.5)
    _draw_heat(axes[0, 2], axes[1, 2], select(table, part="heat"))
    for panel in axes.flat:
        panel.grid(True, which="major", color="0.9", linewidth=0.8)
        panel.set_axisbelow(True)
        panel.spines[["top", "right"]].set_visible(False)
    return figure


def _draw_spent(axes: Any, row: pd.Series) -> None:
    costs = row["table"].astype(float)
    curves = {"omega = 1": costs[:, 0], "best fixed": costs[:, costs.sum(0).argmin()]}
    for name, color in _COLORS.items():
        mean = curves[name] if name in curves else row[f"costs {name}"].mean(0)
        style = "--" if name in curves else "-"
        axes.plot(
            np.cumsum(mean) / 1e3,
            np.arange(len(mean))[::-1],
            style,
            color=color,
            linewidth=1.7,
            label=_LABELS.get(name, name),
        )
    # Gauss-Seidel would squeeze all others together.
    axes.set_xlim(0.0, 2.0 * curves["best fixed"].sum() / 1e3)


def _draw_chosen(axes: Any, row: pd.Series) -> None:
    half = row["values ChebCB"].shape[1] // 2
    shifts = row["shifts"]
    order = np.argsort(shifts)
    axes.plot(
        np.tile(shifts[half:], len(row["values ChebCB"])),
        row["values ChebCB"][:, half:].reshape(-1),
        ".",
        color=_COLORS["ChebCB"],
        alpha=0.15,
        markersize=5,
    )
    axes.plot(shifts[order], row["values AsymptoticOracle"][0][order], color=_COLORS["AsymptoticOracle"], linewidth=1.7)
    best = optimize.TsallisINF().grid[row["table"].sum(0, dtype=float).argmin()]
    axes.axhline(best, color="0.0", linestyle="--", linewidth=1.2)


def _draw_heat(top: Any, bottom: Any, rows: pd.DataFrame) -> None:
    top.set(xlabel="time step", ylabel="iterations over the best fixed ω")
    bottom.set(xlabel="unknowns", ylabel="iterations a step")
    top.set_title("SSOR-CG, heat of alternating diffusivity", loc="left", fontsize=10, fontweight="bold")
    if rows.empty:
        return
    row = rows.sort_values("cells").iloc[-1]
    best = row["costs BestInHindsight"].astype(float)[0]
    for name in ("TsallisINF", "ChebCB", "GoldenSection"):
        if f"costs {name}" in row and isinstance(row[f"costs {name}"], np.ndarray):
            regret = np.cumsum(row[f"costs {name}"].astype(float) - best, axis=1)
            color = _COLORS.get(name, "#0072b2")
            top.plot(regret.mean(0), color=color, linewidth=1.7, label=_LABELS.get(name, name))
    top.axhline(0.0, color="0.0", linestyle="--", linewidth=1.2)
    legend(top)
    shown = {"CG": "#999999", "Fixed": "#bbbbbb", "BestInHindsight": "#000000"}
    shown |= {name: _COLORS[name] for name in ("TsallisINF", "ChebCB")}
    labels = {**_LABELS, "Fixed": "ω = 1", "BestInHindsight": "best fixed ω"}
    rows = rows.sort_values("cells")
    means = {name: [costs.mean() for costs in rows[f"costs {name}"]] for name in shown}
    if len(rows) == 1:
        bottom.set(xlabel="iterations a step", ylabel=None)
        bottom.barh(
            [labels.get(name, name) for name in shown], [mean[0] for mean in means.values()], color=shown.values()
        )
        bottom.invert_yaxis()
        return
    for name, color in shown.items():
        bottom.loglog((rows["cells"] - 1) ** 2, means[name], "o-", color=color, label=labels.get(name, name))
    legend(bottom)
