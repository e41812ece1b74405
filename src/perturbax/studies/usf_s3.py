"""USF and S^3 (Liu et al. 2024, arXiv 2312.07243): a searched solver schedule against the best hand-made solver.

The model is the mixture fitted on the real digits, whose denoiser is exact; scores are the median over samples of the
root mean square distance to the fine solution from the same noise, from t = 1 to t = 1e-3. Searches see 96 starts, the
best ten are compared on 96 others, and what is reported is measured on 256 more. "Known" solvers are DDIM, DPM-Solver
and DPM-Solver++ (2M in both forms, exact 3M, 2S, 3S) and UniPC on four grids; the best is chosen on the 96 starts, too.
The preset `full` also searches the network trained on MNIST for the Frechet distance in features of a classifier; that
has no bars.
"""

import functools
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from perturbax import core, diffusion

from ._study import Bar, Study, Trial
from .exact_diffusion import digits, mixture_problem

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

_SEARCHES: tuple[Any, ...] = (diffusion.S3, diffusion.Evolution, diffusion.RandomSearch, diffusion.GradientTimes)
_METHODS = {method.__name__: method for method in _SEARCHES}
_UNSEEN = 64  # schedules that the predictor is asked for and that it was not trained on


def trials(preset: Mapping[str, Any]) -> list[Trial]:
    """The grid: searches at two costs, known solvers at more, and the equivalence of solvers and their schedules."""
    grid = [Trial(cell, seed) for part in preset["parts"] for cell, seeds in _cells(part) for seed in range(seeds)]
    # What follows from the coefficients has no seed.
    equivalent = [{"problem": "equivalence", "method": method, "steps": 10} for method in preset["equivalent"]]
    return [*grid, *(Trial({**cell, "budget": 0, "samples": 8, "test": 8}, 0) for cell in equivalent)]


def _cells(part: Mapping[str, Any]) -> Iterator[tuple[dict[str, Any], int]]:
    """The cells of a problem, each with its number of seeds."""
    common, seeds = {name: part[name] for name in ("problem", "samples", "test")}, part["seeds"]
    for steps, budget in part["searches"]:
        yield {**common, "method": "S3", "steps": steps, "budget": budget}, seeds
    steps, budget = part["searches"][0]
    for method in part["baselines"]:
        yield {**common, "method": method, "steps": steps, "budget": budget}, seeds
    for method in ("S3", "Evolution") if part["short"] else ():
        yield {**common, "method": method, "steps": steps, "budget": part["short"]}, part["short_seeds"]
    for steps in part["known"]:
        yield {**common, "method": "known", "steps": steps, "budget": 0}, 1


def run(trial: Trial, key: Any) -> dict[str, Any]:
    """One search, the known solvers at one cost, or the equivalence of one of them."""
    cell = trial.cell
    if cell["problem"] == "equivalence":
        return _run_equivalence(cell, key)
    problem, score, final = _problem(cell["problem"])
    if cell["method"] == "known":
        return _run_known(cell, key, problem, score, final)
    sizes = {"samples": cell["samples"], "validation": cell["samples"], "test": cell["test"]}
    method = _METHODS[cell["method"]](steps=cell["steps"], budget=cell["budget"], final=final)
    found = diffusion.search(problem, method, key=key, score=score, progress=False, **sizes)
    record = {
        "error": found.test_score,
        "validation": found.validation_score,
        "preset": found.preset,
        "preset_error": found.preset_test_score,
        "ratio": found.test_score / found.preset_test_score,
        "evaluations": int(found.stats["evaluations"]),
        "history": found.history.astype(np.float32),
        "costs": found.costs,
        "schedule": found.schedule.to_json(),
    }
    if isinstance(method, diffusion.S3):
        record["rank_correlation"] = _unseen_correlation(method, found, problem, score, key, cell)
    return record


def _problem(name: str) -> tuple[diffusion.Sampling, Any, Any]:
    if name == "digits":
        problem = mixture_problem(digits("float32"), diffusion.VPLinear())
        return problem, diffusion.TrajectoryError(steps=900), "eps"
    from perturbax import data

    train, _ = data.reference_split("mnist")
    classifier = data.digit_classifier("mnist")

    def features(x: Any) -> Any:
        return classifier.features(jnp.asarray(x, jnp.float32).reshape(len(x), -1))

    process = diffusion.EDM()
    model = diffusion.FromDenoiser(data.mnist_denoiser(), process)
    problem = diffusion.Sampling(model, process, shape=train.card.shape, prediction=diffusion.Data())
    return problem, diffusion.Frechet(features, train.flat), "zero"


def _unseen_correlation(method: Any, found: Any, problem: Any, score: Any, key: Any, cell: Mapping[str, Any]) -> float:
    """Spearman's correlation of the predictor, trained on all that the search has scored, on fresh children."""
    from scipy.stats import spearmanr

    children = method.children(found, problem, _UNSEEN, seed=1)
    true = diffusion.score_schedules(problem, children, key=key, score=score, samples=cell["samples"])
    return float(spearmanr(method.ranking(found, problem)(children), true).statistic)


def _run_known(cell: Mapping[str, Any], key: Any, problem: Any, score: Any, final: Any) -> dict[str, Any]:
    known = diffusion.known_schedules(cell["steps"], problem.process, final)
    scores = diffusion.score_schedules(problem, list(known.values()), key=key, score=score, samples=cell["test"])
    best = int(np.argmin(scores))
    return {
        "error": float(scores[best]),
        "preset": list(known)[best],
        "evaluations": cell["steps"],
        "names": "\n".join(known),
        "scores": np.array(scores, np.float32),
    }


def _run_equivalence(cell: Mapping[str, Any], key: Any) -> dict[str, Any]:
    """The largest difference between a known solver in its variants and its schedules, in float64."""
    worst = 0.0
    with core.float64():
        problem = mixture_problem(digits("float64"), diffusion.VPLinear())
        x_T = jax.random.normal(key, (cell["samples"], 64), np.float64)
        for method in _variants(cell["method"], cell["steps"]):
            schedule = diffusion.solver_schedule(method, problem.process)
            direct, ours = (diffusion.sample(problem, m, x_T=x_T).x for m in (method, diffusion.USF(schedule)))
            worst = max(worst, float(np.abs(direct - ours).max()))
    return {"error": worst, "evaluations": cell["steps"]}


def _variants(solver: str, steps: int) -> list[diffusion.AbstractPlanned]:
    if solver == "DDIM":
        return [diffusion.DDIM(steps)]
    build = functools.partial({"DPMSolver": diffusion.DPMSolver, "DPMSolverPP": diffusion.DPMSolverPP}[solver], steps)
    exact = diffusion.Multistep(third="exact", lower_order_final=False)
    return [
        build(order=order, stepping=stepping, solver_type=kind)
        for kind in ("midpoint", "taylor")
        for stepping in (exact, diffusion.FixedSinglestep())
        for order in (2, 3)
    ]


def judge(table: "pd.DataFrame") -> list[Bar]:
    """The bars of what a search gains, of overfitting, of the predictor, and of the known solvers."""
    from ._verdict import median_of, ratio, select

    unmeasured = "set before it was first measured, and kept"
    cells = {steps: dict(problem="digits", method="S3", steps=steps, budget=300) for steps in (5, 8)}
    bars = [
        Bar(
            f"error of the schedule of S3 over the best known solver's, {steps} evaluations, budget 300",
            median_of(table, "ratio", **cell),
            threshold,
            "<=",
        )
        for (steps, cell), threshold in zip(cells.items(), (0.6, 0.5), strict=True)
    ]
    over = [_median_quotient(select(table, **cell), "error", "validation") for cell in cells.values()]
    bars.append(Bar("error on the test noise over that on the validation noise", float(np.max(over)), 1.25, "<="))
    short = dict(problem="digits", steps=5, budget=_DIGITS["short"])
    bars.append(
        Bar(
            f"error of S3 over that of evolution without a predictor, 5 evaluations, budget {_DIGITS['short']}",
            ratio(table, "error", "S3", "Evolution", **short),
            1.05,
            "<=",
            note=unmeasured,
        )
    )
    bars.append(
        Bar(
            "Spearman correlation of the predictor on unseen schedules, 5 evaluations, budget 300",
            median_of(table, "rank_correlation", **cells[5]),
            0.5,
            ">=",
            note=unmeasured,
        )
    )
    bars.append(
        Bar(
            "largest difference between known solvers and their schedules, float64",
            _largest(select(table, problem="equivalence")),
            1e-10,
            "<=",
        )
    )
    return bars


def _largest(rows: "pd.DataFrame") -> float:
    complete = len(rows) and set(_EQUIVALENT) <= set(rows["method"])
    return float(rows["error"].max()) if complete else np.nan


def _median_quotient(rows: "pd.DataFrame", column: str, other: str) -> float:
    return float((rows[column] / rows[other]).median()) if len(rows) and column in rows and other in rows else np.nan


def plot(table: "pd.DataFrame") -> "Figure":
    """Error against evaluations, the course of the searches, and the schedules that were found."""
    from matplotlib.figure import Figure

    from ._figure import cost_ticks, error_axes, legend
    from ._verdict import select

    table = select(table, problem="digits")
    figure = Figure(figsize=(11.5, 7.6), layout="constrained")
    grid = figure.add_gridspec(2, 2, height_ratios=(1.5, 1))
    axes = figure.add_subplot(grid[0, 0])
    error_axes(axes, "Digits, exact denoiser: error on new noise", "median error per sample")
    _draw_known(axes, select(table, method="known"))
    found = select(table, method="S3")
    if len(found):
        largest = found[found["budget"] == found["budget"].max()].groupby("steps")["error"]
        middle, low, high = largest.median(), largest.min(), largest.max()
        axes.errorbar(
            middle.index, middle, [middle - low, high - middle], color="#d55e00", marker="D", linestyle="none",
            capsize=3, label="S3, searched", zorder=5,
        )  # fmt: skip
    cost_ticks(axes, (3, 4, 5, 6, 8, 10))
    axes.set_ylim(bottom=axes.get_ylim()[0] / 4.0)  # room for the legend
    legend(axes, ncols=2, loc="lower left")
    _draw_histories(figure.add_subplot(grid[0, 1]), table)
    shown = found.sort_values(["steps", "error"]).groupby("steps").first() if len(found) else found
    strip = grid[1, :].subgridspec(1, max(1, len(shown)))
    for j, (steps, row) in enumerate(shown.iterrows()):
        _draw_schedule(figure.add_subplot(strip[0, j]), diffusion.SolverSchedule.from_json(row["schedule"]), steps)
    return figure


# The known solvers that are drawn one by one, each on its best grid.
_LINES = {
    "DDIM": ("#555555", "DDIM"),
    "2M++ midpoint": ("#0072b2", "DPM-Solver++ 2M"),
    "3M++": ("#56b4e9", "DPM-Solver++ 3M"),
    "2M midpoint": ("#009e73", "DPM-Solver 2M"),
    "UniPC-2": ("#cc79a7", "UniPC-2"),
    "UniPC-3": ("#e69f00", "UniPC-3"),
}


def _draw_known(axes: Any, rows: "pd.DataFrame") -> None:
    rows = rows.sort_values("evaluations")
    axes.plot(
        rows["evaluations"], rows["error"], color="black", linestyle=":", linewidth=2.2, label="best known of all"
    )
    for name, (color, label) in _LINES.items():
        at, best = [], []
        for _, row in rows.iterrows():
            own = [s for n, s in zip(row["names"].split("\n"), row["scores"], strict=True) if n.split(", ")[0] == name]
            if own:
                at.append(row["evaluations"])
                best.append(min(own))
        if at:
            axes.plot(at, best, color=color, marker="o", markersize=4, linewidth=1.7, label=f"{label}, best grid")


def _draw_histories(axes: Any, table: "pd.DataFrame") -> None:
    from ._figure import legend
    from ._verdict import select

    colors = {"S3": "#d55e00", "Evolution": "#0072b2", "RandomSearch": "#555555", "GradientTimes": "#009e73"}
    drawn = table[table["budget"] > 0]
    if len(drawn):
        steps = int(drawn["steps"].min())
        drawn = select(drawn, steps=steps)
        drawn = drawn[drawn["budget"] == drawn["budget"].max()]
        for method, color in colors.items():
            own = select(drawn, method=method)
            for i, (costs, history) in enumerate(zip(own["costs"], own["history"], strict=True)):
                axes.step(costs, history, where="post", color=color, linewidth=1.2, label=method if i == 0 else None)
        axes.set_title(f"Course of the search, {steps} evaluations", loc="left", fontsize=10, fontweight="bold")
    axes.set(yscale="log", xlabel="budget spent, in scored candidates", ylabel="lowest error so far (search noise)")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(True, color="0.88", linewidth=0.8)
    legend(axes)


def _draw_schedule(axes: Any, schedule: diffusion.SolverSchedule, steps: int) -> None:
    """A bar per step: its place in half log-SNR, its order as height, its prediction as color."""
    for i in range(schedule.steps):
        left, right = schedule.half_log_snr[i : i + 2]
        color = "#e69f00" if schedule.predictions[i] == "data" else "#56b4e9"
        hatch = "//" if schedule.correctors[i] != "none" else None
        axes.bar(left, schedule.orders[i], right - left, align="edge", color=color, edgecolor="white", hatch=hatch)
        if schedule.orders[i] > 1:
            axes.annotate(
                f"{len(schedule.active_points[i])} pt, {schedule.coefficients[i]:+.2f}",
                (0.5 * (left + right), 0.1), ha="center", va="bottom", fontsize=7, rotation=90,
            )  # fmt: skip
    skips = ", first step analytic" if schedule.analytic_first_step else ""
    said = f"Found for {steps} evaluations{skips}\norange: data, blue: noise, hatched: corrector"
    axes.set_title(said, loc="left", fontsize=9)
    axes.set(xlabel="half log-SNR", ylabel="order", yticks=(1, 2, 3, 4), ylim=(0, 4.2))
    axes.spines[["top", "right"]].set_visible(False)


_DIGITS: dict[str, Any] = {
    "problem": "digits",
    "searches": ((5, 300), (8, 300)),
    "baselines": ("Evolution", "RandomSearch", "GradientTimes"),
    "short": 100,
    "short_seeds": 5,
    "known": (4, 5, 6, 8, 10),
    "samples": 96,
    "test": 256,
    "seeds": 3,
}
_SMOKE = {"searches": ((2, 76),), "baselines": (), "short": 0, "known": (2,), "samples": 4, "test": 4, "seeds": 1}
_MNIST = {
    "problem": "mnist",
    "searches": tuple((steps, 300) for steps in (5, 3, 4, 6, 8, 10)),
    "known": (3, 4, 5, 6, 8, 10),
    "samples": 1000,
    "test": 10_000,
}
_EQUIVALENT = ("DDIM", "DPMSolver", "DPMSolverPP")

STUDY = Study(
    slug="usf-s3",
    number=67,
    paper="2312.07243",
    title="USF and S^3: searched solver schedules",
    claim=(
        "A solver schedule that is searched for a model, with the network untouched, samples better at 5 and 8 "
        "evaluations than the best of the known solvers on any grid, also on noise that the search has not seen."
    ),
    verb="diffusion.search",
    methods=("S3", "Evolution", "RandomSearch", "GradientTimes", "USF", "UniPC", "DPMSolver", "DPMSolverPP", "DDIM"),
    presets={
        "smoke": {"parts": ({**_DIGITS, **_SMOKE},), "equivalent": ("DDIM",)},
        "small": {"parts": (_DIGITS,), "equivalent": _EQUIVALENT},
        "full": {"parts": (_DIGITS, {**_DIGITS, **_MNIST}), "equivalent": _EQUIVALENT},
    },
    trials=trials,
    run=run,
    judge=judge,
    plot=plot,
)
