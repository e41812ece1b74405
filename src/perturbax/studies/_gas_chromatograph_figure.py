"""The picture of the study of gas chromatographs."""

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ._verdict import select

if TYPE_CHECKING:
    import pandas as pd

_COLORS = ("#0072b2", "#009e73", "#e69f00", "#d55e00")
_SHARES = (0.1, 0.25, 0.5, 0.75, 0.9)


def draw(table: "pd.DataFrame") -> Figure:
    """Left: data, full equations and fit, with residuals below. Right: the surface, and errors by what is left out."""
    figure = Figure(figsize=(11.0, 6.2), layout="constrained")
    grid = figure.add_gridspec(1, 2, width_ratios=(1.35, 1.0))
    left, right = grid[0].subgridspec(2, 1, height_ratios=(3.2, 1.0)), grid[1].subgridspec(2, 1)
    dilute = select(table, part="dilute").sort_values("seed")
    if len(dilute):
        data = figure.add_subplot(left[0])
        _chromatogram(data, figure.add_subplot(left[1], sharex=data), dilute.iloc[0])
        _surface(figure.add_subplot(right[0]), dilute)
    _errors(figure.add_subplot(right[1]), table)
    return figure


def _plain(axes: Axes, title: str) -> None:
    axes.set_title(title, loc="left", fontsize=10, fontweight="bold")
    axes.spines[["top", "right"]].set_visible(False)


def _chromatogram(axes: Axes, below: Axes, row: Any) -> None:
    times, baseline = row["times"], row["fitted"] - row["curves"].sum(0)
    axes.plot(times, row["signal"], ".", color="0.7", markersize=2.0, label="data: full equations, noise, drift")
    for i, (curve, full) in enumerate(zip(row["curves"], row["full"], strict=True)):
        axes.plot(
            times, full + baseline, color="black", linewidth=2.4, alpha=0.3, label=None if i else "full equations"
        )
        axes.plot(times, curve + baseline, color=_COLORS[i], linewidth=1.2, label=f"fit of analyte {i + 1}")
    axes.set(ylabel="signal", ylim=(-0.05 * row["signal"].max(), None))
    axes.tick_params(labelbottom=False)
    axes.legend(frameon=False, fontsize=8.5)
    _plain(axes, "Two rates for each analyte, by one explicit function")
    for name, color, label in (
        ("GaussianPeaks", "0.6", "Gaussian peaks"),
        ("LaplaceFit", "#0072b2", "closed form"),
    ):
        if isinstance(row.get(f"residual_{name}"), np.ndarray):
            below.plot(times, row[f"residual_{name}"], color=color, linewidth=0.8, label=label)
    below.set(xlabel="time in s", ylabel="residual")
    below.spines[["top", "right"]].set_visible(False)
    below.legend(frameon=False, fontsize=8.5, ncols=2, loc="lower right")


def _surface(axes: Axes, rows: "pd.DataFrame") -> None:
    from scipy.stats import ncx2

    X = np.geomspace(30.0, 450.0, 80)
    ratio = np.linspace(0.6, 1.5, 120)
    J = ncx2.sf(2.0 * X[:, None], 2, 2.0 * X[:, None] * ratio)
    axes.contourf(X, ratio, J.T, levels=np.linspace(0.0, 1.0, 21), cmap="Greys", alpha=0.5)
    lines = axes.contour(X, ratio, J.T, levels=_SHARES, colors="0.3", linewidths=0.8)
    axes.clabel(lines, fontsize=7)
    for row in rows.itertuples():
        for i, (length, times) in enumerate(zip(row.lengths, row.shares_at, strict=True)):
            axes.plot(np.full(times.size, length), times / length, "o", color=_COLORS[i], markersize=3.5)
    axes.set(xscale="log", xlabel="X", ylabel="T / X", ylim=(0.6, 1.5))
    axes.set_xticks([30, 100, 400], ["30", "100", "400"])
    axes.minorticks_off()
    _plain(axes, "Shares that have left lie on the surface J(X, T)")


def _errors(axes: Axes, table: "pd.DataFrame") -> None:
    crowded, sweep = select(table, part="crowded"), select(table, part="sweep")
    if len(crowded):
        row = crowded.iloc[0]
        label = "competition: share of the sites"
        axes.plot(row["predicted"], row["gaps"], "o-", color="#d55e00", markersize=4, linewidth=1.7, label=label)
    if len(sweep):
        row = sweep.iloc[0]
        label = "dispersion: 1 / Pe, worst X and Da"
        axes.plot(1.0 / row["peclet"], row["dispersion_gap"], "s-", color="#0072b2", markersize=4, label=label)
    axes.axhline(0.05, color="0.6", linestyle=":", linewidth=1.0)
    axes.set(xscale="log", yscale="log", xlabel="what is left out", ylabel="relative error")
    axes.grid(True, which="major", color="0.9", linewidth=0.8)
    axes.set_axisbelow(True)
    if len(crowded) or len(sweep):
        axes.legend(frameon=False, fontsize=8.5)
    _plain(axes, "Where the closed form fails")
