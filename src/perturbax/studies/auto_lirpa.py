"""auto_LiRPA (Xu et al. 2020, arXiv 2002.12920): bounds of any function, and training on them.

Soundness on random functions of ten kinds (perceptrons, convolution with batch normalisation and pooling, residual,
layer norm, attention, LSTM, GRU) and boxes of three sizes, against samples, corners and projected gradients. Exactness
where it is known. The width of bounds over the radius on MNIST. Certified training of a small convolutional network on
MNIST at 10 x 10 pixels, with the loss in the bounded function and with a row per class. The loss when all weights of a
network move in balls of 1 % of their norms, after ordinary training and after training on the bound.

The bars on the networks of VNN-COMP 2021 (`mnistfc`, `acasxu`) are not run here: their files are not shipped.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ._study import Bar, Study, Trial

if TYPE_CHECKING:
    import pandas as pd

RADII = (0.02, 0.1, 0.4)
EPSILONS = (0.002, 0.005, 0.01, 0.02, 0.03, 0.05)
METHODS = ("IBP", "CROWN-IBP", "CROWN", "alpha-CROWN")


def trials(preset: Mapping[str, Any]) -> list[Trial]:
    """A trial for each random function, one of exactness, and one for each network, all seeds."""
    kinds = preset["kinds"].split(",")
    sound = [
        Trial({"part": "sound", "kind": kind, "samples": preset["samples"]}, seed=seed)
        for kind in kinds
        for seed in range(preset["functions"])
    ]
    trained = {"steps": preset["steps"], "tested": preset["tested"]}
    return [
        *sound,
        Trial({"part": "exact"}, seed=0),
        Trial({"part": "speed", "repeats": preset["repeats"]}, seed=0),
        *(
            Trial({"part": "training", "method": method, **trained}, seed=seed)
            for seed in range(preset["seeds"])
            for method in ("natural", "fused", "margins")
        ),
        *(Trial({"part": "widths", **trained}, seed=seed) for seed in range(preset["seeds"])),
        *(Trial({"part": "weights", **trained}, seed=seed) for seed in range(preset["seeds"])),
    ]


def run(trial: Trial, key: Any) -> dict[str, Any]:
    """One part."""
    from . import _certified_network as networks

    parts = {
        "sound": _sound,
        "exact": _exact,
        "training": networks.train,
        "speed": networks.time_gradients,
        "widths": networks.widths,
        "weights": networks.perturb_weights,
    }
    return parts[trial.cell["part"]](trial.cell, key)


def methods() -> dict[str, Any]:
    """What is compared, by name."""
    from perturbax import verify

    found = (verify.IBP(), verify.CROWN(verify.IBP()), verify.CROWN(), verify.AlphaCROWN(verify.CROWN(), steps=20))
    return dict(zip(METHODS, found, strict=True))


def _sound(cell: Mapping[str, Any], key: Any) -> dict[str, Any]:
    """By how much values leave their bounds, relative to 1 + |value|, and the widths."""
    import jax

    from perturbax import verify

    from ._random_functions import KINDS, extremes

    make_key, centre_key, sample_key = jax.random.split(key, 3)
    f, shape = KINDS[cell["kind"]](make_key)
    centre = jax.random.normal(centre_key, shape)
    search = jax.jit(lambda key, region: extremes(f, key, region, cell["samples"]))
    record: dict[str, Any] = {}
    for radius in RADII:
        region = verify.Box(centre - radius, centre + radius)
        low, high = (np.asarray(x, np.float64) for x in search(sample_key, region))
        bounds = {name: verify.bound(f, region, method) for name, method in methods().items()}
        outside, widths = {}, {}
        for name, found in bounds.items():
            lower, upper = np.asarray(found.lower, np.float64), np.asarray(found.upper, np.float64)
            gap = np.maximum((lower - low) / (1.0 + abs(low)), (high - upper) / (1.0 + abs(high)))
            outside[name], widths[name] = float(gap.max()), float((upper - lower).mean())
        record[f"outside {radius}"] = max(outside.values())
        record[f"unordered {radius}"] = max(
            _looser(bounds[a], bounds[b]) for a, b in (("IBP", "CROWN"), ("CROWN", "alpha-CROWN"))
        )
        for name, width in widths.items():
            record[f"width {name} {radius}"] = width
        record[f"width samples {radius}"] = float((high - low).mean())
    return record


def _looser(first: Any, second: Any) -> float:
    """By how much bounds reach beyond those that they should lie in, relative to 1 + |bound|."""
    low, high = np.asarray(first.lower, np.float64), np.asarray(first.upper, np.float64)
    below = (low - np.asarray(second.lower, np.float64)) / (1.0 + abs(low))
    above = (np.asarray(second.upper, np.float64) - high) / (1.0 + abs(high))
    return float(np.maximum(below, above).max())


def _exact(cell: Mapping[str, Any], key: Any) -> dict[str, Any]:
    """A linear function by CROWN and a monotone chain by intervals, in float64."""
    import jax
    import jax.numpy as jnp

    from perturbax import core, verify

    with core.float64():
        a, b, c, d = jax.random.split(key, 4)
        kernel, W = jax.random.normal(a, (2, 1, 3, 3)), jax.random.normal(b, (7, 50))
        centre = jax.random.normal(c, (5, 5))

        def linear(x: Any) -> Any:
            y = jax.lax.conv_general_dilated(x[None, None], kernel, (1, 1), "SAME").reshape(-1)
            return W @ (jnp.cumsum(y[::-1]) - y.mean() + 1.0)

        def chain(x: Any) -> Any:
            return jnp.sqrt(jnp.exp(jnp.tanh(2.0 * x + 1.0)) + jax.nn.relu(x) + 1.0)

        A = jax.jacobian(linear)(centre)
        exact = linear(centre) - 0.3 * jnp.abs(A).sum((1, 2))
        found = verify.bound(linear, verify.Box(centre - 0.3, centre + 0.3), verify.CROWN())
        lower = jax.random.normal(d, (20,))
        monotone = verify.bound(chain, verify.Box(lower, lower + 0.7), verify.IBP())
        return {
            "linear": float(jnp.abs(found.lower - exact).max() / jnp.abs(exact).max()),
            "chain": float(
                jnp.maximum(abs(monotone.lower - chain(lower)), abs(monotone.upper - chain(lower + 0.7))).max()
            ),
        }


def judge(table: "pd.DataFrame") -> list[Bar]:
    """Soundness, exactness, training and flatness; medians over the seeds."""
    from ._verdict import median_of, select

    sound = select(table, part="sound")

    def worst(column: str, rows: "pd.DataFrame") -> float:
        names = [name for name in rows if str(name).startswith(column)]
        return float(rows[names].max().max()) if len(rows) and names else np.nan

    def share(method: str, column: str) -> float:
        return median_of(table, column, part="training", method=method)

    widths, weights = select(table, part="widths"), select(table, part="weights")
    ratio = median_of(table, "fused seconds", part="speed") / median_of(table, "margins seconds", part="speed")
    fused, margins = (1.0 - share(name, "certified") for name in ("fused", "margins"))
    return [
        Bar("values outside of bounds, relative excess", worst("outside", sound), 1e-5, "<="),
        Bar("IBP, CROWN, alpha-CROWN: one looser than the last, relative", worst("unordered", sound), 1e-5, "<="),
        Bar("linear function: relative error of CROWN", median_of(table, "linear", part="exact"), 1e-6, "<="),
        Bar("monotone chain: error of intervals", median_of(table, "chain", part="exact"), 1e-6, "<="),
        Bar("margins of MNIST that alpha-CROWN makes worse", worst("worse", widths), 0, "<="),
        Bar("loss fusion: time of a step over that with ten rows", ratio, 0.5, "<="),
        Bar("loss fusion: certified error, difference to that of margins", abs(fused - margins), 0.03, "<="),
        Bar("ordinary training: share certified", share("natural", "certified"), 0.05, "<="),
        Bar("weights: sampled loss above the bound", worst("above", weights), 0.0, "<="),
        Bar("flat training: bound of the loss over that of ordinary", median_of(table, "flat ratio"), 0.8, "<="),
    ]


_COLORS = {
    "IBP": "#999999",
    "CROWN-IBP": "#56b4e9",
    "CROWN": "#0072b2",
    "alpha-CROWN": "#d55e00",
    "samples": "#000000",
}


def plot(table: "pd.DataFrame") -> Any:
    """Widths and proofs over the radius, and how far bounds of random functions are from what they reach."""
    from matplotlib.figure import Figure

    from ._verdict import select

    figure = Figure(figsize=(13, 4.2), layout="constrained")
    left, middle, right = figure.subplots(1, 3, width_ratios=(1, 1, 1.3))
    widths, sound = select(table, part="widths"), select(table, part="sound")
    for name, color in _COLORS.items():
        style = {"color": color, "linestyle": ":" if name == "samples" else "-", "label": name}
        if name == "samples":
            style["label"] = "reached by attacks"
        found = [widths[f"width {name} {e}"].median() for e in EPSILONS if f"width {name} {e}" in widths]
        if len(found) == len(EPSILONS):
            left.loglog(EPSILONS, found, marker="o", markersize=4, **style)
        if f"proved {name} {EPSILONS[0]}" in widths:
            middle.plot(
                EPSILONS, [widths[f"proved {name} {e}"].median() for e in EPSILONS], marker="o", markersize=4, **style
            )
    for axes in (left, middle):
        axes.set_xscale("log")
        axes.set_xticks(EPSILONS, [f"{epsilon:g}" for epsilon in EPSILONS])
        axes.minorticks_off()
    left.set(xlabel="radius of the box, pixels in [0, 1]", ylabel="width of the margins")
    left.legend(frameon=False, fontsize=8.5)
    middle.set(xlabel="radius of the box", ylabel="share of pictures proved", ylim=(-0.03, 1.03))
    kinds = list(dict.fromkeys(sound["kind"])) if len(sound) else []
    for name in METHODS:
        column = f"width {name} {RADII[1]}"
        if column in sound:
            ratios = sound[column] / sound[f"width samples {RADII[1]}"]
            right.plot(
                [ratios[sound["kind"] == kind].median() for kind in kinds], range(len(kinds)), "o", color=_COLORS[name]
            )
    right.axvline(1.0, color="0.6", linewidth=0.8, linestyle=":")
    right.set(xscale="log", xlabel=f"width over what is reached, radius {RADII[1]}")
    right.set_yticks(range(len(kinds)), kinds)
    for axes, title in ((left, "MNIST, ordinary network"), (middle, "Proved labels"), (right, "Random functions")):
        axes.set_title(title, loc="left", fontsize=10, fontweight="bold")
        axes.grid(True, which="major", color="0.9", linewidth=0.8)
        axes.spines[["top", "right"]].set_visible(False)
    return figure


_SMALL = {
    "kinds": "ReLU,GELU,SiLU,sine,pooling,residual,layer norm,attention,LSTM,GRU",
    "functions": 1,
    "samples": 100_000,
    "steps": 2000,
    "tested": 500,
    "repeats": 15,
    "seeds": 1,
}

STUDY = Study(
    slug="auto-lirpa",
    number=8,
    paper="2002.12920",
    title="Automatic Perturbation Analysis for Scalable Certified Robustness and Beyond",
    claim=(
        "Linear bounds derived automatically hold any function on a set, tighten from intervals to alpha-CROWN, and "
        "train certifiable networks at a cost that loss fusion makes independent of the number of classes."
    ),
    verb="verify.bound",
    methods=("IBP", "ForwardLinear", "CROWN", "PlainCROWN", "AlphaCROWN", "LossFusion", "MarginTraining"),
    presets={
        "smoke": {**_SMALL, "kinds": "ReLU", "samples": 1000, "steps": 20, "tested": 20, "repeats": 1},
        "small": _SMALL,
        "full": {**_SMALL, "functions": 3, "steps": 10000, "tested": 1000, "seeds": 3},
    },
    trials=trials,
    run=run,
    judge=judge,
    plot=plot,
)
