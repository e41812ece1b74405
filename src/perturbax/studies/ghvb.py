"""GHVB and heavy ball (Wizadwongsa et al. 2023, arXiv 2307.11118): momentum against divergence artifacts.

The model is the mixture fitted on the real digits with exact classifier-free guidance for the classes 1, 3 and 8, so
that errors are errors of the solver alone; the classes are pooled. Problems: "w = 15", "w = 8" and "w = 1" (the scale
of guidance; the last has a closed flow), "Gaussian" (d = 6, orders of convergence) and "stability" (the real interval
of absolute stability, read off the plan, against its closed form). Everything runs from t = 1 to t = 1e-3.

`error` is the median over samples of the root mean square error, for "stability" the relative error of the interval;
`artifacts` is the share of pixels beyond 1.5 times the largest value of the reference, our stand-in for the paper's
magnitude score, which counts large values of latents.
"""

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from perturbax import diffusion

from ._study import Bar, Study, Trial
from .exact_diffusion import (
    CLASSES,
    GRIDS,
    digits,
    fine_solution,
    flow_map,
    gaussian,
    mixture_problem,
    picture_of,
    sample_errors,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

_GHVB, _VARIABLE = diffusion.GHVB, functools.partial(diffusion.GHVB, coefficients="variable")
_METHODS: dict[str, Callable[..., diffusion.AbstractPlanned]] = {
    "DDIM": diffusion.DDIM,
    "AB2": functools.partial(diffusion.PLMS, order=2),
    "AB3": functools.partial(diffusion.PLMS, order=3),
    "AB4": functools.partial(diffusion.PLMS, order=4),
    "HB(4, 0.8)": functools.partial(diffusion.HeavyBall, order=4, beta=0.8),
    "HB(4, 0.5)": functools.partial(diffusion.HeavyBall, order=4, beta=0.5),
    "HB(2, 0.5)": functools.partial(diffusion.HeavyBall, order=2, beta=0.5),
    "NT(4, 0.8)": functools.partial(diffusion.Nesterov, order=4, beta=0.8),
    "NT(4, 0.5)": functools.partial(diffusion.Nesterov, order=4, beta=0.5),
    **{f"GHVB {order}": functools.partial(_GHVB, order=order) for order in (0.5, 1.5, 2.5, 3.5)},
    **{f"GHVB {order} variable": functools.partial(_VARIABLE, order=order) for order in (2.5, 3.5)},
    "2M++": functools.partial(diffusion.DPMSolverPP, stepping=diffusion.Multistep(lower_order_final=False)),
    "HB++ 0.8": functools.partial(diffusion.HeavyBallPP, beta=0.8, lower_order_final=False),
}
# The ends of the real intervals of absolute stability in closed form (beta = 0.5 in GHVB); Nesterov's from a root scan.
_INTERVALS = {
    "DDIM": -2.0,
    "AB2": -1.0,
    "AB3": -6 / 11,
    "AB4": -0.3,
    "HB(4, 0.8)": -0.45,
    "HB(4, 0.5)": -0.9,
    "HB(2, 0.5)": -3.0,
    "NT(4, 0.8)": -0.321,
    "NT(4, 0.5)": -0.45,
    "GHVB 0.5": -6.0,
    "GHVB 1.5": -1.5,
    "GHVB 2.5": -9 / 11.5,
    "GHVB 3.5": -4.5 / 10.5,
    "2M++": -1.0,
    "HB++ 0.8": -1.5,
}
_GUIDED = (
    "DDIM", "AB2", "AB4", "HB(4, 0.8)", "HB(4, 0.5)", "NT(4, 0.8)", "GHVB 1.5", "GHVB 2.5", "GHVB 3.5", "2M++",
    "HB++ 0.8",
)  # fmt: skip
_ALONG_COST = ("DDIM", "AB2", "AB4", "HB(4, 0.8)", "GHVB 1.5", "GHVB 2.5", "2M++", "HB++ 0.8")
_ORDERS = ("HB(4, 0.8)", "GHVB 1.5", "GHVB 2.5")
_VARIABLE_ORDERS = ("GHVB 2.5 variable", "GHVB 3.5 variable")


def trials(preset: Mapping[str, Any]) -> list[Trial]:
    """The grid: problems on time grids, each with its methods and budgets."""
    return [
        Trial({"problem": problem, "grid": grid, "method": method, "steps": steps, "samples": preset["samples"]}, seed)
        for problem, grid, methods, budgets, seeds in _parts(preset)
        for steps in dict.fromkeys(budgets)
        for method in methods
        for seed in range(seeds)
    ]


def _parts(preset: Mapping[str, Any]) -> Iterator[tuple[str, str, Sequence[str], Sequence[int], int]]:
    seeds, methods = preset["seeds"], preset["methods"]
    along = tuple(method for method in methods if method in _ALONG_COST)
    others = tuple(method for method in methods if method not in _ALONG_COST)
    yield "w = 15", "logSNR", along, preset["guided"], seeds
    yield "w = 15", "logSNR", others, preset["guided"][:1], seeds
    yield "w = 15", "time", ("DDIM", "AB4", "GHVB 1.5", "GHVB 2.5"), preset["time"], seeds
    yield "w = 8", "logSNR", methods, preset["guided"][:1], seeds
    yield "w = 1", "logSNR", methods, preset["unguided"], seeds
    yield "Gaussian", "logSNR", _ORDERS, preset["gaussian"], seeds
    yield "Gaussian", "logSNR", _VARIABLE_ORDERS, preset["variable"], seeds
    # The interval follows from the coefficients and has no seed.
    yield "stability", "logSNR", tuple(_INTERVALS) if preset["stability"] else ("AB4",), (1,), 1


def run(trial: Trial, key: Any) -> dict[str, Any]:
    """One method at one budget on one batch."""
    cell, process = trial.cell, diffusion.VPLinear()
    if cell["problem"] == "stability":
        return _run_stability(cell["method"])
    if cell["problem"] == "Gaussian":
        x_T = jax.random.normal(key, (cell["samples"], 6))
        return _record(_solve(mixture_problem(gaussian(), process), cell, x_T), flow_map(gaussian(), process, x_T))
    labels = jnp.repeat(jnp.asarray(CLASSES), cell["samples"])
    x_T = jax.random.normal(key, (labels.size, 64))
    scale = float(cell["problem"].removeprefix("w = "))
    problem = mixture_problem(digits(), process, labels, scale)
    exact = flow_map(digits(), process, x_T, labels) if scale == 1.0 else fine_solution(problem, x_T)
    solution = _solve(problem, cell, x_T)
    return {**_record(solution, exact), "images": picture_of(solution.x[:: cell["samples"]])}


def _solve(problem: diffusion.Sampling, cell: Mapping[str, Any], x_T: Any) -> diffusion.Samples:
    method = _METHODS[cell["method"]](steps=cell["steps"], grid=GRIDS[cell["grid"]])
    return diffusion.sample(problem, method, x_T=x_T)


def _record(solution: diffusion.Samples, exact: Any) -> dict[str, Any]:
    beyond = np.abs(np.asarray(solution.x)) > 1.5 * np.abs(np.asarray(exact)).max()
    return {
        "evaluations": int(solution.stats["evaluations"]),
        "error": float(np.median(sample_errors(solution.x, exact))),
        "artifacts": float(np.mean(beyond)),
    }


def _run_stability(method: str) -> dict[str, Any]:
    found = diffusion.stability(_METHODS[method](), np.zeros(1)).real_interval
    expected = _INTERVALS[method]
    return {"evaluations": 0, "error": abs(found / expected - 1.0), "interval": found}


def judge(table: "pd.DataFrame") -> list[Bar]:
    """The bars of divergence under guidance, of accuracy, of the orders, and of the regions of stability."""
    from ._verdict import median_of, order, relative_error, select

    bars = [
        Bar(
            f"artifacts of {method}, guidance 15, 10 evaluations",
            median_of(table, "artifacts", problem="w = 15", grid="logSNR", method=method, steps=10),
            threshold,
            sense,
            note=note,
        )
        for method, sense, threshold, note in (
            ("AB4", ">=", 0.3, "the failure that momentum is for"),
            ("GHVB 2.5", "<=", 0.1, ""),
            ("GHVB 1.5", "<=", 0.02, ""),
        )
    ]
    bars += [
        Bar(
            f"error of {method} over {baseline}'s, guidance {problem.removeprefix('w = ')}, {steps} evaluations",
            relative_error(table, method, baseline, steps, problem=problem, grid="logSNR"),
            threshold,
            "<=",
        )
        for problem, steps, method, baseline, threshold in (
            ("w = 15", 10, "GHVB 2.5", "AB4", 0.05),
            ("w = 8", 10, "HB(4, 0.8)", "DDIM", 0.6),
            ("w = 8", 10, "HB(4, 0.8)", "AB4", 0.1),
            ("w = 1", 20, "GHVB 1.5", "DDIM", 0.45),
            ("w = 1", 20, "GHVB 2.5", "DDIM", 0.15),
        )
    ]
    bars += [
        Bar(
            f"order of {method}, Gaussian, {budgets[0]} to {budgets[-1]} evaluations",
            order(table, budgets, problem="Gaussian", method=method),
            low,
            "in",
            high,
            note,
        )
        for method, budgets, low, high, note in (
            ("HB(4, 0.8)", (192, 384, 768, 1536), 0.9, 1.1, "momentum outside of the derivation costs the order"),
            ("GHVB 1.5", (192, 384, 768, 1536), 1.9, 2.1, ""),
            ("GHVB 2.5", (192, 384, 768, 1536), 1.9, 2.1, "only 2: weights of equal steps on unequal ones"),
            ("GHVB 2.5 variable", (96, 192, 384), 2.75, 3.1, ""),
            ("GHVB 3.5 variable", (96, 192, 384), 3.5, 4.1, ""),
        )
    ]
    deviations = select(table, problem="stability")
    complete = set(_INTERVALS) <= set(deviations["method"]) if len(deviations) else False
    worst = float(deviations["error"].max()) if complete else np.nan
    bars.append(Bar("largest relative error of a real interval of stability, 15 methods", worst, 0.02, "<="))
    return bars


def plot(table: "pd.DataFrame") -> "Figure":
    """Regions of stability, error against evaluations under guidance 15, and digits at ten evaluations."""
    from matplotlib.figure import Figure

    from ._figure import Line, cost_ticks, digit_strip, draw_errors, error_axes
    from ._verdict import select

    lines = {
        "DDIM": Line("#555555", "DDIM"),
        "AB4": Line("#d55e00", "AB4 (PLMS)", "-", "s"),
        "AB2": Line("#e69f00", "AB2", "-", "s"),
        "2M++": Line("#cc79a7", "DPM-Solver++ 2M", "--", "^"),
        "HB++ 0.8": Line("#cc79a7", "HB in 2M++, 0.8", "-", "^"),
        "HB(4, 0.8)": Line("#0072b2", "HB on AB4, 0.8"),
        "GHVB 1.5": Line("#009e73", "GHVB 1.5"),
        "GHVB 2.5": Line("#56b4e9", "GHVB 2.5"),
    }
    figure = Figure(figsize=(11.5, 7.4), layout="constrained")
    grid = figure.add_gridspec(2, 2, height_ratios=(3, 1), width_ratios=(1, 1.15))
    _draw_regions(figure.add_subplot(grid[0, 0]))
    axes = figure.add_subplot(grid[0, 1])
    error_axes(axes, "Digits, exact denoiser, guidance 15")
    draw_errors(axes, select(table, problem="w = 15", grid="logSNR"), lines)
    cost_ticks(axes, (6, 8, 10, 15, 20, 30))
    axes.legend(frameon=False, fontsize=8.5, ncols=2, loc="upper right")
    shown = ("AB4", "AB2", "2M++", "HB++ 0.8", "HB(4, 0.8)", "GHVB 2.5", "GHVB 1.5", "DDIM")
    digit_strip(
        figure,
        grid[1, :],
        [(f"{steps} evaluations", [_images(table, method, steps) for method in shown]) for steps in (8, 10)],
        [lines[method].label for method in shown],
    )
    return figure


def _draw_regions(axes: Any) -> None:
    """The boundaries of the regions of stability in the left half-plane."""
    x, y = np.linspace(-2.2, 0.25, 197), np.linspace(-1.2, 1.2, 193)
    z = x + 1j * y[:, None]
    drawn = (
        ("DDIM", "#555555", "-"),
        ("AB4", "#d55e00", "-"),
        ("HB(4, 0.8)", "#0072b2", "-"),
        ("HB(4, 0.5)", "#0072b2", "--"),
        ("GHVB 1.5", "#009e73", "-"),
        ("GHVB 2.5", "#56b4e9", "-"),
        ("GHVB 3.5", "#e69f00", "-"),
    )
    for method, color, style in drawn:
        radius = diffusion.stability(_METHODS[method](), z).spectral_radius
        axes.contour(x, y, radius, levels=[1.0 + 1e-4], colors=color, linestyles=style, linewidths=1.7)
        axes.plot([], [], color=color, linestyle=style, linewidth=1.7, label=method)
    axes.axhline(0.0, color="0.8", linewidth=0.8, zorder=0)
    axes.axvline(0.0, color="0.8", linewidth=0.8, zorder=0)
    axes.set_title("Regions of absolute stability: inside, errors decay", loc="left", fontsize=10, fontweight="bold")
    axes.set(xlabel="Re z,  z = (step) x (eigenvalue)", ylabel="Im z", aspect="equal")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8.5, loc="lower left")


def _images(table: "pd.DataFrame", method: str, steps: int) -> Any:
    """Pictures of the first seed, `None` when the cell was not run."""
    from ._verdict import select

    rows = select(table, problem="w = 15", grid="logSNR", method=method, steps=steps)
    return rows.sort_values("seed").iloc[0]["images"] if len(rows) else None


_SMALL = {
    "guided": (10, 6, 8, 15, 20),  # the first one with all methods
    "time": (6,),
    "unguided": (20,),
    "gaussian": (192, 384, 768, 1536),
    "variable": (96, 192, 384),
    "stability": True,
    "methods": _GUIDED,
    "samples": 64,
    "seeds": 5,
}

STUDY = Study(
    slug="ghvb",
    number=59,
    paper="2307.11118",
    title="Diffusion sampling with momentum",
    claim=(
        "At few evaluations and strong guidance high-order multistep samplers diverge; momentum widens their regions "
        "of stability so that they do not, and generalised heavy ball keeps their accuracy at more evaluations."
    ),
    verb="diffusion.sample",
    methods=("GHVB", "HeavyBall", "HeavyBallPP", "Nesterov", "PLMS", "DPMSolverPP", "DDIM"),
    precision="float64",
    presets={
        "smoke": {
            "guided": (10,),
            "time": (),
            "unguided": (),
            "gaussian": (),
            "variable": (),
            "stability": False,
            "methods": ("DDIM", "AB4", "GHVB 2.5"),
            "samples": 2,
            "seeds": 1,
        },
        "small": _SMALL,
        "full": {**_SMALL, "guided": (10, 6, 8, 15, 20, 30), "time": (6, 10, 20), "samples": 256, "seeds": 10},
    },
    trials=trials,
    run=run,
    judge=judge,
    plot=plot,
)
