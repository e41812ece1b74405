"""Programs found by evolution (Real et al. 2023, arXiv 2312.08472): `2^x` on `[0, 1]` from `+`, `-`, `x` and `/`.

Three parts. "search": an evolution and a random search of equal cost, the largest relative error with at most so many
operations; the seed draws both. "classical": the same errors of Taylor and Chebyshev polynomials, minimax polynomials,
Padé approximants and minimax quotients. "float32": an evolution with more operations, whose programs are computed in
float32 on every number of a fine set, and timed against the shortest minimax polynomial that is as accurate there.
"""

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ._study import Bar, Study, Trial

if TYPE_CHECKING:
    import pandas as pd

BUDGETS = (3, 4, 5, 6)
SEARCHES = ("Evolution", "RandomProgramSearch")
FRESH = 10**6  # points of the validation
FLOAT32 = 2**20  # numbers on which programs are tried and timed in float32


def trials(preset: Mapping[str, Any]) -> list[Trial]:
    """A trial for each search and seed; the classical methods and float32 once."""
    search = {"generations": preset["generations"], "operations": preset["operations"]}
    made = [
        Trial({"part": "search", "method": method, **search}, seed)
        for seed in range(preset["seeds"])
        for method in SEARCHES
    ]
    made.append(Trial({"part": "float32", "generations": preset["float32"], "operations": 8}, 0))
    made.append(Trial({"part": "classical"}, 0))
    return made


def run(trial: Trial, key: Any) -> dict[str, Any]:
    """One part."""
    return {"search": _search, "classical": _classical, "float32": _float32}[trial.cell["part"]](trial.cell, key)


def _target(**options: Any) -> Any:
    import jax.numpy as jnp

    from perturbax import approximate

    return approximate.Target(jnp.exp2, 0.0, 1.0, **options)


def _search(cell: Mapping[str, Any], key: Any) -> dict[str, Any]:
    from perturbax import approximate

    method: Any = {
        "Evolution": approximate.Evolution(max_operations=cell["operations"], generations=cell["generations"]),
        # One more generation, because the first population of the evolution is measured too.
        "RandomProgramSearch": approximate.RandomProgramSearch(
            max_operations=cell["operations"], generations=cell["generations"] + 1
        ),
    }[cell["method"]]
    target = _target()
    front = approximate.discover(target, method, key=key, progress=False)
    fresh = np.random.default_rng(0).random(FRESH)
    at_fresh = np.array([target.errors(program, fresh).max() for program in front.programs])
    within = [front.error[front.operations <= n].min(initial=np.inf) for n in range(cell["operations"] + 1)]
    proved = [approximate.certify(program, target, cells=2**13).bound for program in front.programs]
    return {
        "within": np.array(within),
        "gap": float((at_fresh / front.training_error).max()),
        "proved": np.array(proved),
        "proved_over_error": float((np.array(proved) / front.error)[-1]),
        "first_operations": front.stats["first_operations"],
        "evaluations": front.stats["evaluations"] * front.stats["points"],
        "program": front.programs[-1].to_latex(6),
    }


def _classical(cell: Mapping[str, Any], key: Any) -> dict[str, Any]:
    from perturbax import approximate

    families = {
        "Taylor": [approximate.Taylor(d) for d in (1, 2, 3, 4)],
        "Chebyshev": [approximate.Chebyshev(d) for d in (1, 2, 3, 4)],
        "Remez": [approximate.Remez(d) for d in (1, 2, 3, 4)],
        "Padé": [approximate.Pade(m, n) for m, n in ((0, 1), (1, 1), (2, 1))],
        "minimax quotient": [approximate.RationalMinimax(m, n) for m, n in ((0, 1), (1, 1), (2, 1))],
    }
    found: dict[str, Any] = {}
    for name, methods in families.items():
        fits = [approximate.fit(_target(), method) for method in methods]
        found[f"operations {name}"] = np.array([fit.stats["operations"] for fit in fits])
        found[f"error {name}"] = np.array([fit.error for fit in fits])
    return found


def _float32(cell: Mapping[str, Any], key: Any) -> dict[str, Any]:
    """Errors in float32 in units in the last place of 1.5, and the time of the best over that of a polynomial."""
    import jax

    from perturbax import approximate

    unit = approximate.ULPError()
    double, single = _target(unit=unit), _target(unit=unit, dtype="float32")
    method = approximate.Evolution(max_operations=cell["operations"], generations=cell["generations"])
    front = approximate.discover(double, method, key=key, progress=False)
    x = (np.arange(FLOAT32, dtype=np.float64) / FLOAT32).astype(np.float32).astype(np.float64)
    errors = np.array([single.errors(program, x).max() for program in front.programs])
    found = {"float32_operations": front.operations, "float32_errors": errors, "float64_errors": front.error}
    best = front.programs[int(np.argmin(errors))]
    # The shortest polynomial that is as accurate in float32; when none is, the most accurate.
    polynomials = [approximate.fit(double, approximate.Remez(degree)).function for degree in (3, 4, 5, 6, 7)]
    theirs = np.array([single.errors(program, x).max() for program in polynomials])
    enough = np.flatnonzero(theirs <= errors.min())
    chosen = int(enough[0]) if enough.size else int(theirs.argmin())
    polynomial = polynomials[chosen]
    found |= {"polynomial_operations": polynomial.operations, "polynomial_error": float(theirs[chosen])}
    with jax.enable_x64(False):
        xs = jax.numpy.asarray(x.astype(np.float32))
        compiled = [jax.jit(f) for f in (best, polynomial, jax.numpy.exp2)]
        seconds = np.array([[_timed(f, xs) for f in compiled] for _ in range(31)])
    evolved, horner, exp2 = np.median(seconds, 0)
    return {
        **found,
        "float32_best": float(errors.min()),
        "time_over_polynomial": float(evolved / horner),
        "time_over_exp2": float(evolved / exp2),
    }


def _timed(f: Any, x: Any) -> float:
    start = time.perf_counter()
    f(x).block_until_ready()
    return time.perf_counter() - start


def judge(table: "pd.DataFrame") -> list[Bar]:
    """The bars of the specification."""
    from ._verdict import select

    evolved = select(table, part="search", method="Evolution").sort_values("seed")
    random = select(table, part="search", method="RandomProgramSearch").sort_values("seed")
    within = np.stack(list(evolved["within"]))
    classical = select(table, part="classical").iloc[0]
    single = select(table, part="float32")
    bars = [
        Bar("4 operations: share of seeds with error <= 3.3e-4", np.mean(within[:, 4] <= 3.3e-4), 0.6, ">="),
        Bar("6 operations: share of seeds with error <= 3e-5", np.mean(within[:, 6] <= 3e-5), 0.6, ">="),
        Bar("6 operations: error of the best seed", within[:, 6].min(), 5e-6, "<="),
    ]
    costs, errors = classical["operations Remez"], classical["error Remez"]
    for budget in BUDGETS:
        polynomial = errors[costs <= budget].min()
        ratio = float(np.median(within[:, budget]) / polynomial)
        bars.append(Bar(f"{budget} operations: error over that of the minimax polynomial", ratio, 1.0, "<="))
    by_random = np.stack(list(random["within"]))
    ratio = float(np.median(within[:, 5] / by_random[:, 5]))
    bars.append(Bar("5 operations: error over that of random search", ratio, 0.5, "<=", note="median over the seeds"))
    bars += [
        Bar("operations in the first population", evolved["first_operations"].max(), 0, "<="),
        Bar("error on a million fresh points over the training error", evolved["gap"].max(), 1.05, "<="),
        Bar("float32: error of the best program, ULP", _one(single, "float32_best"), 1.0, "<="),
        Bar(
            "float32: its time over that of the minimax polynomial",
            _one(single, "time_over_polynomial"),
            1.0,
            "<=",
            note="the shortest that is as accurate in float32, or the most accurate when none is",
        ),
    ]
    return bars


def _one(rows: "pd.DataFrame", column: str) -> float:
    return float(rows[column].iloc[0]) if len(rows) else np.nan


def plot(table: "pd.DataFrame") -> Any:
    """Error against operations: what was found as stairs, and the classical methods."""
    from matplotlib.figure import Figure

    from ._figure import legend
    from ._verdict import select

    figure = Figure(figsize=(7.4, 4.8), layout="constrained")
    axes = figure.subplots()
    classical = select(table, part="classical").iloc[0]
    styles = {
        "Taylor": ("#999999", "v"),
        "Chebyshev": ("#56b4e9", "s"),
        "Remez": ("#0072b2", "o"),
        "Padé": ("#e69f00", "^"),
        "minimax quotient": ("#cc79a7", "D"),
    }
    for name, (color, marker) in styles.items():
        label = {"Remez": "minimax polynomial", "Chebyshev": "Chebyshev polynomial", "Taylor": "Taylor polynomial"}
        axes.plot(
            classical[f"operations {name}"],
            classical[f"error {name}"],
            linestyle=":",
            color=color,
            marker=marker,
            markersize=5,
            linewidth=1.0,
            label=label.get(name, name),
        )
    for method, color, label in (
        ("RandomProgramSearch", "0.4", "random search, equal cost"),
        ("Evolution", "#d55e00", "evolution"),
    ):
        for i, within in enumerate(select(table, part="search", method=method).sort_values("seed")["within"]):
            shown = np.where(np.isfinite(within), within, np.nan)
            axes.step(range(len(within)), shown, where="post", color=color, linewidth=1.5, label=None if i else label)
    axes.set(yscale="log", xlabel="operations", ylabel="largest relative error of 2^x on [0, 1]")
    axes.set_title("Programs from nothing, every seed a line", loc="left", fontsize=10, fontweight="bold")
    axes.grid(True, color="0.92", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    legend(axes)
    return figure


_SMALL = {"generations": 400, "operations": 6, "float32": 200, "seeds": 3}

STUDY = Study(
    slug="autonumerics",
    number=35,
    paper="2312.08472",
    title="AutoNumerics-Zero: Automated Discovery of State-of-the-Art Mathematical Functions",
    claim=(
        "Evolution from empty code finds programs for 2^x that are more accurate than minimax polynomials and random "
        "search at equal cost, and one below one unit in the last place in float32."
    ),
    verb="approximate.discover",
    methods=(
        "Evolution",
        "RandomProgramSearch",
        "Remez",
        "RationalMinimax",
        "Chebyshev",
        "Taylor",
        "Pade",
    ),
    presets={
        "smoke": {**_SMALL, "generations": 2, "float32": 1, "seeds": 1},
        "small": _SMALL,
        "full": {**_SMALL, "generations": 30_000, "operations": 10, "float32": 5000, "seeds": 5},
    },
    trials=trials,
    run=run,
    judge=judge,
    plot=plot,
    precision="float64",
)
