"""Dynamical stability of SGD (Wu & Su 2023, arXiv 2305.17490): SGD bounds the trace of the Hessian, GD its norm only.

"bounds": random interpolating problems of 24 gradients in 40 dimensions; the largest stable rate of the exact second
moment against the necessary conditions, for batches of 1, 2 and 8, and with gradients of one norm. "moments": the exact
`E |delta|^2` against 10^5 runs of linearised SGD over twelve steps; a longer mean is carried by runs too rare to draw.

"nets": two-layer ReLU networks of width 100 on 200 real digits, zeros and ones with 0 and 1 as targets, pixels centred
and scaled to a mean square norm of 16, from twice the usual initial weights. At the larger rates SGD diverges from
there, which is recorded. "diagonal": diagonal linear networks with 200 inputs, 60 Gaussian samples and a teacher with
five entries of +-1, from normal `a` and `b`; GD, SGD, and SGD with weight decay, label noise and sharpness-aware
minimisation, all at the same rates with batches of one. The error is relative to that of zero coefficients, so that
1 is as good as no training at all.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from perturbax import nn, optimize

from ._study import Bar, Study, Trial
from .trained_minima import OPTIMISERS, record_of, train, zeros_and_ones

if TYPE_CHECKING:
    import pandas as pd

_SAMPLES, _SIZE = 24, 40
_BATCHES = (1, 2, 8)
_FACTORS = (0.5, 0.9, 1.1)
_NET_RATES = (0.02, 0.03, 0.04, 0.08, 0.16)
_RATES = (0.001, 0.002, 0.004, 0.006, 0.008)
# At the minimum, and for a run that has at least been trained.
_CONVERGED, _TRAINED = 1e-5, 1e-3
_LINE = 1.05


def trials(preset: Mapping[str, Any]) -> list[Trial]:
    """A trial for each part and optimiser; seeds and rates of an optimiser are trained together."""
    # The longest first, so that two workers end together.
    nets = [
        {"part": "nets", "optimiser": name, "steps": preset[name], "runs": preset["net_runs"], "width": width}
        for width in preset["widths"]
        for name in ("GD", "SGD")
    ]
    diagonal = [
        {"part": "diagonal", "optimiser": name, "steps": preset["GD diagonal" if name == "GD" else "SGD diagonal"]}
        for name in OPTIMISERS
    ]
    return [
        *(Trial(cell, 0) for cell in nets),
        *(Trial({**cell, "runs": preset["diagonal_runs"]}, 0) for cell in diagonal),
        Trial({"part": "bounds", "problems": preset["problems"]}, 0),
        Trial({"part": "moments", "runs": preset["moment_runs"]}, 0),
    ]


def run(trial: Trial, key: Any) -> dict[str, Any]:
    """The bounds of all problems, all moments, or all runs of an optimiser."""
    parts = {"bounds": _run_bounds, "moments": _run_moments, "nets": _run_nets, "diagonal": _run_diagonal}
    return parts[trial.cell["part"]](trial.cell, key)


def _largest_rate(gradients: Any, batch: int, method: Any) -> float:
    return optimize.stability(optimize.LinearisedSGD(gradients, 1.0, batch), method).bound


def _run_bounds(cell: Mapping[str, Any], key: Any) -> dict[str, Any]:
    methods = {
        "exact": optimize.ExactSecondMoment(),
        "sharp": optimize.SharpBound(),
        "trace": optimize.TraceBound(),
        "top": optimize.TopEigenvalueBound(),
        "frobenius": optimize.FrobeniusBound(),
    }
    drawn = np.asarray(jax.random.normal(key, (cell["problems"], _SAMPLES, _SIZE)), np.float64)
    record: dict[str, Any] = {
        f"{name} {batch}": np.array([_largest_rate(gradients, batch, method) for gradients in drawn])
        for batch in _BATCHES
        for name, method in methods.items()
    }
    equal = drawn * (_SIZE**0.5 / np.linalg.norm(drawn, axis=-1, keepdims=True))
    exact = np.array([_largest_rate(gradients, 1, methods["exact"]) for gradients in equal])
    record["one norm"] = np.abs(exact * _SIZE / 2.0 - 1.0)
    return record


def _run_moments(cell: Mapping[str, Any], key: Any) -> dict[str, Any]:
    size, steps = 6, 12
    gradient_key, start_key, run_key = jax.random.split(key, 3)
    gradients = np.asarray(jax.random.normal(gradient_key, (size, size)))
    start = np.asarray(jax.random.normal(start_key, (size,)))
    critical = _largest_rate(gradients, 1, optimize.ExactSecondMoment())
    record: dict[str, Any] = {}
    for factor in _FACTORS:
        problem = optimize.LinearisedSGD(gradients, factor * critical)
        record[f"exact {factor}"] = optimize.second_moments(problem, start, steps)
        record[f"drawn {factor}"] = _drawn_moments(
            jnp.asarray(gradients), jnp.asarray(start), jnp.asarray(factor * critical), cell["runs"], steps, run_key
        )
    return record


@eqx.filter_jit
def _drawn_moments(gradients: Any, start: Any, rate: Any, runs: int, steps: int, key: Any) -> Any:
    def step(deviations: Any, key: Any) -> Any:
        g = gradients[jax.random.randint(key, (runs,), 0, gradients.shape[0])]
        deviations = deviations - rate * jnp.sum(g * deviations, 1, keepdims=True) * g
        return deviations, jnp.mean(jnp.sum(deviations**2, 1))

    first = jnp.broadcast_to(start, (runs, *start.shape))
    _, moments = jax.lax.scan(step, first, jax.random.split(key, steps))
    return jnp.concatenate([jnp.sum(start**2)[None], moments])


def _run_nets(cell: Mapping[str, Any], key: Any) -> dict[str, Any]:
    x, y, test_x, test_y = map(jnp.asarray, zeros_and_ones())
    net_key, key = jax.random.split(key)
    rates = jnp.tile(jnp.asarray(_NET_RATES, jnp.float32), cell["runs"])
    keys = jnp.repeat(jax.random.split(net_key, cell["runs"]), len(_NET_RATES))
    nets = jax.vmap(lambda key: nn.TwoLayerReLU(x.shape[1], cell["width"], key=key, scale=2.0))(keys)
    nets, history, steps = train(cell["optimiser"], nets, rates, x, y, cell["steps"], 10, _CONVERGED, key)
    found = jax.vmap(lambda net: jnp.mean((net(test_x) - test_y) ** 2))(nets)
    return record_of(history, steps, rates, {"error": found, "path norm": nets.path_norm})


def _run_diagonal(cell: Mapping[str, Any], key: Any) -> dict[str, Any]:
    rates, rows = jnp.asarray(_RATES, jnp.float32), []
    for seed in range(cell["runs"]):
        x_key, a_key, b_key, teacher_key, run_key = jax.random.split(jax.random.fold_in(key, seed), 5)
        x = jax.random.normal(x_key, (60, 200))
        teacher = jnp.zeros(200).at[:5].set(jax.random.rademacher(teacher_key, (5,), jnp.float32))
        start = nn.DiagonalLinear(jax.random.normal(a_key, (200,)), jax.random.normal(b_key, (200,)))
        nets = jax.tree.map(lambda leaf: jnp.tile(leaf, (len(_RATES), 1)), start)
        nets, history, steps = train(cell["optimiser"], nets, rates, x, x @ teacher, cell["steps"], 10, None, run_key)
        errors = jnp.sum((nets.coefficients - teacher) ** 2, 1) / jnp.sum(teacher**2)
        rows.append(record_of(history, steps, rates, {"error": errors, "l1": jnp.sum(jnp.abs(nets.coefficients), 1)}))
    return {name: np.stack([row[name] for row in rows]) for name in rows[0]}


def judge(table: "pd.DataFrame") -> list[Bar]:
    """Violations of exact bounds, the line `2 / eta` of networks, and the error of diagonal networks."""
    from ._verdict import select

    bars = _exact_bars(select(table, part="bounds"), select(table, part="moments"))
    bars += _net_bars(*(select(table, part="nets", optimiser=name) for name in ("SGD", "GD")))
    return bars + _diagonal_bars(*(select(table, part="diagonal", optimiser=name) for name in ("SGD", "GD")))


def _exact_bars(bounds: "pd.DataFrame", moments: "pd.DataFrame") -> list[Bar]:
    above, disordered, apart, error = np.nan, np.nan, np.nan, np.nan
    if len(bounds):
        row = bounds.iloc[0]
        # One unit in the twelfth digit is rounding.
        above = sum(int(np.sum(row[f"exact {B}"] > row[f"sharp {B}"] * (1.0 + 1e-12))) for B in _BATCHES)
        disordered = sum(int(np.sum(row[f"sharp {B}"] > row[f"trace {B}"] * (1.0 + 1e-12))) for B in _BATCHES)
        apart = float(np.max(row["one norm"]))
    if len(moments):
        row = moments.iloc[0]
        error = max(float(np.max(np.abs(row[f"drawn {f}"] / row[f"exact {f}"] - 1.0))) for f in _FACTORS)
    return [
        Bar("problems whose largest stable rate is above the sharp bound", above, 0, "<="),
        Bar("problems whose sharp bound is above the trace bound", disordered, 0, "<="),
        Bar("largest stable rate against 2 / tr H, gradients of one norm, worst", apart, 1e-6, "<="),
        Bar("drawn second moments against the exact ones, worst of 12 steps at 0.5, 0.9 and 1.1", error, 0.05, "<="),
    ]


def _net_bars(sgd: "pd.DataFrame", gd: "pd.DataFrame") -> list[Bar]:
    below, top, sharp, note = np.nan, np.nan, np.nan, ""
    if len(sgd):
        row = sgd.iloc[0]
        converged = row["loss"] <= _CONVERGED
        below = _share((row["trace"] * row["rate"] / 2.0 <= _LINE)[converged])
        note = f"{np.count_nonzero(converged)} of {converged.size} runs converged"
    if len(gd):
        row = gd.iloc[0]
        trained = row["loss"] <= _TRAINED
        top = _share((row["top"] * row["rate"] / 2.0 <= _LINE)[trained])
        largest = trained & (row["rate"] == np.max(row["rate"][trained], initial=0.0))
        sharp = _share((row["trace"] * row["rate"] / 2.0 > 1.5)[largest])
    return [
        Bar("converged SGD runs of networks with tr H <= 2 / eta (5 %), share", below, 1.0, ">=", note=note),
        Bar("GD runs of networks with lambda_max <= 2 / eta (5 %), share", top, 1.0, ">="),
        Bar("GD runs of networks at the largest rate with eta tr H / 2 > 1.5, share", sharp, 0.8, ">="),
    ]


def _share(which: np.ndarray) -> float:
    return float(np.mean(which)) if len(which) else np.nan


def _diagonal_bars(sgd: "pd.DataFrame", gd: "pd.DataFrame") -> list[Bar]:
    from scipy.stats import spearmanr

    order, ratio, below, above = np.nan, np.nan, np.nan, np.nan
    if len(sgd):
        row = sgd.iloc[0]
        order = max(float(spearmanr(r, e).statistic) for r, e in zip(row["rate"], row["error"], strict=True))
        below = float(np.max(row["trace"] * row["rate"] / 2.0))
    if len(gd):
        above = float(np.min((gd.iloc[0]["trace"] * gd.iloc[0]["rate"] / 2.0)[:, -1]))
    if len(sgd) and len(gd):
        ratio = float(np.median(sgd.iloc[0]["error"][:, -1] / gd.iloc[0]["error"][:, -1]))
    return [
        Bar("rank correlation of rate and test error, SGD on diagonal networks, worst seed", order, -0.8, "<="),
        Bar("test error of SGD over GD at eta = 0.008, median", ratio, 0.25, "<="),
        Bar("eta tr H / 2 of SGD on diagonal networks, largest", below, _LINE, "<="),
        Bar("eta tr H / 2 of GD on diagonal networks at eta = 0.008, smallest", above, 1.2, ">="),
    ]


_MARKERS = {"GD": "s", "SGD": "o", "weight decay": "v", "label noise": "^", "SAM": "D"}
_COLORS = {"GD": "#000000", "SGD": "#d55e00", "weight decay": "#009e73", "label noise": "#cc79a7", "SAM": "#0072b2"}


def plot(table: "pd.DataFrame") -> Any:
    """The trace against the rate below and above the line, the error against the rate, and how close the bounds are."""
    from matplotlib.figure import Figure

    from ._figure import legend
    from ._verdict import select

    figure = Figure(figsize=(12.5, 8.2), layout="constrained")
    axes: Any = figure.subplots(2, 2)
    nets, diagonal = select(table, part="nets"), select(table, part="diagonal")
    _draw_traces(figure, axes[0, 0], diagonal, "Diagonal linear networks", "relative test error", ("GD", "SGD"))
    _draw_traces(figure, axes[0, 1], nets, "ReLU networks on digits", "test error", ("GD", "SGD"))
    _draw_errors(axes[1, 0], diagonal)
    _draw_bounds(axes[1, 1], select(table, part="bounds"))
    for panel in axes.flat:
        legend(panel)
        panel.grid(True, which="major", color="0.9", linewidth=0.8)
        panel.spines[["top", "right"]].set_visible(False)
        panel.set_axisbelow(True)
    return figure


def _draw_traces(figure: Any, axes: Any, rows: "pd.DataFrame", title: str, label: str, names: tuple[str, ...]) -> None:
    axes.set_title(title, loc="left", fontsize=10, fontweight="bold")
    axes.set(xscale="log", yscale="log", xlabel="learning rate η", ylabel="tr H at the end")
    rows = rows[rows["optimiser"].isin(names)] if len(rows) else rows
    if not len(rows):
        return
    errors = np.concatenate([np.ravel(error) for error in rows["error"]])
    limits = {"vmin": np.nanmin(errors), "vmax": np.nanmax(errors)} if np.isfinite(errors).any() else {}
    rates = np.unique(np.concatenate([np.ravel(rate) for rate in rows["rate"]]))
    line = np.geomspace(rates[0] / 1.3, rates[-1] * 1.3, 50)
    axes.plot(line, 2.0 / line, color="0.3", linewidth=1.2, label="2 / η")
    drawn = None
    for _, row in rows.iterrows():
        name = row["optimiser"]
        # Side by side, where several points lie on one rate.
        place = np.ravel(row["rate"]) * (1.04 if name == "GD" else 0.96)
        drawn = axes.scatter(
            place,
            np.ravel(row["trace"]),
            c=np.ravel(row["error"]),
            marker=_MARKERS[name],
            s=42,
            cmap="viridis_r",
            edgecolors="0.2",
            linewidths=0.5,
            label=name,
            **limits,
        )
        lost = np.unique(np.ravel(row["rate"])[~np.isfinite(np.ravel(row["trace"]))])
        if len(lost):
            marker, height = ("+", 0.08) if name == "GD" else ("x", 0.03)
            options = {"color": "0.2", "transform": axes.get_xaxis_transform(), "label": f"{name}, a run diverged"}
            axes.plot(lost, np.full(len(lost), height), marker, **options)
    axes.set_xticks(rates, [f"{rate:g}" for rate in rates])
    axes.minorticks_off()
    figure.colorbar(drawn, ax=axes, label=label)


def _draw_errors(axes: Any, rows: "pd.DataFrame") -> None:
    axes.set_title("What the rate does to the error", loc="left", fontsize=10, fontweight="bold")
    axes.set(xlabel="learning rate η", ylabel="relative test error, median and range", yscale="log")
    axes.set_xticks(_RATES, [f"{rate:g}" for rate in _RATES])
    for _, row in rows.iterrows():
        name, rate, error = row["optimiser"], row["rate"][0], row["error"]
        axes.plot(rate, np.median(error, 0), color=_COLORS[name], marker=_MARKERS[name], linewidth=1.6, label=name)
        axes.fill_between(rate, error.min(0), error.max(0), color=_COLORS[name], alpha=0.12, linewidth=0)
    if len(rows):
        axes.axhline(1.0, color="0.4", linestyle="--", linewidth=1.0, label="zero coefficients")


def _draw_bounds(axes: Any, rows: "pd.DataFrame") -> None:
    axes.set_title("How close the bounds are", loc="left", fontsize=10, fontweight="bold")
    axes.set(ylabel="bound over the largest stable rate", yscale="log", xlabel="batch size")
    axes.set_xticks(range(len(_BATCHES)), [str(batch) for batch in _BATCHES])
    colors = {"sharp": "#d55e00", "trace": "#e69f00", "frobenius": "#009e73", "top": "#0072b2"}
    labels = {"sharp": "sharp form", "trace": "trace", "frobenius": "Frobenius norm", "top": "largest eigenvalue"}
    axes.axhline(1.0, color="0.3", linewidth=1.2)
    if not len(rows):
        return
    row = rows.iloc[0]
    for shift, (name, color) in enumerate(colors.items()):
        for place, batch in enumerate(_BATCHES):
            found = row[f"{name} {batch}"] / row[f"exact {batch}"]
            x = place + 0.12 * (shift - 1.5) + np.linspace(-0.04, 0.04, len(found))
            axes.plot(x, found, ".", color=color, markersize=3, label=labels[name] if place == 0 else None)


_SMALL = {
    "widths": (100,),
    "net_runs": 3,
    "GD": 8000,
    "SGD": 150_000,
    "diagonal_runs": 5,
    "SGD diagonal": 60_000,
    "GD diagonal": 4000,
    "problems": 100,
    "moment_runs": 100_000,
}

STUDY = Study(
    slug="sgd-stability",
    number=41,
    paper="2305.17490",
    title="The Implicit Regularization of Dynamical Stability in Stochastic Gradient Descent",
    claim=(
        "Where SGD can stay, the trace of the Hessian is at most 2 / eta, while gradient descent bounds its largest "
        "eigenvalue only; so a larger learning rate of SGD, and not of gradient descent, gives minima that generalise."
    ),
    verb="optimize.stability",
    methods=("ExactSecondMoment", "SharpBound", "TraceBound", "TopEigenvalueBound", "FrobeniusBound"),
    presets={
        "smoke": {
            "widths": (8,),
            "net_runs": 1,
            "GD": 20,
            "SGD": 200,
            "diagonal_runs": 1,
            "SGD diagonal": 200,
            "GD diagonal": 50,
            "problems": 2,
            "moment_runs": 1000,
        },
        "small": _SMALL,
        "full": {
            **_SMALL,
            "widths": (100, 1000, 10_000),
            "net_runs": 5,
            "GD": 30_000,
            "SGD": 500_000,
            "diagonal_runs": 20,
            "problems": 1000,
        },
    },
    trials=trials,
    run=run,
    judge=judge,
    plot=plot,
)
