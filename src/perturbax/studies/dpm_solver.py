"""DPM-Solver (Lu et al. 2022, arXiv 2206.00927): how fast exponential integrators of the diffusion ODE converge.

Against exact answers: the closed flow map of a Gaussian for the orders of convergence, and a fine solution of the
mixture fitted on the real digits for the error at 5 to 48 network evaluations. Everything runs from t = 1 to
t = 1e-3 from standard normals, uniform in the half log-SNR, without lower orders at the end.

`error` is the median over samples of the root mean square error, `rms` the root mean square over all. Of the problem
"digits, table of 1000" they are the distance to the solution of the continuous process by the same method, of
"digits, float32" the distance to the solution in float64. Of "MNIST" (preset `full`), a trained network on whole
pictures, `frechet` and `sliced` are the distances of the samples from data that the network never saw.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from perturbax import core, diffusion

from ._study import Bar, Study, Trial
from .exact_diffusion import (
    SOLVERS,
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

_ORDERS = ("DPM-Solver-1", "DPM-Solver-2", "DPM-Solver-3", "DPM-Solver-3 taylor", "DPM-Solver-fast")
_FAST = ("DDIM", "Heun", "DPM-Solver-2", "DPM-Solver-3", "DPM-Solver-fast", "noise 2M", "noise 3M", "noise 3M exact")
_CONTROLLED = {
    "DPM-Solver-12 adaptive": lambda budget: diffusion.AdaptiveDPMSolver(order=2, max_evaluations=budget),
    "DPM-Solver-23 adaptive": lambda budget: diffusion.AdaptiveDPMSolver(order=3, max_evaluations=budget),
    "RK45, rtol 1e-2": lambda budget: diffusion.RungeKutta(rtol=1e-2, atol=1e-2, max_evaluations=budget),
    "RK45, rtol 1e-3": lambda budget: diffusion.RungeKutta(rtol=1e-3, atol=1e-3, max_evaluations=budget),
}
_PAIRS = ("DDIM", "noise 2M")
_TRAINED = ("DDIM", "DDPM", "Heun", "DPM-Solver-2", "DPM-Solver-3", "DPM-Solver-fast", "noise 2M", "noise 3M")


def trials(preset: Mapping[str, Any]) -> list[Trial]:
    """The grid: five problems, each with its methods and budgets."""
    return [
        Trial({"problem": problem, "method": method, "steps": steps, "samples": samples}, seed)
        for problem, methods, budgets, samples, seeds in _parts(preset)
        for steps in budgets
        for method in methods
        for seed in range(seeds)
    ]


def _parts(preset: Mapping[str, Any]) -> Iterator[tuple[str, Sequence[str], Sequence[int], int, int]]:
    samples, seeds = preset["samples"], preset["seeds"]
    yield "digits", _FAST, preset["digits"], samples, seeds
    yield "digits", tuple(_CONTROLLED), preset["controlled"], samples, seeds
    yield "digits, table of 1000", _PAIRS, (20,), samples, seeds
    yield "digits, float32", _PAIRS, (30,), samples, seeds
    # Compiling a plan of hundreds of steps is most of the work here, and an order hardly depends on the samples.
    yield "Gaussian", _ORDERS, preset["gaussian"], samples, min(seeds, 2)
    yield "MNIST", _TRAINED, preset.get("mnist", ()), preset.get("mnist_samples", 0), seeds


def run(trial: Trial, key: Any) -> dict[str, Any]:
    """One method at one budget on one batch."""
    return _PROBLEMS[trial.cell["problem"]](trial.cell, key)


def _run_gaussian(cell: Mapping[str, Any], key: Any) -> dict[str, Any]:
    process = diffusion.VPLinear()
    x_T = jax.random.normal(key, (cell["samples"], 6))
    problem = mixture_problem(gaussian(), process)
    solution = solve(problem, cell["method"], cell["steps"], "logSNR", x_T)
    return _record(solution, flow_map(gaussian(), process, x_T))


def _run_digits(cell: Mapping[str, Any], key: Any) -> dict[str, Any]:
    problem, x_T = _digits(cell, key)
    if cell["method"] in SOLVERS:
        solution = solve(problem, cell["method"], cell["steps"], _grid_of(cell["method"]), x_T)
    else:
        solution = diffusion.sample(problem, _CONTROLLED[cell["method"]](cell["steps"]), x_T=x_T)
    return {**_record(solution, fine_solution(problem, x_T)), "images": picture_of(solution.x)}


def _run_table(cell: Mapping[str, Any], key: Any) -> dict[str, Any]:
    problem, x_T = _digits(cell, key)
    table = diffusion.Discrete(np.cumprod(1.0 - np.linspace(1e-4, 2e-2, 1000)))
    continuous, discrete = (
        solve(either, cell["method"], cell["steps"], "logSNR", x_T)
        for either in (problem, mixture_problem(digits(), table))
    )
    return _record(discrete, continuous.x)


def _run_float32(cell: Mapping[str, Any], key: Any) -> dict[str, Any]:
    problem, x_T = _digits(cell, key)
    wide = solve(problem, cell["method"], cell["steps"], "logSNR", x_T)
    with core.precision("float32"):
        narrow = mixture_problem(digits("float32"), diffusion.VPLinear())
        solution = solve(narrow, cell["method"], cell["steps"], "logSNR", jnp.asarray(x_T, jnp.float32))
    return _record(solution, wide.x)


def _run_mnist(cell: Mapping[str, Any], key: Any) -> dict[str, Any]:
    return mnist_record(cell["method"], cell["steps"], cell["samples"], key, grid=_grid_of(cell["method"]))


def _grid_of(method: str) -> str:
    """Heun's method is compared on the grid that it was made for."""
    return "Karras" if method == "Heun" else "logSNR"


def _digits(cell: Mapping[str, Any], key: Any) -> tuple[diffusion.Sampling, Any]:
    return mixture_problem(digits(), diffusion.VPLinear()), jax.random.normal(key, (cell["samples"], 64))


def _record(solution: diffusion.Samples, exact: Any) -> dict[str, Any]:
    errors = sample_errors(solution.x, exact)
    return {
        "evaluations": int(solution.stats["evaluations"]),
        "error": float(np.median(errors)),
        "rms": float(np.sqrt(np.mean(np.square(errors)))),
    }


_PROBLEMS = {
    "Gaussian": _run_gaussian,
    "digits": _run_digits,
    "digits, table of 1000": _run_table,
    "digits, float32": _run_float32,
    "MNIST": _run_mnist,
}


def judge(table: "pd.DataFrame") -> list[Bar]:
    """The bars of the orders, of the errors relative to DDIM, and of the process and precision."""
    from ._verdict import median_of, order, relative_error

    budgets = (96, 192, 384, 768)
    bars = [
        Bar(
            f"order of {method}, Gaussian, 96 to 768 evaluations",
            order(table, budgets, problem="Gaussian", method=method),
            low,
            "in",
            high,
            note,
        )
        for method, low, high, note in (
            ("DPM-Solver-1", 0.95, 1.05, ""),
            ("DPM-Solver-2", 1.9, 2.1, ""),
            ("DPM-Solver-3", 2.85, 3.2, ""),
            ("DPM-Solver-3 taylor", 2.85, 3.2, ""),
            ("DPM-Solver-fast", 1.9, 2.15, "only 2: it ends with a step of order 1"),
        )
    ]
    bars += [
        Bar(
            f"error of {method} over DDIM's, digits, {steps} evaluations",
            relative_error(table, method, "DDIM", steps, problem="digits"),
            threshold,
            sense,
            note=note,
        )
        for method, steps, sense, threshold, note in (
            ("DPM-Solver-3", 15, "<=", 0.60, ""),
            ("DPM-Solver-fast", 15, "<=", 0.48, ""),
            ("DPM-Solver-2", 20, "<=", 0.60, ""),
            ("noise 2M", 10, "<=", 0.35, ""),
            ("noise 3M", 15, "<=", 0.20, "the published third-order multistep update"),
            ("noise 3M exact", 15, "<=", 0.14, "with the factor 2 that the expansion needs"),
            ("DPM-Solver-2", 6, ">=", 1.0, "a limit: at few evaluations singlestep is worse than DDIM here"),
            ("DPM-Solver-3", 9, ">=", 1.0, "a limit: at few evaluations singlestep is worse than DDIM here"),
            ("DPM-Solver-fast", 6, ">=", 1.0, "a limit: at few evaluations singlestep is worse than DDIM here"),
        )
    ]
    bars += [
        Bar(
            f"{method}: rms between a table of 1000 betas and the continuous process, digits, 20 evaluations",
            median_of(table, "rms", problem="digits, table of 1000", method=method),
            2e-3,
            "<=",
        )
        for method in _PAIRS
    ]
    bars += [
        Bar(
            f"{method}: median rms between float32 and float64, digits, 30 evaluations",
            median_of(table, "error", problem="digits, float32", method=method),
            5e-6,
            "<=",
        )
        for method in _PAIRS
    ]
    return bars


def plot(table: "pd.DataFrame") -> "Figure":
    """Error against evaluations on both exact models, and digits at 5, 10 and 20 evaluations."""
    from matplotlib.figure import Figure

    from ._figure import Line, cost_ticks, digit_strip, draw_errors, error_axes, legend, slope_triangle
    from ._verdict import select

    trained = select(table, problem="MNIST")
    columns = 2 + (len(trained) > 0)
    figure = Figure(figsize=(5.4 * columns, 7.2), layout="constrained")
    grid = figure.add_gridspec(2, columns, height_ratios=(2.1, 1))
    left, right = figure.add_subplot(grid[0, 0]), figure.add_subplot(grid[0, 1])

    error_axes(left, "Gaussian in 6 dimensions, closed flow map")
    draw_errors(
        left,
        select(table, problem="Gaussian"),
        {
            "DPM-Solver-1": Line("#555555", "order 1 (DDIM)"),
            "DPM-Solver-fast": Line("#e69f00", "order 3, \u201cfast\u201d", "--", "s"),
            "DPM-Solver-2": Line("#0072b2", "order 2"),
            "DPM-Solver-3": Line("#d55e00", "order 3"),
        },
    )
    gaussian_rows = select(table, problem="Gaussian")
    if len(gaussian_rows):
        cost_ticks(left, sorted(set(gaussian_rows["steps"])))
    for method, slope, color in (
        ("DPM-Solver-1", 1, "#555555"),
        ("DPM-Solver-2", 2, "#0072b2"),
        ("DPM-Solver-3", 3, "#d55e00"),
    ):
        rows = select(table, problem="Gaussian", method=method, steps=192)
        if len(rows):
            slope_triangle(left, 192, 0.45 * float(rows["error"].median()), slope, color)
    legend(left, loc="lower left")

    exact = select(table, problem="digits")
    error_axes(right, "Digits, exact denoiser of a mixture fitted on them", left=None)
    lines = {
        "DDIM": Line("#555555", "DDIM"),
        "DDPM": Line("#56b4e9", "DDPM", ":", "v"),
        "Heun": Line("#999999", "Heun, Karras grid", ":", "^"),
        "DPM-Solver-2": Line("#0072b2", "DPM-Solver-2"),
        "DPM-Solver-3": Line("#d55e00", "DPM-Solver-3"),
        "DPM-Solver-fast": Line("#e69f00", "DPM-Solver-3 \u201cfast\u201d", "--", "s"),
        "noise 2M": Line("#009e73", "noise 2M"),
        "noise 3M": Line("#cc79a7", "noise 3M, published", "--", "s"),
        "noise 3M exact": Line("#cc79a7", "noise 3M, exact"),
    }
    draw_errors(right, exact, lines)
    for prefix, marker, label in (("DPM-Solver-23", "*", "DPM-Solver-23 adaptive"), ("RK45", "x", "RK45")):
        rows = exact[exact["method"].str.startswith(prefix)].groupby("method")[["evaluations", "error"]].median()
        right.scatter(rows["evaluations"], rows["error"], marker=marker, s=45, color="black", label=label, zorder=3)
    cost_ticks(right, (5, 10, 20, 50, 100))
    legend(right, loc="lower left")

    if len(trained):
        axes = figure.add_subplot(grid[0, 2])
        error_axes(axes, "MNIST, trained network", left="Frechet distance")
        draw_errors(axes, trained, lines, "frechet")
        axes.axhline(trained["frechet_floor"].median(), color="0.6", linewidth=0.8, linestyle=":")
        cost_ticks(axes, (5, 10, 20, 50))
        legend(axes, loc="upper right")

    strips = [
        (label, [_images(table, method, steps) for steps in (5, 10, 20)])
        for method, label in (
            ("DDIM", "DDIM"),
            ("DPM-Solver-fast", "DPM-Solver-3 \u201cfast\u201d"),
            ("noise 3M exact", "noise 3M, exact"),
        )
    ]
    digit_strip(figure, grid[1, :], strips, [f"{steps} evaluations" for steps in (5, 10, 20)])
    return figure


def _images(table: "pd.DataFrame", method: str, steps: int) -> Any:
    """Pictures of the first seed, `None` when the cell was not run."""
    from ._verdict import select

    rows = select(table, problem="digits", method=method, steps=steps)
    return rows.sort_values("seed").iloc[0]["images"] if len(rows) else None


STUDY = Study(
    slug="dpm-solver",
    number=58,
    paper="2206.00927",
    title="DPM-Solver",
    claim=(
        "Exponential integrators in the half log-SNR solve the diffusion ODE to orders 1, 2 and 3, and reach in 10 to "
        "20 network evaluations errors that DDIM needs several times as many for."
    ),
    verb="diffusion.sample",
    methods=("DPMSolver", "AdaptiveDPMSolver", "DDIM", "Heun", "RungeKutta"),
    precision="float64",
    presets={
        "smoke": {"gaussian": (12,), "digits": (10,), "controlled": (), "samples": 16, "seeds": 1},
        "small": {
            "gaussian": (12, 24, 48, 96, 192, 384, 768),
            "digits": (5, 6, 9, 10, 15, 20, 30, 48),
            "controlled": (1000,),
            "samples": 128,
            "seeds": 5,
        },
        "full": {
            "gaussian": (12, 24, 48, 96, 192, 384, 768),
            "digits": (5, 6, 9, 10, 12, 15, 20, 25, 30, 40, 48),
            "controlled": (1000,),
            "samples": 512,
            "mnist": (5, 6, 10, 15, 20, 50),
            "mnist_samples": 1000,
            "seeds": 5,
        },
    },
    trials=trials,
    run=run,
    judge=judge,
    plot=plot,
)
