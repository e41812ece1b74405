"""Pictures of samplers of collocation points: residuals with the points, densities, and errors against a budget."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ._figure import legend

_SQUARE = (-1.0, 1.0, -1.0, 1.0)


def draw_snapshots(figure: Any, firsts: Mapping[str, Any], labels: Mapping[str, str]) -> None:
    """A row for each sampler with the residual and the points after some epochs, and one with the flow's density.

    **Arguments:** `figure`: with room for all; `firsts`: the record of the first seed of each sampler, with `square k`,
    `points k` and, of a sampler with a flow, `density k`; `labels`: by sampler.
    """
    kinds = [(name, "square") for name in firsts]
    kinds += [(name, "density") for name, row in firsts.items() if isinstance(row.get("density 0"), np.ndarray)]
    columns = max((k + 1 for row in firsts.values() for k in range(9) if _has(row, f"points {k}")), default=0)
    if not columns:
        return
    grid = figure.subplots(len(kinds), columns, squeeze=False)
    for places, (name, kind) in zip(grid, kinds, strict=True):
        row = firsts[name]
        fields = [np.sqrt(row[f"{kind} {k}"]) if kind == "square" else row[f"{kind} {k}"] for k in range(columns)]
        # The first ones, of the network as it starts, are far larger than what is left.
        scale = max(float(field.max()) for field in fields[-2:])
        for k, (axes, field) in enumerate(zip(places, fields, strict=True)):
            colours = "magma" if kind == "square" else "Blues"
            image = axes.imshow(field.T, origin="lower", extent=_SQUARE, cmap=colours, vmin=0.0, vmax=scale)
            if kind == "square":
                points = row[f"points {k}"]
                axes.plot(points[:, 0], points[:, 1], ".", color="#56d4ff", markersize=2.5)
            axes.set(xticks=[], yticks=[], xlim=(-1, 1), ylim=(-1, 1))
            axes.set_title(_title(name, kind, k, row, labels), loc="left", fontsize=9)
        figure.colorbar(image, ax=list(places), shrink=0.85)


def _has(row: Any, name: str) -> bool:
    return isinstance(row.get(name), np.ndarray)


def _title(name: str, kind: str, k: int, row: Any, labels: Mapping[str, str]) -> str:
    what = f"{labels[name]}: |r|" if kind == "square" else f"{labels[name]}: flow"
    after = f"{row['shown'].split()[k]} epochs"
    return f"{what}, {after}" if k == 0 else after


def draw_curves(
    axes: Any,
    runs: Mapping[str, Mapping[int, Any]],
    column: str,
    label: str,
    labels: Mapping[str, str],
    colors: Mapping[str, str],
) -> None:
    """The median error of each sampler against steps or seconds, and the range of the seeds."""
    axes.set(xlabel=label, yscale="log")
    axes.set_title("Relative L2 error, median and range of the seeds", loc="left", fontsize=10, fontweight="bold")
    for name, found in runs.items():
        if not found:
            continue
        at = np.median([row[column] for row in found.values()], 0)
        errors = np.array([row["error"] for row in found.values()])
        axes.plot(at, np.median(errors, 0), color=colors[name], linewidth=1.6, label=labels[name])
        axes.fill_between(at, errors.min(0), errors.max(0), color=colors[name], alpha=0.1, linewidth=0)
    axes.grid(True, which="major", color="0.88", linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    legend(axes, loc="upper right", ncols=3)
