"""What the pictures of sampler studies are made of: error against cost, triangles of slopes, strips of digits."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import SubplotSpec
from matplotlib.ticker import NullLocator


class Line(NamedTuple):
    """How a method is drawn."""

    color: str
    label: str
    style: str = "-"
    marker: str = "o"


def error_axes(axes: Axes, title: str, left: str | None = "median error per sample") -> None:
    """Log-log axes of error against network evaluations."""
    axes.set(xscale="log", yscale="log", xlabel="network evaluations")
    axes.set_title(title, loc="left", fontsize=10, fontweight="bold")
    if left:
        axes.set_ylabel(left)
    axes.grid(True, which="major", color="0.88", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(which="minor", length=0)


def cost_ticks(axes: Axes, at: Sequence[int]) -> None:
    """Write the numbers of evaluations out instead of as powers of ten, where there are data."""
    low, high = axes.get_xlim()
    inside = [n for n in at if low <= n <= high]
    axes.set_xticks(inside, [str(n) for n in inside])
    axes.set_xlim(low, high)
    axes.xaxis.set_minor_locator(NullLocator())


def draw_errors(axes: Axes, rows: pd.DataFrame, lines: Mapping[str, Line], column: str = "error") -> None:
    """One line per method: the median of a column over the seeds, and their range as a band."""
    for method, line in lines.items():
        own = rows[rows["method"] == method]
        if own.empty:
            continue
        by_cost = own.groupby("evaluations")[column].agg(["median", "min", "max"]).sort_index()
        axes.plot(
            by_cost.index,
            by_cost["median"],
            line.style,
            color=line.color,
            marker=line.marker,
            markersize=4,
            linewidth=1.7,
            label=line.label,
        )
        axes.fill_between(by_cost.index, by_cost["min"], by_cost["max"], color=line.color, alpha=0.12, linewidth=0)


def legend(axes: Axes, **options: Any) -> None:
    """A legend of what was drawn, none when nothing was."""
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False, fontsize=8.5, **options)


def slope_triangle(axes: Axes, x: float | int, y: float, order: int, color: str, width: float = 2.0) -> None:
    """A right triangle whose hypotenuse falls with the given order, from `(x, y)` to the right."""
    corners = np.array([[x, y], [x * width, y * width**-order], [x, y * width**-order]])
    axes.fill(*corners.T, facecolor=color, alpha=0.25, edgecolor=color, linewidth=0.8)
    axes.annotate(
        str(order),
        (x, y * width ** (-order / 2)),
        xytext=(-4, 0),
        textcoords="offset points",
        ha="right",
        va="center",
        fontsize=8,
        color=color,
    )


def digit_strip(
    figure: Figure,
    place: SubplotSpec,
    rows: Sequence[tuple[str, Sequence[Any]]],
    columns: Sequence[str],
    size: int = 8,
    reach: float | None = None,
) -> None:
    """A table of digits: a labelled row per method, a labelled column per group of pictures of shape `(n, pixels)`.

    Ink is drawn dark, the range `[-1, 1]` in grey. With `reach`, values beyond it are tinted, orange above and blue
    below, fully at `1 + reach`, so that what left the range is seen.
    """
    grid = place.subgridspec(len(rows), len(columns), wspace=0.06, hspace=0.12)
    for i, (name, groups) in enumerate(rows):
        for j, pictures in enumerate(groups):
            axes = figure.add_subplot(grid[i, j])
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set_visible(False)
            if pictures is not None:
                axes.imshow(_colors(_side_by_side(np.asarray(pictures), size), reach), interpolation="nearest")
            if i == 0:
                axes.set_title(columns[j], fontsize=8, pad=3)
            if j == 0:
                axes.set_ylabel(name, rotation=0, ha="right", va="center", fontsize=8, labelpad=4)


def _side_by_side(pictures: np.ndarray, size: int) -> np.ndarray:
    """Pictures in a row with a gap of one pixel, NaN in the gaps."""
    gap = np.full((size, 1), np.nan)
    parts = [part for picture in pictures for part in (picture.reshape(size, -1), gap)]
    return np.concatenate(parts[:-1], axis=1)


def _colors(values: np.ndarray, reach: float | None) -> np.ndarray:
    ink = np.clip((values + 1.0) / 2.0, 0.0, 1.0)
    colors = np.repeat((1.0 - ink)[..., None], 3, axis=-1)
    if reach is not None:
        beyond = np.clip((np.abs(values) - 1.0) / reach, 0.0, 1.0)[..., None]
        tint = np.where(values[..., None] > 0, [0.84, 0.37, 0.0], [0.0, 0.45, 0.70])
        colors = (1.0 - beyond) * colors + beyond * tint
    return np.where(np.isnan(values)[..., None], 1.0, colors)
