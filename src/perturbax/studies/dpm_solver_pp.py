"""DPM-Solver++ (Lu et al. 2022, arXiv 2211.01095): exponential integrators that stay stable under strong guidance.

The model is the mixture fitted on the real digits with exact classifier-free guidance, `x_0 = u + w (c - u)`, for the
classes 1, 3 and 8, so that errors are errors of the solver alone. Problems: "guided" (w = 8), "conditional" (w = 1,
where the flow has a closed form), "unguided" (no class), "thresholded" and "not thresholded" (w = 8 down to
sigma = 0), "Gaussian" (d = 6, orders of convergence), "N(0, 1)" (the variance that a sampler makes of a standard
normal). Everything runs from t = 1 to t = 1e-3 without lower orders at the end, on the grid in the half log-SNR or in
time.

In the preset `full` also "MNIST": a trained class-conditional network under guidance 1, 4 and 8, where `frechet` and
`sliced` are the distances of the samples from data that the network never saw.

What the paper does not show and this study does: at 10 evaluations the guided 2M is worse than DDIM; multistep in the
noise prediction does not explode on this model; and on the grid in time all methods are held to the error of the last
step in the half log-SNR, so that high orders gain nothing.

`error` is the median over samples and classes of the root mean square error, or for "N(0, 1)" the distance of the
variance from 1; `outside` is the share of values beyond [-1, 1], `variance` is that of all values.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from perturbax import diffusion

from ._study import Bar, Study, Trial
from .exact_diffusion import (
    CLASSES,
    digits,
    fine_solution,
    flow_map,
    gaussian,
    mixture_problem,
    picture_of,
    sample_errors,
    solve,
)
from .trained_diffusion import mnist_record

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

_GUIDANCE = 8.0
_GUIDED = ("DDIM", "DPM-Solver-2", "DPM-Solver-3", "DPM-Solver-fast", "noise 2M", "2S++", "2M++", "3M++", "3M++ exact")
_UNGUIDED = ("DDIM", "DPM-Solver-3", "noise 2M", "2S++", "3S++", "2M++", "3M++", "3M++ exact")
_CONDITIONAL = ("DDIM", "DPM-Solver-3", "2S++", "2M++", "3M++")
_ON_TIME_GRID = ("DDIM", "2S++", "2M++", "3M++")
_ON_MNIST = ("DDIM", "DPM-Solver-3", "noise 2M", "2S++", "2M++", "3M++")
_TRAINED: dict[str, dict[str, Any]] = {
    "MNIST, guidance 1": {"scale": 1.0},
    "MNIST, guidance 4": {"scale": 4.0},
    "MNIST, guidance 8": {"scale": 8.0},
    "MNIST, guidance 8, thresholded": {"scale": 8.0, "threshold": True},
}
_ORDERS = ("2S++", "3S++", "2M++", "3M++", "3M++ exact")
_STOCHASTIC: dict[str, Any] = {
    "SDE++ 1": lambda steps, grid: diffusion.DPMSolverPP(steps, order=1, grid=grid, stochastic=1.0),
    "SDE++ 2M": lambda steps, grid: _sde_2m(steps, grid, "midpoint"),
    "SDE++ 2M taylor": lambda steps, grid: _sde_2m(steps, grid, "taylor"),
    "SDE noise 1": lambda steps, grid: diffusion.DPMSolver(
        steps, order=1, stepping=_MULTISTEP, grid=grid, stochastic=1.0
    ),
}
_MULTISTEP = diffusion.Multistep(lower_order_final=False)


def _sde_2m(steps: int, grid: diffusion.AbstractGrid, solver_type: Any) -> diffusion.DPMSolverPP:
    return diffusion.DPMSolverPP(
        steps, order=2, stepping=_MULTISTEP, grid=grid, solver_type=solver_type, stochastic=1.0
    )


def trials(preset: Mapping[str, Any]) -> list[Trial]:
    """The grid: problems on time grids, each with its methods and budgets."""
    return [
        Trial({"problem": problem, "grid": grid, "method": method, "steps": steps, "samples": samples}, seed)
        for problem, grid, methods, budgets, samples, seeds in _parts(preset)
        for steps in budgets
        for method in methods
        for seed in range(seeds)
    ]


def _parts(preset: Mapping[str, Any]) -> Iterator[tuple[str, str, Sequence[str], Sequence[int], int, int]]:
    samples, seeds = preset["samples"], preset["seeds"]
    yield "guided", "logSNR", _GUIDED, preset["guided"], samples, seeds
    yield "unguided", "logSNR", _UNGUIDED, preset["unguided"], samples, seeds
    yield "conditional", "logSNR", _CONDITIONAL, preset["conditional"], samples, seeds
    for problem in ("guided", "unguided"):
        yield problem, "time", _ON_TIME_GRID, preset["time"], samples, seeds
    for problem in ("thresholded", "not thresholded"):
        yield problem, "logSNR", ("2M++",), (20,), samples, seeds
    # Compiling a plan of hundreds of steps is most of the work here, and an order hardly depends on the samples.
    yield "Gaussian", "logSNR", _ORDERS, preset["gaussian"], samples, min(seeds, 2)
    # The variance follows from the coefficients and has no samples.
    yield "N(0, 1)", "logSNR", ("SDE++ 1", "SDE++ 2M taylor"), (25,), 0, 1
    yield "N(0, 1)", "logSNR", ("SDE++ 2M",), (25, 50, 100), 0, 1
    yield "N(0, 1)", "logSNR", ("SDE noise 1",), (5,), 0, 1
    for problem in _TRAINED:
        yield problem, "logSNR", _ON_MNIST, preset.get("mnist", ()), preset.get("mnist_samples", 0), seeds


def run(trial: Trial, key: Any) -> dict[str, Any]:
    """One method at one budget on one batch."""
    cell = trial.cell
    process = diffusion.VPLinear()
    if cell["problem"] == "N(0, 1)":
        return _run_variance(cell, process)
    if cell["problem"] in _TRAINED:
        return mnist_record(cell["method"], cell["steps"], cell["samples"], key, **_TRAINED[cell["problem"]])
    if cell["problem"] == "Gaussian":
        x_T = jax.random.normal(key, (cell["samples"], 6))
        solution = solve(mixture_problem(gaussian(), process), cell["method"], cell["steps"], cell["grid"], x_T)
        return _record(solution, flow_map(gaussian(), process, x_T))
    labels = jnp.repeat(jnp.asarray(CLASSES), cell["samples"])
    x_T = jax.random.normal(key, (labels.size, 64))
    if cell["problem"] in ("thresholded", "not thresholded"):
        return _run_thresholded(cell, process, labels, x_T)
    if cell["problem"] == "unguided":
        problem = mixture_problem(digits(), process)
        exact = fine_solution(problem, x_T)
    elif cell["problem"] == "guided":
        problem = mixture_problem(digits(), process, labels, _GUIDANCE)
        exact = fine_solution(problem, x_T)
    else:
        problem = mixture_problem(digits(), process, labels, 1.0)
        exact = flow_map(digits(), process, x_T, labels)
    solution = solve(problem, cell["method"], cell["steps"], cell["grid"], x_T)
    return {**_record(solution, exact), "images": _one_of_each(solution.x, cell["samples"])}


def _run_thresholded(
    cell: Mapping[str, Any], process: diffusion.AbstractProcess, labels: Any, x_T: Any
) -> dict[str, Any]:
    corrector = diffusion.DynamicThreshold() if cell["problem"] == "thresholded" else None
    problem = mixture_problem(digits(), process, labels, _GUIDANCE, corrector)
    method = diffusion.DPMSolverPP(cell["steps"], stepping=_MULTISTEP, grid=diffusion.LogSNR(final="zero"))
    solution = diffusion.sample(problem, method, x_T=x_T)
    exact = fine_solution(mixture_problem(digits(), process, labels, _GUIDANCE), x_T)
    return {**_record(solution, exact), "images": _one_of_each(solution.x, cell["samples"])}


def _run_variance(cell: Mapping[str, Any], process: diffusion.AbstractProcess) -> dict[str, Any]:
    grid = diffusion.LogSNR(final="eps")
    variance = propagated_variance(diffusion.plan(_STOCHASTIC[cell["method"]](cell["steps"], grid), process))
    outside = math.erfc(1.0 / math.sqrt(2.0 * variance))
    return {"evaluations": cell["steps"], "error": abs(variance - 1.0), "outside": outside, "variance": variance}


def propagated_variance(plan: diffusion.Plan) -> float:
    """The variance of what a plan makes of a standard normal start when the data is standard normal too.

    The exact data prediction is then `alpha x`, so that every state is a linear map of independent normals, the start
    and the draws. The plan is run on the weights of that map; the variance is the sum of their squares.
    """
    normals = np.eye(2 + plan.evaluations)
    stepper = plan.stepper(diffusion.Data())

    def draw(stage: int) -> np.ndarray:
        return normals[1 + stage]

    weights = stepper.begin(normals[0], draw)
    for alpha in plan.alphas:
        weights, _ = stepper.step(alpha * weights, weights, draw)
    return float(np.square(weights).sum())


def _record(solution: diffusion.Samples, exact: Any) -> dict[str, Any]:
    values = np.asarray(solution.x)
    return {
        "evaluations": int(solution.stats["evaluations"]),
        "error": float(np.median(sample_errors(solution.x, exact))),
        "outside": float(np.mean(np.abs(values) > 1.0)),
        "variance": float(np.var(values)),
    }


def _one_of_each(x: Any, samples: int) -> np.ndarray:
    """The first sample of every class."""
    return picture_of(x[::samples])


def judge(table: "pd.DataFrame") -> list[Bar]:
    """The bars of the four claims and of the orders."""
    from ._verdict import median_of, order, relative_error

    bars = [
        Bar(
            f"error of {method} over DDIM's, {problem}, {steps} evaluations",
            relative_error(table, method, "DDIM", steps, problem=problem, grid="logSNR"),
            threshold,
            sense,
            note=note,
        )
        for problem, method, steps, sense, threshold, note in (
            ("guided", "DPM-Solver-3", 10, ">=", 20.0, "the noise prediction is unstable under guidance; 9 are spent"),
            ("guided", "2S++", 10, "<=", 0.75, ""),
            ("guided", "2S++", 20, "<=", 0.60, ""),
            ("guided", "2M++", 20, "<=", 0.80, ""),
            ("guided", "3M++", 20, "<=", 0.18, "the published third-order update"),
            ("unguided", "2M++", 10, "<=", 0.28, ""),
            ("unguided", "3M++", 15, "<=", 0.12, "the published third-order update"),
            ("unguided", "3M++ exact", 15, "<=", 0.11, "with the factor 2 that the expansion needs"),
        )
    ]
    bars.append(
        Bar(
            "error of 3M++ exact over 3M++'s, unguided, 40 evaluations",
            relative_error(table, "3M++ exact", "3M++", 40, problem="unguided", grid="logSNR"),
            0.75,
            "<=",
        )
    )
    for problem, threshold, sense in (("thresholded", 1e-6, "<="), ("not thresholded", 0.3, ">=")):
        share = median_of(table, "outside", problem=problem)
        bars.append(Bar(f"share of pixels outside [-1, 1], {problem}", share, threshold, sense))
    for method, steps, low, high in (
        ("SDE++ 2M", 25, 1.0427, 1.0447),
        ("SDE++ 2M", 50, 1.0110, 1.0130),
        ("SDE++ 2M", 100, 0.995, 1.005),
        ("SDE++ 2M taylor", 25, 1.1110, 1.1130),
        ("SDE++ 1", 25, 0.6974, 0.6994),
    ):
        variance = median_of(table, "variance", problem="N(0, 1)", method=method, steps=steps)
        bars.append(Bar(f"variance of {method} on N(0, 1), {steps} steps", variance, low, "in", high))
    bars.append(
        Bar(
            "variance of SDE noise 1 on N(0, 1), 5 steps",
            median_of(table, "variance", problem="N(0, 1)", method="SDE noise 1", steps=5),
            100.0,
            ">=",
            note="a limit: the SDE in the noise prediction explodes at large steps",
        )
    )
    budgets = (96, 192, 384, 768)
    for method, low, high, note in (
        ("2M++", 1.9, 2.1, ""),
        ("2S++", 1.9, 2.1, ""),
        ("3S++", 2.8, 3.1, ""),
        ("3M++", 1.9, 2.2, "only 2: half of the second derivative is missing"),
    ):
        measured = order(table, budgets, problem="Gaussian", method=method)
        bars.append(Bar(f"order of {method}, Gaussian, 96 to 768 evaluations", measured, low, "in", high, note))
    third = order(table, (48, 96, 192, 384), problem="Gaussian", method="3M++ exact")
    bars.append(Bar("order of 3M++ exact, Gaussian, 48 to 384 evaluations", third, 2.8, ">="))
    return bars


def plot(table: "pd.DataFrame") -> "Figure":
    """Error against evaluations with and without guidance, and what each solver draws at ten evaluations."""
    from matplotlib.figure import Figure

    from ._figure import Line, cost_ticks, digit_strip, draw_errors, error_axes
    from ._verdict import select

    lines = {
        "DDIM": Line("#555555", "DDIM"),
        "DPM-Solver-3": Line("#d55e00", "DPM-Solver-3", "-", "s"),
        "DPM-Solver-2": Line("#e69f00", "DPM-Solver-2", "-", "s"),
        "noise 2M": Line("#cc79a7", "noise 2M", "-", "s"),
        "2S++": Line("#56b4e9", "2S++"),
        "2M++": Line("#0072b2", "2M++"),
        "3M++": Line("#009e73", "3M++, published"),
        "3M++ exact": Line("#009e73", "3M++, exact", "--", "^"),
    }
    panels = [
        ("guided", "logSNR", "Guidance 8, grid in log-SNR"),
        ("unguided", "logSNR", "No guidance, grid in log-SNR"),
        ("guided", "time", "Guidance 8, grid in time"),
    ]
    trained = select(table, problem="MNIST, guidance 1")
    figure = Figure(figsize=(10.5 + 3.5 * (len(trained) > 0), 6.6), layout="constrained")
    grid = figure.add_gridspec(2, len(panels) + (len(trained) > 0), height_ratios=(3.1, 1))
    first = None
    for column, (problem, spacing, title) in enumerate(panels):
        axes = figure.add_subplot(grid[0, column], sharey=first)
        first = first or axes
        error_axes(axes, title, left="median error per sample" if column == 0 else None)
        draw_errors(axes, select(table, problem=problem, grid=spacing), lines)
        cost_ticks(axes, (6, 10, 15, 20, 30, 40))
    if len(trained):
        axes = figure.add_subplot(grid[0, -1])
        error_axes(axes, "MNIST, trained network", left="Frechet distance")
        draw_errors(axes, trained, lines, "frechet")
        axes.axhline(trained["frechet_floor"].median(), color="0.6", linewidth=0.8, linestyle=":")
        cost_ticks(axes, (6, 10, 15, 20, 50))
    if first is not None and first.get_legend_handles_labels()[0]:
        figure.legend(
            *first.get_legend_handles_labels(), frameon=False, ncols=8, fontsize=8.5, loc="outside upper center"
        )
    shown = ("DPM-Solver-3", "DPM-Solver-2", "DDIM", "2S++", "2M++", "3M++")
    digit_strip(
        figure,
        grid[1, :],
        [(f"{steps} evaluations", [_images(table, method, steps) for method in shown]) for steps in (10, 20)],
        [lines[method].label for method in shown],
    )
    return figure


def _images(table: "pd.DataFrame", method: str, steps: int) -> Any:
    """Pictures of the first seed, `None` when the cell was not run."""
    from ._verdict import select

    rows = select(table, problem="guided", grid="logSNR", method=method, steps=steps)
    return rows.sort_values("seed").iloc[0]["images"] if len(rows) else None


_SMALL = {
    "guided": (10, 15, 20, 30, 40),
    "unguided": (6, 10, 15, 20, 40),
    "conditional": (10, 15, 20),
    "time": (10, 20, 40),
    "gaussian": (48, 96, 192, 384, 768),
    "samples": 64,
    "seeds": 5,
}

STUDY = Study(
    slug="dpm-solver-pp",
    number=70,
    paper="2211.01095",
    title="DPM-Solver++",
    claim=(
        "Under strong guidance singlestep solvers in the noise prediction explode at few evaluations, where the same "
        "solvers in the data prediction beat DDIM; without guidance, multistep in the data prediction is several times "
        "more accurate than DDIM at equal cost."
    ),
    verb="diffusion.sample",
    methods=("DPMSolverPP", "DPMSolver", "DDIM"),
    precision="float64",
    presets={
        "smoke": {
            "guided": (10,),
            "unguided": (10,),
            "conditional": (),
            "time": (),
            "gaussian": (),
            "samples": 2,
            "seeds": 1,
        },
        "small": _SMALL,
        "full": {**_SMALL, "samples": 256, "mnist": (6, 10, 15, 20, 50), "mnist_samples": 1000},
    },
    trials=trials,
    run=run,
    judge=judge,
    plot=plot,
)
