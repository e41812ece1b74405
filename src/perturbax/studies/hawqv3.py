"""HAWQ-V3 (Yao et al. 2021, arXiv 2011.10680): integers from end to end, with bits where the Hessian asks for them.

Networks on 5,000 digits of MNIST, 4,000 for training: an MLP 784-128-96-64-48-32-10 and a convolutional network with a
residual addition, by Adam at 1e-3 with batches of 64 for 12 epochs.

"integers": both networks with 8 and 4 bits everywhere; accuracy on the test part, the classes that integers and float32
requantisation agree on, and the floating-point equations in the jaxpr of inference. "bits": the MLP with weights
rounded per channel to 2, 3, 4 or 8 bits, all six layers free, activations as they are, and the loss on the training
part. The random allocations are drawn from all 4^6, near a size from those within 10 % of it. "baselines": what every
method chooses with a part of the data, for one seed; the losses are those of the whole training part.
"""

import itertools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from perturbax import core, optimize

from ._quantized_networks import NETWORKS, digits, missed, train
from ._study import Bar, Study, Trial

if TYPE_CHECKING:
    import pandas as pd

_WIDTHS = (2, 3, 4, 8)
_AVERAGES = (2.5, 4.0)
_SHARES = (0.02, 0.05, 0.083, 0.12, 0.17, 0.25, 0.333, 0.5, 0.75)


def trials(preset: Mapping[str, Any]) -> list[Trial]:
    """One for each seed of a network and of the bits, and one for all methods."""
    common = {"epochs": preset["epochs"], "samples": preset["samples"]}
    bits = {"part": "bits", "ranked": preset["ranked"], "near": preset["near"], "probes": preset["probes"], **common}
    integers = [{"part": "integers", "network": name, **common} for name in NETWORKS]
    seeds = range(preset["seeds"])
    # The longest first, so that two workers end together.
    return [
        Trial({"part": "baselines", "calibration": preset["calibration"], **common}, 0),
        *(Trial(cell, seed) for cell in (bits, *reversed(integers)) for seed in seeds),
    ]


def run(trial: Trial, key: Any) -> dict[str, Any]:
    """Accuracies and agreement of a network in integers, or the losses of allocations."""
    parts = {"integers": _run_integers, "bits": _run_bits, "baselines": _run_baselines}
    return parts[trial.cell["part"]](trial.cell, key)


def _run_integers(cell: Mapping[str, Any], key: Any) -> dict[str, Any]:
    x, _, x_test, labels_test = digits(cell["samples"])
    model = train(cell["network"], cell["epochs"], cell["samples"], key)
    problem = optimize.QuantizationProblem(model, x, fixed={})
    exact = np.asarray(jax.jit(jax.vmap(model))(x_test)).argmax(1)
    record: dict[str, Any] = {"float32": float((exact == labels_test).mean())}
    for bits in (8, 4):
        ours, theirs = (
            optimize.quantize(problem, method(bits), key=key)
            for method in (optimize.UniformBits, optimize.FloatRequantization)
        )
        codes = ours.encode(x_test)
        found = [np.asarray(optimize.integer_apply(model, codes)).argmax(1) for model in (ours, theirs)]
        record[f"integers {bits}"] = float((found[0] == labels_test).mean())
        record[f"float requantisation {bits}"] = float((found[1] == labels_test).mean())
        record[f"agreement {bits}"] = float((found[0] == found[1]).mean())
        record[f"floats {bits}"] = len(core.find_floats(lambda c, q=ours: optimize.integer_apply(q, c), codes))
    return record


def _problem(model: Any, x: Any, labels: Any, **options: Any) -> optimize.QuantizationProblem:
    return optimize.QuantizationProblem(model, x, labels, bits=_WIDTHS, fixed={}, **options)


def _run_bits(cell: Mapping[str, Any], key: Any) -> dict[str, Any]:
    x, labels, x_test, labels_test = digits(cell["samples"])
    model = train("mlp", cell["epochs"], cell["samples"], key)
    problem, seen = _problem(model, x, labels), _problem(model, x_test, labels_test, loss=missed)
    parameters = np.array([layer.parameters for layer in problem.layers])
    every = np.array(list(itertools.product(_WIDTHS, repeat=len(parameters))))
    sizes = every @ parameters / 8.0
    omega, stats = optimize.Hawq(trace_probes=cell["probes"]).perturbation(problem, key)
    predicted = omega[np.arange(len(parameters)), np.searchsorted(_WIDTHS, every)].sum(1)
    uniform = np.array([[b] * len(parameters) for b in _WIDTHS])
    budgets = [optimize.Budget(size=average * parameters.sum() / 8.0) for average in _AVERAGES]
    budgets += [optimize.Budget(size=optimize.Share(share)) for share in _SHARES]
    chosen, over = _by_program(model, x[:1], omega, budgets, predicted, sizes)
    random = np.random.default_rng(np.asarray(jax.random.bits(key, (4,))))
    groups = {"ranked": random.choice(len(every), cell["ranked"], replace=False)}
    for average in _AVERAGES:
        close = np.flatnonzero(np.abs(sizes / (average * parameters.sum() / 8.0) - 1.0) <= 0.1)
        groups[f"near {average:g}"] = random.choice(close, min(cell["near"], len(close)), replace=False)
    rows = {"program": chosen, "uniform": uniform, **{name: every[index] for name, index in groups.items()}}
    together, base = np.concatenate(list(rows.values())), float(problem.mean_loss())
    increases, errors = problem.losses(together) - base, seen.losses(together)
    ends = np.cumsum([len(part) for part in rows.values()])[:-1]
    record: dict[str, Any] = {"products": stats["evaluations"], "over exhaustion": over}
    for name, part, increase, error in zip(
        rows, rows.values(), np.split(increases, ends), np.split(errors, ends), strict=True
    ):
        record |= {
            f"{name} increase": increase,
            f"{name} accuracy": 1.0 - error,
            f"{name} size": part @ parameters / 8.0,
        }
    record["predicted"] = predicted[groups["ranked"]]
    return record


def _by_program(
    model: Any, x: Any, omega: np.ndarray, budgets: list[optimize.Budget], predicted: np.ndarray, sizes: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The allocations of the linear program, and how much more each perturbs than the best of all does."""
    chosen, over = [], []
    for budget in budgets:
        problem = _problem(model, x, None, budget=budget)
        bits = optimize.GivenPerturbation(omega).allocate(problem, jax.random.key(0)).bits
        spent = sum(layer.parameters * b / 8.0 for layer, b in zip(problem.layers, bits, strict=True))
        costs = budget.costs(problem.layers, problem.bits)
        limit = budget.limits(costs, np.ones_like(costs["size"], bool))["size"]
        value = omega[np.arange(len(bits)), np.searchsorted(_WIDTHS, bits)].sum()
        best = predicted[sizes <= limit * (1.0 + 1e-12)].min()
        over.append(float(value / best - 1.0) if spent <= limit * (1.0 + 1e-12) else np.inf)
        chosen.append(bits)
    return np.array(chosen), np.array(over)


def _run_baselines(cell: Mapping[str, Any], key: Any) -> dict[str, Any]:
    """Every method on a part of the data, and what the loss on all of them does at one size."""
    x, labels, *_ = digits(cell["samples"])
    model = train("mlp", cell["epochs"], cell["samples"], key)
    part = np.linspace(0, len(x) - 1, min(cell["calibration"], len(x))).astype(int)
    whole = _problem(model, x, labels)
    bits = {}
    for name, method in _METHODS.items():
        for average in _AVERAGES:
            budget = optimize.Budget(size=average * sum(layer.parameters for layer in whole.layers) / 8.0)
            problem = _problem(model, x[part], labels[part], budget=budget)
            bits[f"{name} {average:g}"] = method.allocate(problem, key).bits
    increases = whole.losses(np.array(list(bits.values()))) - float(whole.mean_loss())
    return {
        **dict(zip(bits, map(float, increases), strict=True)),
        **{f"bits {n}": np.array(b) for n, b in bits.items()},
    }


_METHODS = {
    "HAWQ-V3": optimize.Hawq(),
    "largest eigenvalue": optimize.TopEigenvalueBits(),
    "divergence": optimize.DivergenceBits(),
    "largest first": optimize.LargestFirstBits(),
}


def judge(table: "pd.DataFrame") -> list[Bar]:
    """Accuracy, agreement and floats of integer inference; ranks, losses and optimality of allocations."""
    from scipy.stats import spearmanr

    from ._verdict import select

    bars = []
    for network in NETWORKS:
        rows = select(table, part="integers", network=network)
        lost = (rows["float32"] - rows["integers 8"]).median() if len(rows) else np.nan
        agreed = rows["agreement 8"].median() if len(rows) else np.nan
        floats = rows[["floats 8", "floats 4"]].to_numpy().max() if len(rows) else np.nan
        bars += [
            Bar(f"accuracy lost by 8 bits in integers, {network}, median", lost, 0.005, "<="),
            Bar(f"test images on which integers and float requantisation agree, {network}", agreed, 0.998, ">="),
            Bar(f"floating-point equations in the jaxpr of inference, {network}", floats, 0, "<="),
        ]
    rows = select(table, part="bits")
    rank, near, uniform, over = np.nan, dict.fromkeys(_AVERAGES, np.nan), np.nan, np.nan
    if len(rows):
        pairs = zip(rows["predicted"], rows["ranked increase"], strict=True)
        rank = float(np.median([spearmanr(p, i).statistic for p, i in pairs]))
        ours = np.stack(list(rows["program increase"]))
        for i, average in enumerate(_AVERAGES):
            drawn = np.median(np.stack(list(rows[f"near {average:g} increase"])), 1)
            near[average] = float(np.median(ours[:, i] / drawn))
        four = np.stack(list(rows["uniform increase"]))[:, _WIDTHS.index(4)]
        uniform = float(np.median(ours[:, _AVERAGES.index(4.0)] / four))
        over = float(np.max(np.stack(list(rows["over exhaustion"]))))
    return [
        *bars,
        Bar("rank correlation of predicted and real loss increase, median", rank, 0.80, ">="),
        *(
            Bar(f"loss increase at {average:g} bits on average over that of random ones, median", value, 0.5, "<=")
            for average, value in near.items()
        ),
        Bar("loss increase at the size of 4 bits everywhere over that of 4 bits, median", uniform, 1.0, "<="),
        Bar(
            "excess of the linear program over the best of all 4096, worst", over, 1e-12, "<=", note="rounding of sums"
        ),
    ]


def plot(table: "pd.DataFrame") -> Any:
    """Accuracy against size, predicted against real increases, the methods at one size, and integers against floats."""
    from matplotlib.figure import Figure

    from ._quantization_figure import draw_accuracies, draw_front, draw_methods, draw_ranks
    from ._verdict import select

    figure = Figure(figsize=(12.5, 8.4), layout="constrained")
    axes: Any = figure.subplots(2, 2)
    draw_front(axes[0, 0], select(table, part="bits"))
    draw_ranks(axes[0, 1], select(table, part="bits"))
    draw_methods(axes[1, 0], select(table, part="baselines"), tuple(_METHODS), _AVERAGES)
    draw_accuracies(axes[1, 1], select(table, part="integers"), NETWORKS)
    return figure


_SMALL = {"epochs": 12, "samples": 4000, "seeds": 5, "ranked": 80, "near": 40, "probes": 16, "calibration": 500}

STUDY = Study(
    slug="hawqv3",
    number=21,
    paper="2011.10680",
    title="HAWQV3: Dyadic Neural Network Quantization",
    claim=(
        "A network runs in integers only, its scales changed by dyadic numbers, without loss of accuracy at 8 bits; "
        "and the Hessian's traces with an integer linear program tell which layers can do with fewer bits."
    ),
    verb="optimize.quantize",
    methods=(
        "Hawq",
        "GivenPerturbation",
        "UniformBits",
        "FloatRequantization",
        "RandomBits",
        "LargestFirstBits",
        "TopEigenvalueBits",
        "DivergenceBits",
    ),
    presets={
        "smoke": {
            **_SMALL,
            "epochs": 1,
            "samples": 128,
            "seeds": 1,
            "ranked": 4,
            "near": 2,
            "probes": 2,
            "calibration": 16,
        },
        "small": _SMALL,
        "full": {**_SMALL, "epochs": 60, "seeds": 20, "ranked": 1000, "near": 400, "probes": 300, "calibration": 4000},
    },
    trials=trials,
    run=run,
    judge=judge,
    plot=plot,
)
