"""The picture of the study of interface conditions: rewards by play, and the errors of all subsets."""

from typing import TYPE_CHECKING, Any

import numpy as np

from perturbax import optimize

from ._figure import legend
from ._verdict import select

if TYPE_CHECKING:
    import pandas as pd

_BITS = ("u", "flux", "residual", "residual continuity", "u_yy")
_COLORS = {
    "UCB": "#0072b2",
    "Thompson": "#009e73",
    "greedy": "#56b4e9",
    "linear": "#e69f00",
    "random": "#d55e00",
    "all conditions": "#cc79a7",
    "best fixed arm": "0.45",
    "oracle": "black",
}


def rewards_of(errors: Any) -> Any:
    """`-log10` of errors, which count as at most 100."""
    return -np.log10(np.minimum(errors, 100.0))


def plot(table: "pd.DataFrame") -> Any:
    """Running means of the reward by rule, and the errors of all arms by context with the best ones marked."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11.5, 5.2), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.0, 1.15))
    _draw_plays(left, select(table, part="bandit", family="poisson"))
    _draw_table(figure, right, select(table, part="table", family="poisson"))
    return figure


def _draw_plays(axes: Any, rows: "pd.DataFrame") -> None:
    found = {str(row["rule"]): row["reward"] for _, row in rows.iterrows()}
    for name, color in _COLORS.items():
        if name in found:
            reward = np.mean(found[name], 0)
            window = min(10, len(reward))
            running = np.convolve(reward, np.ones(window) / window, "valid")
            style = "--" if name in ("oracle", "best fixed arm") else "-"
            axes.plot(np.arange(window, len(reward) + 1), running, style, color=color, linewidth=1.7, label=name)
    axes.set(xlabel="play", ylabel="-log10 of the relative L2 error, mean of 10 plays")
    axes.set_title("Plays on seven Poisson problems, 20 seeds", loc="left", fontsize=10, fontweight="bold")
    axes.grid(True, color="0.88", linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    legend(axes, ncols=2)


def _draw_table(figure: Any, axes: Any, rows: "pd.DataFrame") -> None:
    axes.set_title("-log10 error of every subset; a ring is the best one", loc="left", fontsize=10, fontweight="bold")
    if rows.empty:
        axes.set_axis_off()
        return
    rows = rows.sort_values("context")
    rewards = rewards_of(np.stack(list(rows["errors"])))
    bits = int(np.log2(rewards.shape[1]))
    arms = optimize.all_subsets(bits)
    order = np.lexsort(arms.T[::-1])
    image = axes.imshow(rewards[:, order].T, aspect="auto", cmap="viridis")
    best = rewards[:, order].argmax(-1)
    axes.plot(np.arange(len(rows)), best, "o", markerfacecolor="none", markeredgecolor="white", markersize=9)
    axes.set_xticks(np.arange(len(rows)), [f"{s:.3g}" for s in rows["context"]])
    if bits <= len(_BITS):
        labels = ["".join("\u25cf" if bit else "\u00b7" for bit in arm) for arm in arms[order]]
        axes.set_yticks(np.arange(len(arms)), labels, fontsize=7, family="DejaVu Sans Mono")
        axes.set_ylabel(", ".join(_BITS[:bits]))
    axes.set_xlabel("sharpness")
    figure.colorbar(image, ax=axes, shrink=0.8)
