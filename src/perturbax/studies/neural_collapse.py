"""Perturbation analysis of neural collapse (Tirer, Huang & Niles-Weed 2023, arXiv 2210.16658): a layer as a flow.

"flow": random features of ten samples a class, on the central path without decay of features. "joint": the same by the
gradient flow of features and classifier together, which need not do what the central path does. "frame": orthogonal
frames of four classes in eight dimensions with random deviations; the prediction against the minimiser at the default
weights. "weights": elasticities of the prediction for such a frame with the same deviations in all directions.

"nets": a perceptron with three hidden layers of 64 on 1700 real digits, trained for 400 epochs by Adam on the squared
loss with weight decay 5e-4, once more with four times that on the layers of features, and on the last layer. Of the
first network: its layers; the central path from ten samples a class of each layer, and of the pixels; the prediction
for the features before the last hidden layer; and the model, with the proximity that explains the second hidden layer,
asked for the third. NC1~ is the quotient of traces, NC1 the one with the pseudo-inverse.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from perturbax import dynamics, stats

from ._study import Bar, Study, Trial
from .collapsing_nets import balanced_digits, layers_of, train

if TYPE_CHECKING:
    import pandas as pd

_SIZES = tuple((classes, width) for classes in (3, 4, 10) for width in (classes, 2 * classes, 64))
_SAMPLES = 10
# A larger increase than this, relative to the value, is none of rounding.
_ROUNDING = 1e-9
_LENGTH = 1.3
_SPREADS = tuple(np.geomspace(1e-3, 1e-1, 5))
# Elasticities of an orthogonal frame at lambda_W = lambda_H = 0.05 from another implementation, by the proximity.
_KNOWN = {0.01: (-0.439, -1.142, 1.636), 0.1: (-0.230, -0.252, 0.549)}
_DECAY = 0.05
_PROXIMITIES = tuple(np.geomspace(1e-3, 10.0, 25))
_NET_DECAY, _FACTOR = 5e-4, 4.0


def trials(preset: Mapping[str, Any]) -> list[Trial]:
    """A trial for each network, each size of random features, and each of the other parts."""
    share, rest = divmod(preset["starts"], len(_SIZES))
    nets = [Trial({"part": "nets", "epochs": preset["epochs"], "width": preset["width"]}, s) for s in preset["seeds"]]
    flows = [
        Trial({"part": "flow", "classes": classes, "width": width, "starts": share + (i < rest)}, 0)
        for i, (classes, width) in enumerate(_SIZES)
        if share + (i < rest)
    ]
    others = ("joint", "frame", "weights")
    return [*nets, *flows, *(Trial({"part": part, "starts": preset["draws"]}, 0) for part in others)]


def run(trial: Trial, key: Any) -> dict[str, Any]:
    """All starts of a size, all draws of a frame, or one network."""
    parts = {"flow": _run_flow, "joint": _run_joint, "frame": _run_frame, "weights": _run_weights, "nets": _run_net}
    return parts[trial.cell["part"]](trial.cell, key)


def _increases(curve: np.ndarray) -> int:
    return int(np.count_nonzero(np.diff(curve) > _ROUNDING * curve[:-1]))


def _along(features: Any, labels: Any, method: Any, key: Any = None) -> np.ndarray:
    problem = dynamics.CollapseProblem(features, labels, feature_decay=0.0, proximity=0.0)
    return np.asarray(dynamics.flow(problem, method, key=key).metrics.nc1_trace)


def _run_flow(cell: Mapping[str, Any], key: Any) -> dict[str, Any]:
    labels = np.repeat(np.arange(cell["classes"]), _SAMPLES)
    drawn = np.asarray(jax.random.normal(key, (cell["starts"], labels.size, cell["width"])))
    curves = [_along(h, labels, dynamics.CentralPathFlow()) for h in drawn]
    return {"curves": np.stack(curves), "increases": sum(map(_increases, curves))}


def _run_joint(cell: Mapping[str, Any], key: Any) -> dict[str, Any]:
    labels, (start_key, flow_key) = np.repeat(np.arange(4), _SAMPLES), jax.random.split(key)
    drawn = np.asarray(jax.random.normal(start_key, (cell["starts"], labels.size, 8)))
    curves = [
        _along(h, labels, dynamics.JointGradientFlow(), jax.random.fold_in(flow_key, i)) for i, h in enumerate(drawn)
    ]
    return {"curves": np.stack(curves), "increases": sum(map(_increases, curves))}


def _frame(key: Any) -> np.ndarray:
    return _LENGTH * np.linalg.qr(np.asarray(jax.random.normal(key, (8, 8)), np.float64))[0][:4]


def _nc1_trace(problem: dynamics.CollapseProblem, method: Any) -> float:
    return float(dynamics.flow(problem, method).metrics.nc1_trace[0])


def _run_frame(cell: Mapping[str, Any], key: Any) -> dict[str, Any]:
    labels, exact, predicted = np.repeat(np.arange(4), _SAMPLES), [], []
    for one in jax.random.split(key, cell["starts"]):
        frame_key, spread_key = jax.random.split(one)
        means = _frame(frame_key)[labels]
        z = np.asarray(jax.random.normal(spread_key, means.shape), np.float64).reshape(4, _SAMPLES, 8)
        z = (z - z.mean(1, keepdims=True)).reshape(means.shape)
        z *= np.linalg.norm(means) / np.linalg.norm(z)
        problems = [dynamics.CollapseProblem(means + spread * z, labels) for spread in _SPREADS]
        exact.append([_nc1_trace(p, dynamics.ReducedNewton(tol=1e-12)) for p in problems])
        predicted.append([_nc1_trace(p, dynamics.CollapsePredictor()) for p in problems])
    return {"exact": np.array(exact), "predicted": np.array(predicted)}


def _run_weights(cell: Mapping[str, Any], key: Any) -> dict[str, Any]:
    frame, z = _frame(key), 1e-3 * np.concatenate([np.eye(8), -np.eye(8)])
    features, labels = np.concatenate([mean + z for mean in frame]), np.repeat(np.arange(4), len(z))

    def found(beta: float) -> list[float]:
        e = dynamics.elasticities(dynamics.CollapseProblem(features, labels, _DECAY, _DECAY, beta))
        return [e.classifier_decay, e.feature_decay, e.proximity]

    return {"known": np.array([found(beta) for beta in _KNOWN]), "map": np.array([found(b) for b in _PROXIMITIES])}


def _run_net(cell: Mapping[str, Any], key: Any) -> dict[str, Any]:
    x, labels = balanced_digits()
    raised = _FACTOR * _NET_DECAY
    decays = [(_NET_DECAY, _NET_DECAY), (raised, _NET_DECAY), (_NET_DECAY, raised)]
    nets, losses = train(cell["width"], cell["epochs"], decays, key)
    layers = [np.asarray(layer) for layer in layers_of(nets, x)]
    metrics = [[stats.collapse_metrics(layer[i], labels) for layer in layers] for i in range(len(decays))]
    pixels = stats.collapse_metrics(x, labels)
    first = [layer[0] for layer in layers]
    few = np.concatenate([np.flatnonzero(labels == label)[:_SAMPLES] for label in np.unique(labels)])
    curves = [_along(h[few], labels[few], dynamics.CentralPathFlow()) for h in (x, *first)]
    last = dynamics.CollapseProblem(first[1], labels)
    methods = {"exact": dynamics.ReducedNewton(), "predicted": dynamics.CollapsePredictor()}
    return {
        "loss": losses,
        "nc1": np.array([[float(m.nc1) for m in row] for row in metrics]),
        "nc1 trace": np.array([[float(m.nc1_trace) for m in row] for row in metrics]),
        "pixels": np.array([float(pixels.nc1), float(pixels.nc1_trace)]),
        "curves": np.stack(curves),
        "increases": np.array([_increases(curve) for curve in curves]),
        **{name: _nc1_trace(last, method) for name, method in methods.items()},
        **_next_layer(first, labels),
        "trained layer": float(dynamics.flow(last, dynamics.TrainedLayer(points=1), key=key).metrics.nc1_trace[-1]),
    }


def _next_layer(layers: Sequence[Any], labels: Any) -> dict[str, float]:
    """The proximity that explains the second layer by the first, and what it predicts for the third."""
    before, measured = dynamics.CollapseProblem(layers[0], labels), stats.collapse_metrics(layers[1], labels)
    if measured.nc1_trace >= stats.collapse_metrics(layers[0], labels).nc1_trace:
        return {"proximity": np.nan, "next layer": np.nan}
    beta = dynamics.matching_proximity(before, float(measured.nc1_trace))
    problem = dynamics.CollapseProblem(layers[1], labels, proximity=beta)
    return {"proximity": beta, "next layer": _nc1_trace(problem, dynamics.ReducedNewton())}


def judge(table: "pd.DataFrame") -> list[Bar]:
    """Monotony along the central path, the order of the prediction, elasticities, and what trained layers do."""
    from ._verdict import select

    flow, frame, weights, nets = (select(table, part=part) for part in ("flow", "frame", "weights", "nets"))
    bars = [
        Bar(
            "increases of NC1~ along the central path, random starts",
            flow["increases"].sum() if len(flow) else np.nan,
            0,
            "<=",
            note=f"{int(flow['starts'].sum()) if len(flow) else 0} starts at 201 times each",
        ),
        Bar("increases of NC1~ along the central path, real features", _real_increases(nets), 0, "<="),
        Bar("order of the error of the predicted NC1~ in the deviations", _slope(frame), 1.75, "in", upper=2.25),
        Bar("error of the predicted NC1~ for the features before the last hidden layer", _error(nets), 0.15, "<="),
        *_weight_bars(weights),
        Bar(
            "reduction of NC1~ by 4 times the decay of features over that of the last layer",
            _gain(nets, "nc1 trace"),
            1.3,
            ">=",
        ),
        Bar("the same of NC1", _gain(nets, "nc1"), 1.3, ">="),
        Bar("networks whose NC1 and NC1~ decrease from layer to layer", _monotone(nets), max(len(nets), 3), ">="),
        Bar("factor between predicted and measured NC1~ of the next layer, median", _factor(nets), 2.0, "<="),
    ]
    return bars


def _real_increases(nets: "pd.DataFrame") -> float:
    """Of all layers of all networks, and of the pixels, which are the same in all of them."""
    if not len(nets):
        return np.nan
    return float(sum(sum(found[1:]) for found in nets["increases"]) + nets["increases"].iloc[0][0])


def _slope(frame: "pd.DataFrame") -> float:
    if not len(frame):
        return np.nan
    error = np.median(np.abs(frame.iloc[0]["predicted"] / frame.iloc[0]["exact"] - 1.0), 0)
    return float(np.polyfit(np.log(_SPREADS), np.log(error), 1)[0])


def _error(nets: "pd.DataFrame") -> float:
    return float((nets["predicted"] / nets["exact"] - 1.0).abs().median()) if len(nets) else np.nan


def _weight_bars(weights: "pd.DataFrame") -> list[Bar]:
    apart, ratio = np.nan, np.nan
    if len(weights):
        wanted = np.array(list(_KNOWN.values()))
        apart = float(np.max(np.abs(weights.iloc[0]["known"] / wanted - 1.0)))
        small = np.array(_PROXIMITIES) <= _DECAY / 5.0
        found = np.abs(weights.iloc[0]["map"][small])
        ratio = float(np.min(found[:, 1] / found[:, 0]))
    return [
        Bar("elasticities of an orthogonal frame against known ones, worst of six", apart, 0.02, "<="),
        Bar("|elasticity| in lambda_H over that in lambda_W where beta <= lambda / 5, least", ratio, 2.0, ">="),
    ]


def _gain(nets: "pd.DataFrame", column: str) -> float:
    """The median over the networks of the ratio of two relative reductions in the last hidden layer."""
    if not len(nets):
        return np.nan
    last = np.stack(list(nets[column]))[:, :, -1]
    reduced = 1.0 - last[:, 1:] / last[:, :1]
    return float(np.median(reduced[:, 0] / reduced[:, 1]))


def _monotone(nets: "pd.DataFrame") -> float:
    if not len(nets):
        return np.nan
    return float(
        sum(
            (np.diff(a[0]) < 0.0).all() and (np.diff(b[0]) < 0.0).all()
            for a, b in zip(nets["nc1"], nets["nc1 trace"], strict=True)
        )
    )


def _factor(nets: "pd.DataFrame") -> float:
    if not len(nets):
        return np.nan
    measured = np.array([found[0, -1] for found in nets["nc1 trace"]])
    return float(np.median(np.exp(np.abs(np.log(nets["next layer"].to_numpy(float) / measured)))))


def plot(table: "pd.DataFrame") -> Any:
    """The variability along the path, the prediction against the minimiser, its elasticities, and trained layers."""
    from ._collapse_figure import draw

    return draw(table, _PROXIMITIES, _DECAY / 5.0)


STUDY = Study(
    slug="neural-collapse",
    number=22,
    paper="2210.16658",
    title="Perturbation Analysis of Neural Collapse",
    claim=(
        "Features that minimise the squared loss near given ones vary less within the classes, strictly so along the "
        "central path; near collapse their deviations are a fixed filter of the given ones, which tells how far each "
        "weight decay brings a layer to collapse."
    ),
    verb="dynamics.flow",
    methods=(
        "CentralPathFlow",
        "JointGradientFlow",
        "AlternatingExact",
        "ReducedNewton",
        "CollapsePredictor",
        "TrainedLayer",
    ),
    presets={
        "smoke": {"starts": 1, "draws": 1, "epochs": 2, "width": 8, "seeds": (0,)},
        "small": {"starts": 50, "draws": 20, "epochs": 400, "width": 64, "seeds": (0, 1, 2)},
        "full": {"starts": 900, "draws": 200, "epochs": 2000, "width": 512, "seeds": tuple(range(10))},
    },
    trials=trials,
    run=run,
    judge=judge,
    plot=plot,
)
