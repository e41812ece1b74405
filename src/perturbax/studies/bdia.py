"""BDIA (Zhang, Lewis & Kleijn 2023, arXiv 2307.10829): a sampler with an exact inverse at DDIM's cost.

The model is the mixture fitted on the real digits with its exact denoiser, so that errors are errors of the solver
alone. Problems: "digits" (error against a fine solution), "Gaussian" (d = 6, orders of convergence), "latent" (noise to
data to noise) and "image" (held real digits to latent and back), each also in float32, "edit" (invert a digit of one
class, sample it again as another, guidance 3) and "Karras" (the increment of Heun's method, reported). Everything runs
between t = 1 and t = 1e-3.

`error` is the median over samples of the root mean square error, for "latent" and "image" the largest error of all.
"""

import functools
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from perturbax import core, data, diffusion

from ._study import Bar, Study, Trial
from .exact_diffusion import (
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
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_GAMMAS = (0.25, 0.5, 0.75, 0.9, 1.0)
_METHODS: dict[str, Callable[..., diffusion.AbstractPlanned]] = {
    "DDIM": diffusion.DDIM,
    "DDIM fixed point": diffusion.FixedPointDDIM,
    "EDICT": diffusion.EDICT,
    "BELM": diffusion.BELM,
    "2M++": functools.partial(diffusion.DPMSolverPP, stepping=diffusion.Multistep(lower_order_final=False)),
    "Heun": diffusion.Heun,
    **{f"BDIA {gamma}": functools.partial(diffusion.BDIA, gamma=gamma) for gamma in (*_GAMMAS, 0.95, 0.96)},
    "BDIA-EDM euler": functools.partial(diffusion.BDIA, gamma=0.25, increment=diffusion.HeunIncrement("euler")),
    "BDIA-EDM heun": functools.partial(diffusion.BDIA, gamma=0.25, increment=diffusion.HeunIncrement("heun")),
}
# Evaluations of the network per step of the grid.
_PER_STEP = {"EDICT": 2, "Heun": 2, "BDIA-EDM euler": 2, "BDIA-EDM heun": 3}
_SAMPLERS = ("DDIM", *(f"BDIA {gamma}" for gamma in _GAMMAS))
_INVERSIONS = ("DDIM", "DDIM fixed point", "EDICT", "BELM", "BDIA 0.9", "BDIA 1.0")
_ROUND_TRIPS = ("BDIA 0.5", "BDIA 0.75", "BDIA 0.9", "BDIA 0.95", "BDIA 1.0")
_EDITS = ("DDIM", "EDICT", "BDIA 0.96")
_PAIRS = ((1, 7), (3, 8), (4, 9), (5, 3))


def trials(preset: Mapping[str, Any]) -> list[Trial]:
    """The grid: problems on time grids, each with its methods and numbers of steps."""
    return [
        Trial({"problem": problem, "grid": grid, "method": method, "steps": steps, "samples": preset["samples"]}, seed)
        for problem, grid, methods, budgets, seeds in _parts(preset)
        for steps in budgets
        for method in methods
        for seed in range(seeds)
    ]


def _parts(preset: Mapping[str, Any]) -> Iterator[tuple[str, str, Sequence[str], Sequence[int], int]]:
    seeds = preset["seeds"]
    yield "digits", "logSNR", _SAMPLERS, preset["digits"], seeds
    yield "digits", "time", _SAMPLERS, preset["time"], seeds
    yield "digits", "logSNR", ("BELM", "2M++"), preset["digits"], seeds
    yield "digits", "logSNR", ("EDICT",), tuple(steps for steps in preset["digits"] if steps >= 10), seeds
    for grid in ("logSNR", "time"):
        yield "Gaussian", grid, ("DDIM", "BDIA 0.5", "BDIA 1.0"), preset["gaussian"], seeds
    yield "latent", "logSNR", _ROUND_TRIPS, preset["round trips"], 1
    yield "latent, float32", "logSNR", _ROUND_TRIPS, preset["round trips"], 1
    yield "image", "logSNR", preset["inversions"], preset["images"], seeds
    yield "image, float32", "logSNR", ("BDIA 0.9", "BDIA 1.0"), preset["images in float32"], seeds
    yield "edit", "logSNR", _EDITS, preset["edits"], seeds
    yield "Karras", "Karras", ("Heun", "BDIA-EDM euler", "BDIA-EDM heun"), preset["karras"], seeds


def run(trial: Trial, key: Any) -> dict[str, Any]:
    """One method with one number of evaluations on one batch."""
    problem, _, precision = trial.cell["problem"].partition(", ")
    if not precision:
        return _PROBLEMS[problem](trial.cell, key, jnp.float64)
    with core.precision(precision):
        return _PROBLEMS[problem](trial.cell, key, jnp.float32)


def _method(cell: Mapping[str, Any]) -> Any:
    # On Karras' grid `steps` counts steps, so that methods of unequal cost are compared step by step.
    per_step = _PER_STEP.get(cell["method"], 1) if cell["problem"] == "Karras" else 1
    return _METHODS[cell["method"]](steps=cell["steps"] * per_step, grid=GRIDS[cell["grid"]])


def _run_digits(cell: Mapping[str, Any], key: Any, _: Any) -> dict[str, Any]:
    problem = mixture_problem(digits(), diffusion.VPLinear())
    x_T = jax.random.normal(key, (cell["samples"], 64))
    return _record(diffusion.sample(problem, _method(cell), x_T=x_T), fine_solution(problem, x_T))


def _run_karras(cell: Mapping[str, Any], key: Any, _: Any) -> dict[str, Any]:
    process = diffusion.EDM(t_min=0.02, t_max=80.0)
    problem = mixture_problem(digits(), process)
    x_T = process.t_max * jax.random.normal(key, (cell["samples"], 64))
    return _record(diffusion.sample(problem, _method(cell), x_T=x_T), fine_solution(problem, x_T))


def _run_gaussian(cell: Mapping[str, Any], key: Any, _: Any) -> dict[str, Any]:
    process = diffusion.VPLinear()
    x_T = jax.random.normal(key, (cell["samples"], 6))
    solution = diffusion.sample(mixture_problem(gaussian(), process), _method(cell), x_T=x_T)
    return _record(solution, flow_map(gaussian(), process, x_T))


def _record(solution: diffusion.Samples, exact: Any) -> dict[str, Any]:
    error = np.median(sample_errors(solution.x, exact))
    return {"evaluations": int(solution.stats["evaluations"]), "error": float(error)}


def _run_latent(cell: Mapping[str, Any], key: Any, dtype: Any) -> dict[str, Any]:
    """Noise to data, and back up from the last two states."""
    problem, method = mixture_problem(digits(dtype.__name__), diffusion.VPLinear()), _method(cell)
    x_T = jax.random.normal(key, (16, 64), dtype)
    samples = diffusion.sample(problem, method, x_T=x_T, trajectory=True)
    inversion = _invert(problem, method, samples.x, samples.states[-1])
    error = np.abs(np.asarray(inversion.latent.states[0]) - np.asarray(x_T)).max()
    return {
        "evaluations": int(samples.stats["evaluations"]),
        # What float32 cannot hold any more counts as its largest number.
        "error": float(np.nan_to_num(error, nan=3e38, posinf=3e38)),
        "amplification": inversion.amplification,
    }


def _run_image(cell: Mapping[str, Any], key: Any, dtype: Any) -> dict[str, Any]:
    """Real digits to their latents, and back; and the same where only the state at the noisy end is kept."""
    problem, method = mixture_problem(digits(dtype.__name__), diffusion.VPLinear()), _method(cell)
    x_0 = _held_digits(key, 16, dtype)
    inversion = _invert(problem, method, x_0)
    back = diffusion.sample_latent(problem, method, inversion.latent).x
    alone = diffusion.sample(problem, method, x_T=inversion.latent.states[0]).x
    return {
        "evaluations": int(inversion.stats["evaluations"]),
        "error": float(np.abs(np.asarray(back) - np.asarray(x_0)).max()),
        "rms": float(np.median(sample_errors(back, x_0))),
        "one state": float(np.median(sample_errors(alone, x_0))),
        "images": picture_of(back),
        "originals": picture_of(x_0),
    }


def _invert(problem: diffusion.Sampling, method: Any, x_0: Any, before: Any = None) -> diffusion.Inversion:
    # How far rounding is amplified is what is measured here.
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*amplifies rounding")
        return diffusion.invert(problem, method, x_0, before=before, throw=False)


def _held_digits(key: Any, count: int, dtype: Any, label: int | None = None) -> Any:
    """Real digits that are not means of the mixture, drawn by the seed."""
    held = data.digits()
    flat, labels = np.asarray(held.flat), np.asarray(held.labels)
    rows = np.arange(len(flat)) if label is None else np.flatnonzero(labels == label)
    return jnp.asarray(flat[np.asarray(jax.random.choice(key, rows, (count,), replace=False))], dtype)


def _run_edit(cell: Mapping[str, Any], key: Any, dtype: Any) -> dict[str, Any]:
    """Real digits of four classes, each made into a digit of another; the posterior is the mixture's own."""
    process, each = diffusion.VPLinear(), 8
    x_0 = jnp.concatenate([_held_digits(key, each, dtype, label) for label, _ in _PAIRS])
    source, target = (
        mixture_problem(digits(), process, np.repeat([pair[side] for pair in _PAIRS], each), 1.0 if side == 0 else 3.0)
        for side in (0, 1)
    )
    edited = diffusion.edit(source, target, _method(cell), x_0, strength=0.8)
    log_posterior = digits().log_responsibilities(edited.x / float(process.alpha(process.t_min)))
    wanted = np.repeat([pair[1] for pair in _PAIRS], each)
    posterior = np.exp(np.asarray(log_posterior))[np.arange(wanted.size), wanted]
    return {
        "evaluations": int(edited.stats["evaluations"]),
        "error": float(np.median(sample_errors(edited.x, x_0))),
        "posterior": float(np.mean(posterior)),
        "images": picture_of(edited.x[::each]),
        "originals": picture_of(x_0[::each]),
    }


_PROBLEMS = {
    "digits": _run_digits,
    "Gaussian": _run_gaussian,
    "latent": _run_latent,
    "image": _run_image,
    "edit": _run_edit,
    "Karras": _run_karras,
}


def judge(table: "pd.DataFrame") -> list[Bar]:
    """The bars of accuracy, of the orders, of exact inversion, and of equal cost."""
    from ._verdict import median_of, order, relative_error

    bars = [
        Bar(
            f"error of BDIA {gamma} over DDIM's, grid in {grid}, {steps} evaluations",
            relative_error(table, f"BDIA {gamma}", "DDIM", steps, problem="digits", grid=grid),
            low,
            sense,
            high,
            note,
        )
        for gamma, grid, steps, low, sense, high, note in (
            (1.0, "time", 20, 0.45, "<=", None, ""),
            (0.5, "logSNR", 80, 0.30, "in", 0.38, "(1 - gamma) / (1 + gamma) = 1/3 in theory"),
        )
    ]
    budgets = (40, 80, 160, 320)
    bars += [
        Bar(
            f"order of BDIA {gamma}, Gaussian, 40 to 320 evaluations",
            order(table, budgets, problem="Gaussian", grid="logSNR", method=f"BDIA {gamma}"),
            low,
            sense,
            high,
        )
        for gamma, low, sense, high in ((1.0, 1.8, ">=", None), (0.5, 0.9, "in", 1.15))
    ]
    bars += [
        Bar(
            f"largest error of {what}",
            median_of(table, "error", problem=problem, method=method, steps=50),
            *bar,  # pyright: ignore[reportArgumentType]
        )
        for what, problem, method, bar in (
            ("noise to data to noise, BDIA 1.0, 50 steps, float64", "latent", "BDIA 1.0", (1e-12, "<=")),
            ("noise to data to noise, BDIA 1.0, 50 steps, float32", "latent, float32", "BDIA 1.0", (1e-4, "<=")),
            ("image to latent to image, BDIA 1.0, 50 steps, float64", "image", "BDIA 1.0", (1e-11, "<=")),
            ("image to latent to image, DDIM, 50 steps", "image", "DDIM", (1e-2, ">=", None, "what BDIA is for")),
        )
    ]
    spent = {
        method: median_of(table, "evaluations", problem="image", method=method, steps=50)
        for method in ("DDIM", "BDIA 1.0")
    }
    ratio = spent["BDIA 1.0"] / spent["DDIM"]
    bars.append(Bar("evaluations of BDIA over DDIM's for an inversion of 50 steps", ratio, 1.0, "in", 1.0))
    bars.append(Bar("evaluations per step of EDICT over BDIA's", _cost_of_edict(), 2.0, ">="))
    return bars


def _cost_of_edict() -> float:
    """From the plans: evaluations per distinct time of the grid."""
    ratio = []
    for method in (diffusion.EDICT, diffusion.BDIA):
        plan = diffusion.plan(method(steps=20, grid=GRIDS["logSNR"]), diffusion.VPLinear())
        ratio.append(plan.evaluations / np.unique(plan.times).size)
    return ratio[0] / ratio[1]


def plot(table: "pd.DataFrame") -> "Figure":
    """Error against evaluations, what rounding does to a round trip, and digits inverted and edited."""
    from matplotlib.figure import Figure

    from ._figure import Line, cost_ticks, digit_strip, draw_errors, error_axes
    from ._verdict import select

    figure = Figure(figsize=(11.5, 7.6), layout="constrained")
    grid = figure.add_gridspec(2, 2, height_ratios=(2.4, 1))
    left, right = figure.add_subplot(grid[0, 0]), figure.add_subplot(grid[0, 1])
    error_axes(left, "Digits, exact denoiser, grid in log-SNR")
    draw_errors(
        left,
        select(table, problem="digits", grid="logSNR"),
        {
            "DDIM": Line("#555555", "DDIM"),
            "EDICT": Line("#cc79a7", "EDICT", "-", "s"),
            "BDIA 0.5": Line("#56b4e9", "BDIA, gamma 0.5"),
            "BDIA 0.9": Line("#0072b2", "BDIA, gamma 0.9", "--"),
            "BDIA 1.0": Line("#0072b2", "BDIA, gamma 1"),
            "BELM": Line("#009e73", "O-BELM", "-", "^"),
            "2M++": Line("#e69f00", "DPM-Solver++ 2M (no inverse)", ":", "^"),
        },
    )
    cost_ticks(left, (5, 10, 20, 40, 80))
    left.legend(frameon=False, fontsize=8.5, loc="lower left")
    _draw_round_trips(right, table)
    strips = _strips(table)
    if strips:
        digit_strip(figure, grid[1, :], strips, ["real digits", "DDIM inversion", "EDICT", "BDIA"])
    return figure


def _draw_round_trips(axes: "Axes", table: "pd.DataFrame") -> None:
    from ._verdict import select

    colors = dict(zip(_ROUND_TRIPS, ("#d55e00", "#e69f00", "#56b4e9", "#0072b2", "#009e73"), strict=True))
    for problem, style in (("latent", "-"), ("latent, float32", "--")):
        for method, color in colors.items():
            rows = select(table, problem=problem, method=method).sort_values("steps")
            if not len(rows):
                continue
            label = f"gamma {method.removeprefix('BDIA ')}" if style == "-" else None
            axes.plot(rows["steps"], rows["error"], style, color=color, marker="o", markersize=4, label=label)
            if style == "-":
                axes.plot(rows["steps"], 1e-15 * rows["amplification"], ":", color=color, linewidth=1.0)
    axes.set(yscale="log", xlabel="steps", ylabel="largest error", ylim=(1e-16, 1e10))
    axes.set_title("Noise to data to noise: rounding grows", loc="left", fontsize=10, fontweight="bold")
    axes.plot([], [], "-", color="0.3", label="float64")
    axes.plot([], [], "--", color="0.3", label="float32")
    axes.plot([], [], ":", color="0.3", label="1e-15 gamma^-(N-1)")
    axes.grid(True, which="major", color="0.88", linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8.5, ncols=2, loc="upper left")


def _strips(table: "pd.DataFrame") -> list[tuple[str, list[Any]]]:
    """Reconstructions at the fewest steps, and edits; an edited digit is a 1, 3, 4, 5 made a 7, 8, 9, 3."""
    from ._verdict import select

    rows = {}
    for label, problem, methods in (
        ("there and back", "image", ("DDIM", "EDICT", "BDIA 1.0")),
        ("edited", "edit", _EDITS),
    ):
        cells = [select(table, problem=problem, method=method).sort_values(["steps", "seed"]) for method in methods]
        if all(len(cell) for cell in cells):
            rows[label] = [cells[0].iloc[0]["originals"], *(cell.iloc[0]["images"] for cell in cells)]
    return list(rows.items())


_SMALL = {
    "digits": (5, 10, 20, 40, 80),
    "time": (10, 20, 40),
    "gaussian": (40, 80, 160, 320),
    "round trips": (5, 10, 20, 35, 50),
    "images": (10, 20, 50),
    "images in float32": (10, 20, 50),
    "inversions": _INVERSIONS,
    "edits": (40,),
    "karras": (5, 9, 18),
    "samples": 128,
    "seeds": 5,
}

STUDY = Study(
    slug="bdia",
    number=32,
    paper="2307.10829",
    title="BDIA",
    claim=(
        "Integrating each step in both directions makes DDIM exactly invertible at the same number of network "
        "evaluations, and more accurate."
    ),
    verb="diffusion.invert",
    methods=("BDIA", "DDIM", "FixedPointDDIM", "EDICT", "BELM", "DPMSolverPP", "Heun"),
    precision="float64",
    presets={
        "smoke": {
            "digits": (),
            "time": (),
            "gaussian": (),
            "round trips": (),
            "images": (10,),
            "images in float32": (),
            "inversions": ("DDIM", "BDIA 1.0"),
            "edits": (),
            "karras": (),
            "samples": 4,
            "seeds": 1,
        },
        "small": _SMALL,
        "full": {
            **_SMALL,
            "digits": (5, 10, 20, 40, 80, 160),
            "time": (5, 10, 20, 40, 80),
            "samples": 512,
            "seeds": 10,
        },
    },
    trials=trials,
    run=run,
    judge=judge,
    plot=plot,
)
