"""The picture of the study of neural collapse."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from perturbax import dynamics

from ._figure import legend
from ._verdict import select

if TYPE_CHECKING:
    import pandas as pd

_VARIANTS = ("as it is", "features", "last layer")


def draw(table: "pd.DataFrame", proximities: Sequence[float], small: float) -> Any:
    """Four panels of whatever parts the table has; `small` is the largest proximity that a bar is about."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12.5, 8.2), layout="constrained")
    axes: Any = figure.subplots(2, 2)
    flow, joint, frame, weights, nets = (
        select(table, part=part) for part in ("flow", "joint", "frame", "weights", "nets")
    )
    _draw_flows(axes[0, 0], flow, joint, nets)
    _draw_predictions(axes[0, 1], frame, nets)
    _draw_elasticities(axes[1, 0], weights, proximities, small)
    _draw_layers(axes[1, 1], nets)
    for panel in axes.flat:
        legend(panel)
        panel.grid(True, which="major", color="0.9", linewidth=0.8)
        panel.spines[["top", "right"]].set_visible(False)
        panel.set_axisbelow(True)
    return figure


def _title(axes: Any, text: str) -> None:
    axes.set_title(text, loc="left", fontsize=10, fontweight="bold")


def _draw_flows(axes: Any, flow: "pd.DataFrame", joint: "pd.DataFrame", nets: "pd.DataFrame") -> None:
    _title(axes, "Within-class variability over time")
    axes.set(yscale="log", xlabel="time", ylabel="NC1~ over its first value")
    groups = (
        (joint, "#999999", "joint flow, random", slice(0, 3)),
        (flow, "#0072b2", "central path, random", slice(0, 2)),
        (nets, "#d55e00", "central path, digits and layers", slice(None)),
    )
    for rows, color, label, chosen in groups:
        for curve in (curve for curves in rows["curves"] for curve in curves[chosen]) if len(rows) else ():
            time = np.linspace(0.0, dynamics.CentralPathFlow().end, len(curve))
            axes.plot(time, curve / curve[0], color=color, linewidth=1.0, alpha=0.8, label=label)
            label = None
    axes.set_ylim(1e-3, 3.0)


def _draw_predictions(axes: Any, frame: "pd.DataFrame", nets: "pd.DataFrame") -> None:
    _title(axes, "Prediction near collapse, and for trained layers")
    axes.set(xscale="log", yscale="log", xlabel="NC1~, exact or measured", ylabel="NC1~, predicted")
    places = []
    if len(frame):
        places.append((frame.iloc[0]["exact"], frame.iloc[0]["predicted"], "#0072b2", "o", "frames, first order"))
    if len(nets):
        measured = np.array([found[0, -1] for found in nets["nc1 trace"]])
        places.append((nets["exact"], nets["predicted"], "#d55e00", "s", "layer before the last, first order"))
        places.append((measured, nets["next layer"], "#009e73", "^", "last layer, proximity of the layer before"))
    for x, y, color, marker, label in places:
        axes.plot(np.ravel(x), np.ravel(y), marker, color=color, markersize=5, alpha=0.7, label=label)
    if places:
        ends = np.array(axes.get_xlim())
        axes.plot(ends, ends, color="0.4", linewidth=1.0)


def _draw_elasticities(axes: Any, weights: "pd.DataFrame", proximities: Sequence[float], small: float) -> None:
    _title(axes, "Which weight moves NC1~, at λ_W = λ_H = 0.05")
    axes.set(xscale="log", yscale="log", xlabel="proximity β", ylabel="|per cent of NC1~ for one per cent|")
    axes.axvline(small, color="0.5", linestyle="--", linewidth=1.0, label="λ / 5")
    if len(weights):
        lines = (("λ_W, classifier", "#0072b2"), ("λ_H, features", "#d55e00"), ("β, proximity", "#009e73"))
        for (label, color), values in zip(lines, np.abs(weights.iloc[0]["map"]).T, strict=True):
            axes.plot(proximities, values, color=color, linewidth=1.7, label=label)


def _draw_layers(axes: Any, nets: "pd.DataFrame") -> None:
    _title(axes, "Layers of networks on digits; four times the decay of ...")
    axes.set(yscale="log", xlabel="hidden layer", ylabel="NC1~ (lines), NC1 (dashed)")
    for i, (name, color) in enumerate(zip(_VARIANTS, ("#000000", "#d55e00", "#0072b2"), strict=True)):
        for seed, (_, row) in enumerate(nets.iterrows()):
            for column, style in (("nc1 trace", "-"), ("nc1", "--")):
                values = row[column][i]
                label = name if seed == 0 and style == "-" else None
                axes.plot(
                    1 + np.arange(len(values)),
                    values,
                    style,
                    color=color,
                    linewidth=1.3,
                    marker="o",
                    markersize=3,
                    label=label,
                )
    axes.set_xticks([1, 2, 3])
