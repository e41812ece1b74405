"""Causal minimax (Liu et al. 2023, arXiv 2107.01876): which stable variables to transfer.

Three parts. "discrete": a model of four binary variables whose worst risks are known by enumeration, exact and counted
in drawn data. "classes": graphs whose numbers of equivalence classes are known. "simulation": the paper's graph of ten
variables with fixed coefficients; a seed draws the environments' mechanisms, the data and the starts of the search. The
data is synthetic: the paper's own real data is not public.
"""

import itertools
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ._study import Bar, Study, Trial

if TYPE_CHECKING:
    import pandas as pd

# Of the paper's simulation; M1 and M2 are mutable.
NAMES = ("X1", "X2", "X3", "X4", "X5", "X6", "X7", "X8", "M1", "M2")
STABLE_EDGES = (
    ("Y", "X1"), ("X6", "X1"), ("X5", "X1"), ("X6", "X5"), ("X1", "X3"), ("X3", "X2"),
    ("X8", "X2"), ("X2", "X4"), ("X7", "X4"), ("X8", "X4"), ("X8", "X7"),
)  # fmt: skip
EDGES = (*STABLE_EDGES, ("Y", "M1"), ("X3", "M2"), ("X5", "M2"), ("X8", "M2"), ("M1", "X1"))
LARGEST = 2.0  # of the factor of a mutable mechanism
BASELINES = ("pooled", "graph surgery", "anchor", "IRM", "group DRO", "ICP")
EXACT = {(): 0.21, ("X1",): 0.22004365366978113, ("X2",): 0.2, ("X1", "X2"): 0.20588437668332069}


def trials(preset: Mapping[str, Any]) -> list[Trial]:
    """The three parts; the simulation has a trial for each seed, and one for all baselines."""
    made = [Trial({"part": "classes", "longest": preset["longest"]}, seed=0), Trial({"part": "discrete exact"}, seed=0)]
    made += [Trial({"part": "discrete data", "rows": preset["rows"]}, seed=s) for s in range(preset["seeds"])]
    for s in range(preset["seeds"]):
        cell = {"environments": preset["environments"], "rows": preset["each"], "quick": preset["quick"]}
        made.append(Trial({"part": "simulation", **cell}, seed=s))
        made += [Trial({"part": "baselines", **cell}, seed=s)] if preset["baselines"] else []
    return made


def run(trial: Trial, key: Any) -> dict[str, Any]:
    """One trial of one part."""
    part = trial.cell["part"]
    if part == "classes":
        return _classes(trial.cell["longest"])
    if part == "discrete exact":
        return _discrete(_discrete_model(), key)
    if part == "discrete data":
        return _discrete(_discrete_data(trial.cell["rows"], int(trial.seed)), key)
    return (_simulation if part == "simulation" else _baselines)(trial, key)


def _classes(longest: int) -> dict[str, Any]:
    from perturbax.stats import CausalGraph, equivalence_classes

    def chain(d: int) -> CausalGraph:
        return CausalGraph(list(itertools.pairwise(["Y", *(f"X{i}" for i in range(d))])))

    readme = CausalGraph([("Y", "X1"), ("X1", "X2"), ("Y", "X3"), ("X3", "X4"), ("X1", "X3")])
    start = time.process_time()
    long = len(equivalence_classes(chain(longest), "Y"))
    return {
        "seconds": time.process_time() - start,
        "long_chain": long,
        "graph": len(equivalence_classes(CausalGraph(STABLE_EDGES), "Y")),
        "readme": len(equivalence_classes(readme, "Y")),
        "chains": sum(len(equivalence_classes(chain(d), "Y")) == d + 1 for d in range(1, 16)),
    }


def _discrete_model() -> Any:
    from perturbax.stats import CausalGraph, DiscreteModel

    p = np.array([[0.02, 0.02], [0.02, 0.5]])
    graph = CausalGraph([("X2", "y"), ("y", "M"), ("y", "X1"), ("M", "X1")])
    tables = {"X2": [0.5, 0.5], "y": [[0.4, 0.6], [0.2, 0.8]], "X1": np.stack([1 - p, p], -1)}
    return DiscreteModel(graph, tables, mutable={"M": 2})


def _discrete_data(rows: int, seed: int) -> Any:
    """Two environments that differ in P(M | y)."""
    from perturbax.stats import Environments

    model, random, made = _discrete_model(), np.random.default_rng(seed), []
    for policy in ((0.2, 0.6), (0.7, 0.3)):
        x2 = random.integers(0, 2, rows)
        y = (random.random(rows) < model.tables["y"][x2, 1]).astype(int)
        m = (random.random(rows) < np.array(policy)[y]).astype(int)
        x1 = (random.random(rows) < model.tables["X1"][y, m, 1]).astype(int)
        made.append(np.stack([x1, x2, m, y], 1).astype(float))
    table = np.concatenate(made)
    env = np.repeat([0, 1], rows)
    return Environments(table[:, :3], table[:, 3], env, names=("X1", "X2", "M"), graph=model.graph, mutable=["M"])


def _discrete(problem: Any, key: Any) -> dict[str, Any]:
    from perturbax import stats

    found = stats.robust_subset(problem, stats.CausalMinimax(mechanisms=stats.Tabular()), key=key)
    risks = {tuple(sorted(c)): float(r) for c, r in zip(found.classes, found.risks, strict=True)}
    return {
        "chosen": ", ".join(found.subset),
        "holds": int(bool(found.condition_holds)),
        "largest_error": max(abs(risks[subset] - exact) for subset, exact in EXACT.items()),
        "gap_of_best_two": float(np.diff(sorted(risks.values())[:2])[0]),
    }


def simulate(random: np.random.Generator, rows: int, factors: Any) -> tuple[np.ndarray, np.ndarray]:
    """Rows of variables and targets of one environment; `factors` multiply the mechanisms of M1 and M2."""

    def sigmoid(z: Any) -> Any:
        return 1.0 / (1.0 + np.exp(-z))

    def noise() -> Any:
        return 0.3 * random.standard_normal(rows)

    y, x6, x8 = random.standard_normal((3, rows))
    m1 = factors[0] * np.tanh(1.91 * y)
    x5 = sigmoid(0.84 * x6) + noise()
    x7 = -1.52 * x8 + noise()
    x1 = 3.0 * sigmoid(1.26 * y - 1.16 * m1 + 1.51 * x6 + 1.13 * x5) + noise()
    x3 = np.tanh(-0.95 * x1 + 1.5) + noise()
    x2 = np.tanh(1.47 * x3 - 0.64 * x8) + noise()
    x4 = sigmoid(1.42 * x2 + 0.99 * x7 + 0.72 * x8) + noise()
    m2 = factors[1] * np.tanh(1.33 * x3 - 1.2 * x5 + 0.64 * x8)
    return np.stack([x1, x2, x3, x4, x5, x6, x7, x8, m1, m2], 1), y


def _environments(trial: Trial) -> tuple[Any, list[tuple[np.ndarray, np.ndarray]]]:
    """The problem of the training environments, and the rows of the test environments."""
    from perturbax.stats import CausalGraph, Environments

    random, count, rows = np.random.default_rng(trial.seed), trial.cell["environments"], trial.cell["rows"]
    train = [simulate(random, rows, random.uniform(-LARGEST, LARGEST, 2)) for _ in range(count)]
    test = [simulate(random, 1000, random.uniform(-LARGEST, LARGEST, 2)) for _ in range(count)]
    problem = Environments(
        np.concatenate([X for X, _ in train]),
        np.concatenate([y for _, y in train]),
        np.repeat(np.arange(count), rows),
        names=NAMES,
        target="Y",
        graph=CausalGraph(EDGES, (*NAMES, "Y")),
        mutable=("M1", "M2"),
        ranges={"M1": (-LARGEST, LARGEST), "M2": (-LARGEST, LARGEST)},
    )
    return problem, test


def _worst(predict: Any, test: list[tuple[np.ndarray, np.ndarray]]) -> float:
    predicted = np.split(predict(np.concatenate([X for X, _ in test])), len(test))
    return max(float(np.mean((one - y) ** 2)) for one, (_, y) in zip(predicted, test, strict=True))


def _settings(quick: bool) -> Any:
    from perturbax.stats import Additive

    return Additive(steps=100, features=30, ascent_steps=20, restarts=1, rows=100) if quick else Additive()


def _simulation(trial: Trial, key: Any) -> dict[str, Any]:
    from perturbax import stats

    problem, test = _environments(trial)
    mechanisms = _settings(trial.cell["quick"])
    start = time.perf_counter()
    found = stats.robust_subset(problem, stats.CausalMinimax(mechanisms=mechanisms), key=key)
    seconds = time.perf_counter() - start
    # What the choice should have been.
    tested = np.array([_worst(found.predictor_of(subset), test) for subset in found.classes])
    stable = [name for name in problem.names if name not in problem.mutable]
    return {
        "seconds": seconds,
        "chosen": ", ".join(found.subset),
        "estimated": np.asarray(found.risks),
        "tested": tested,
        "chosen_risk": _worst(found.predict, test),
        "whole_risk": _worst(found.predictor_of(stable), test),
        "best_risk": float(tested.min()),
        "classes": len(found.classes),
    }


def _baselines(trial: Trial, key: Any) -> dict[str, Any]:
    from perturbax import stats

    problem, test = _environments(trial)
    methods = {
        "pooled": stats.Pooled(),
        "graph surgery": stats.GraphSurgery(mechanisms=_settings(trial.cell["quick"])),
        "anchor": stats.AnchorRegression(),
        "IRM": stats.InvariantRiskMinimization(),
        "group DRO": stats.GroupDRO(),
        "ICP": stats.InvariantCausalPrediction(),
    }
    return {name: _worst(stats.robust_subset(problem, m, key=key).predict, test) for name, m in methods.items()}


def judge(table: "pd.DataFrame") -> list[Bar]:
    """The bars of the three parts."""
    import scipy.stats

    from ._verdict import median_of, select

    def one(column: str, **cell: Any) -> float:
        return median_of(table, column, **cell)

    discrete, simulation = select(table, part="discrete data"), select(table, part="simulation")
    rank = [
        scipy.stats.spearmanr(e, t).statistic
        for e, t in zip(simulation["estimated"], simulation["tested"], strict=True)
    ]
    covered = [np.mean(e >= t - 0.03) for e, t in zip(simulation["estimated"], simulation["tested"], strict=True)]
    exact = select(table, part="discrete exact")
    fixed = "the coefficients are fixed, a seed draws environments, data and starts"
    return [
        Bar(
            "exact discrete model: largest error of the worst risks",
            one("largest_error", part="discrete exact"),
            1e-6,
            "<=",
        ),
        Bar("exact discrete model: {X2} is chosen", np.mean(exact["chosen"] == "X2"), 1, ">="),
        Bar("exact discrete model: the condition is reported to fail", one("holds", part="discrete exact"), 0, "<="),
        Bar("counted tables: largest error of the worst risks", discrete["largest_error"].max(), 0.01, "<="),
        Bar("counted tables: share of seeds that choose {X2}", np.mean(discrete["chosen"] == "X2"), 0.8, ">="),
        Bar("classes of the paper's graph", one("graph", part="classes"), 45, "in", 45),
        Bar("classes of the example of the published code", one("readme", part="classes"), 9, "in", 9),
        Bar("chains of 1 to 15 vertices with d + 1 classes", one("chains", part="classes"), 15, "in", 15),
        Bar("seconds for the classes of a chain of 60", one("seconds", part="classes"), 5, "<="),
        Bar(
            "largest test risk: chosen subset over the whole stable set",
            (simulation["chosen_risk"] / simulation["whole_risk"]).median(),
            0.80,
            "<=",
            note=f"{fixed}; in this graph the whole set is in the class of {{X1, X5, X6}}",
        ),
        Bar("rank correlation of estimated and largest test risk", np.median(rank), 0.6, ">=", note=fixed),
        Bar("share of classes whose estimate covers the test risk", np.median(covered), 0.95, ">=", note="within 0.03"),
        Bar(
            "largest test risk: chosen over the best class",
            (simulation["chosen_risk"] / simulation["best_risk"]).median(),
            1.10,
            "<=",
            note=fixed,
        ),
    ]


def plot(table: "pd.DataFrame") -> Any:
    """Left: the test risk of every class by the rank of its estimate. Right: methods by their largest test risk."""
    from matplotlib.figure import Figure

    from ._verdict import select

    simulation, baselines = select(table, part="simulation"), select(table, part="baselines")
    figure = Figure(figsize=(11, 4.3), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.4, 1))
    for i, row in enumerate(simulation.sort_values("seed").itertuples()):
        order = np.argsort(row.estimated)
        style = dict(color="#0072b2", alpha=0.9 if i == 0 else 0.25, linewidth=1.4)
        left.plot(np.arange(order.size) + 1, row.tested[order], ".-", markersize=5 if i == 0 else 0, **style)
        if i == 0:
            left.plot(np.arange(order.size) + 1, row.estimated[order], color="0.5", linestyle="--", label="estimated")
            left.axhline(row.whole_risk, color="#d55e00", linewidth=1.2, label="all stable variables")
            left.plot(1, row.chosen_risk, "o", markersize=10, color="#009e73", label=f"chosen: {row.chosen}")
    left.set(xlabel="class of subsets, by estimated worst risk", ylabel="largest mean squared error in test")
    left.set_title("One line a seed; the first one with its estimate", loc="left", fontsize=10, fontweight="bold")
    left.legend(frameon=False, fontsize=8.5)
    rows = [("chosen subset", simulation["chosen_risk"]), ("all stable", simulation["whole_risk"])]
    rows += [(name, baselines[name]) for name in BASELINES if name in baselines]
    rows.sort(key=lambda item: float(np.median(item[1])))
    for y, (name, values) in enumerate(rows):
        color = {"chosen subset": "#009e73", "all stable": "#d55e00"}.get(name, "0.55")
        right.barh(y, np.median(values), color=color, height=0.62)
        right.plot(values, np.full(len(values), y), ".", color="0.15", markersize=5)
    right.set_yticks(range(len(rows)), [name for name, _ in rows])
    right.invert_yaxis()
    right.set_xlabel("largest mean squared error in test")
    right.set_title("Methods; a dot a seed", loc="left", fontsize=10, fontweight="bold")
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    return figure


_SMALL = {
    "longest": 60,
    "rows": 20_000,
    "environments": 10,
    "each": 300,
    "seeds": 5,
    "quick": False,
    "baselines": True,
}

STUDY = Study(
    slug="causal-minimax",
    number=44,
    paper="2107.01876",
    title="Which Invariance Should We Transfer? A Causal Minimax Learning Approach",
    claim=(
        "Transferring all stable variables can lose against a worst environment; the subset that is minimax optimal is "
        "found by comparing one representative of each equivalence class."
    ),
    verb="stats.robust_subset",
    methods=(
        "CausalMinimax",
        "WholeStableSet",
        "GraphSurgery",
        "Pooled",
        "AnchorRegression",
        "InvariantRiskMinimization",
        "GroupDRO",
        "InvariantCausalPrediction",
    ),
    presets={
        "smoke": {**_SMALL, "longest": 12, "rows": 2000, "each": 40, "seeds": 1, "quick": True, "baselines": False},
        "small": _SMALL,
        "full": {**_SMALL, "environments": 20, "each": 1000, "seeds": 20},
    },
    trials=trials,
    run=run,
    judge=judge,
    plot=plot,
)
