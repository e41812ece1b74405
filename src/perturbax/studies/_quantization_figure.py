"""The panels of the picture of quantisation."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ._figure import legend

_PROGRAM, _UNIFORM, _CLOUD, _FLOAT = "#d55e00", "#0072b2", "0.6", "#000000"


def _prepare(axes: Any, title: str, x: str, y: str) -> None:
    axes.set_title(title, loc="left", fontsize=10, fontweight="bold")
    axes.set(xlabel=x, ylabel=y)
    axes.grid(True, which="major", color="0.9", linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_axisbelow(True)


def draw_front(axes: Any, rows: pd.DataFrame) -> None:
    """Accuracy against size: the linear program, uniform bits, and random allocations of the first seed."""
    _prepare(axes, "Accuracy against size", "weights, kB", "test accuracy, %")
    if not len(rows):
        return
    first = rows.iloc[0]
    for i, name in enumerate(("ranked", "near 2.5", "near 4")):
        label = "random, one seed" if i == 0 else None
        size, accuracy = first[f"{name} size"] / 1e3, 100.0 * first[f"{name} accuracy"]
        axes.plot(size, accuracy, ".", color=_CLOUD, markersize=4, alpha=0.6, label=label)
    for name, color, marker, label in (
        ("program", _PROGRAM, "o-", "HAWQ-V3, median and range of the seeds"),
        ("uniform", _UNIFORM, "s", "2, 3, 4, 8 bits everywhere"),
    ):
        size = np.stack(list(rows[f"{name} size"])).mean(0) / 1e3
        accuracy = 100.0 * np.stack(list(rows[f"{name} accuracy"]))
        order = np.argsort(size)
        axes.plot(size[order], np.median(accuracy, 0)[order], marker, color=color, markersize=5, label=label)
        axes.vlines(size, accuracy.min(0), accuracy.max(0), color=color, alpha=0.4, linewidth=1.5)
    axes.set_xscale("log")
    ticks = [30, 40, 50, 60, 80, 100, 120]
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.minorticks_off()
    legend(axes, loc="lower right")


def draw_ranks(axes: Any, rows: pd.DataFrame) -> None:
    """What the Hessian predicts against what the loss does, of random allocations of all seeds."""
    _prepare(axes, "Does the Hessian know?", "predicted loss increase  Σ Ω / 2", "loss increase on the training data")
    if not len(rows):
        return
    predicted = 0.5 * np.concatenate(list(rows["predicted"]))
    increase = np.concatenate(list(rows["ranked increase"]))
    positive = increase > 0.0
    axes.plot(predicted[positive], increase[positive], ".", color=_PROGRAM, markersize=4, label="random allocations")
    ends = np.array([predicted.min(), predicted.max()])
    axes.plot(ends, ends, color="0.3", linewidth=1.0, label="equal")
    axes.set(xscale="log", yscale="log")
    if not positive.all():
        text = f"{np.count_nonzero(~positive)} allocations lowered the loss"
        axes.annotate(text, (0.97, 0.04), xycoords="axes fraction", ha="right", fontsize=8, color="0.3")
    legend(axes, loc="upper left")


def draw_methods(axes: Any, rows: pd.DataFrame, methods: Sequence[str], averages: Iterable[float]) -> None:
    """The loss increase of every method at two sizes."""
    _prepare(axes, "Methods at one size, one seed", "", "loss increase on the training data")
    if not len(rows):
        return
    row = rows.iloc[0]
    for i, average in enumerate(averages):
        heights = [max(float(row[f"{name} {average:g}"]), 1e-5) for name in methods]
        places = np.arange(len(methods)) + 0.38 * (i - 0.5)
        axes.bar(places, heights, 0.36, color=(_PROGRAM, _UNIFORM)[i], label=f"{average:g} bits on average")
        for place, height in zip(places, heights, strict=True):
            axes.annotate(f"{height:.2g}", (place, height), ha="center", va="bottom", fontsize=8)
    axes.set_xticks(range(len(methods)), methods)
    axes.set_yscale("log")
    legend(axes)


def draw_accuracies(axes: Any, rows: pd.DataFrame, networks: Iterable[str]) -> None:
    """Accuracy in float32, and in integers with 8 and 4 bits, a point a seed."""
    _prepare(axes, "Integers from input to output", "", "test accuracy, %")
    columns = {
        "float32": (_FLOAT, "float32"),
        "integers 8": (_PROGRAM, "8 bits, integers only"),
        "float requantisation 8": ("#e69f00", "8 bits, float32 between layers"),
        "integers 4": (_UNIFORM, "4 bits, integers only"),
        "float requantisation 4": ("#56b4e9", "4 bits, float32 between layers"),
    }
    names = list(networks)
    axes.set_xticks(range(len(names)), names)
    for place, network in enumerate(names):
        own = rows[rows["network"] == network] if len(rows) else rows
        for i, (column, (color, label)) in enumerate(columns.items()):
            if len(own):
                x = place + 0.14 * (i - 2.0)
                accuracy = 100.0 * own[column]
                axes.plot(np.full(len(own), x), accuracy, "o", color=color, markersize=4, alpha=0.6)
                axes.hlines(
                    accuracy.median(),
                    x - 0.05,
                    x + 0.05,
                    color=color,
                    linewidth=2.5,
                    label=label if place == 0 else None,
                )
    legend(axes)
