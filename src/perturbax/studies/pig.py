"""PIG (Kang, Oh, Hong & Park 2025, arXiv 2412.05994): Gaussians that move as the mesh of a physics-informed network.

"helmholtz": `u_xx + u_yy + u = q` on [-1, 1]^2 with `u = sin(4 pi y) sin(pi x)`, 900 points inside and 200 on the
boundary, the residual weighted by 1e-4, in float64. PIG with 150 Gaussians of 4 features (1297 parameters), a PINN of
as many (2-34-34-1, 1327 parameters), the same Gaussians without moving, and PIG by L-BFGS in the place of
Levenberg-Marquardt, all with the same points of a seed. Every run is made twice, and the second one is timed: the first
compiles.

`error` is relative L2 at 2048 points after each chunk of steps, `cpu` the CPU time until there. "equal CPU time" takes
the last error of the baseline that was there at that time. The preset `full` has the larger problems of the paper, for
an accelerator.
"""

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from perturbax import core, pde

from ._figure import legend
from ._study import Bar, Study, Trial
from ._verdict import select

if TYPE_CHECKING:
    import pandas as pd

_SIDE = 60
_METHODS = ("PIG", "PINN", "fixed", "L-BFGS")
_COLORS = {"PIG": "#0072b2", "PINN": "#d55e00", "fixed": "#009e73", "L-BFGS": "#cc79a7"}
_LABELS = {"PIG": "PIG", "PINN": "PINN of equal size", "fixed": "Gaussians that stay", "L-BFGS": "PIG by L-BFGS"}
_PROBLEMS = {
    "helmholtz": lambda: pde.catalogue.helmholtz(weight=1e-4),
    "flow mixing": pde.catalogue.flow_mixing,
    "Klein-Gordon": pde.catalogue.klein_gordon,
}


def trials(preset: Mapping[str, Any]) -> list[Trial]:
    """A trial for each problem, method and seed; the longest first, so that two workers end together."""
    small = [
        Trial({"problem": "helmholtz", "method": name, "steps": preset[name], **preset["size"]}, seed)
        for name in _METHODS
        for seed in range(preset["seeds"])
    ]
    large = [
        Trial({"problem": problem, "method": "PIG full", **size}, seed)
        for problem, size in preset["large"].items()
        for seed in range(preset["seeds"])
    ]
    return small + large


def run(trial: Trial, key: Any) -> dict[str, Any]:
    """One method on one problem."""
    problem, method = _PROBLEMS[trial.cell["problem"]](), _method(trial.cell)
    optimiser = method.optimiser
    warm = dataclasses.replace(method, optimiser=dataclasses.replace(optimiser, steps=2 * optimiser.chunk))
    pde.solve(problem, warm, key=key, progress=False)
    solution = pde.solve(problem, method, key=key, progress=False)
    history = solution.history
    error = pde.solution_error(solution)
    record: dict[str, Any] = {
        "step": history["step"],
        "error": history["error"],
        "cpu": history["cpu_seconds"],
        "parameters": solution.stats["parameters"],
        "evaluations": solution.stats["evaluations"],
        "final": error.relative_l2,
        "left inside": error.residual_rms,
        "left on boundary": error.condition_rms[0],
    }
    if trial.cell["method"] != "PINN":
        record |= _moved(problem, method, solution, key)
    if trial.cell["problem"] == "helmholtz" and trial.seed == 0:
        x = np.stack(np.meshgrid(*[np.linspace(-1.0, 1.0, _SIDE)] * 2, indexing="ij"), -1).reshape(-1, 2)
        record |= {"u": solution(x).reshape(_SIDE, _SIDE)}
    return record


def _method(cell: Mapping[str, Any]) -> Any:
    points = pde.FixedPoints(cell["interior"], cell["boundary"])
    if cell["method"] == "PIG full":
        optimiser: Any = pde.LBFGS(cell["steps"], chunk=cell["chunk"])
        points = pde.FreshPoints(cell["interior"], cell["boundary"], every=cell["every"])
        return pde.PIG(cell["gaussians"], sigma=cell["sigma"], optimiser=optimiser, points=points)
    if cell["method"] == "L-BFGS":
        optimiser = pde.LBFGS(cell["steps"], chunk=cell["chunk"])
    else:
        optimiser = pde.LM(cell["steps"], chunk=cell["chunk"])
    if cell["method"] == "PINN":
        width = cell["width"]
        return pde.PINN((width, width), optimiser=optimiser, points=points)
    kind = pde.FixedGaussians if cell["method"] == "fixed" else pde.PIG
    return kind(cell["gaussians"], optimiser=optimiser, points=points)


def _moved(problem: Any, method: Any, solution: Any, key: Any) -> dict[str, Any]:
    """Where the Gaussians were and are, how wide, and how far they moved in the mean, on [-1, 1]^d."""
    before = dataclasses.replace(solution, model=method.start(core.settle_arrays(problem), key))
    (start, first), (end, last) = pde.gaussians(before), pde.gaussians(solution)
    half = 0.5 * (np.asarray(problem.domain.upper) - np.asarray(problem.domain.lower))
    shift = np.linalg.norm((np.asarray(end) - np.asarray(start)) / half, axis=-1)
    inside = np.asarray(problem.domain.contains(end))
    record: dict[str, Any] = {"displacement": float(shift.mean()), "outside": float(1.0 - inside.mean())}
    if problem.dimension == 2:
        for name, mean, covariance in (("before", start, first), ("after", end, last)):
            record |= {f"mean {name}": np.asarray(mean), f"covariance {name}": np.asarray(covariance)}
    return record


def judge(table: "pd.DataFrame") -> list[Bar]:
    """The bars of the claim; those of the large problems where they were run."""
    rows = select(table, problem="helmholtz")
    spec = "the bar of the specification; 1.1e-3 there"
    bars = [
        Bar("PIG: relative L2 error after 160 steps of LM", _error(rows, "PIG", 160), 3e-3, "<=", note=spec),
        Bar("error of the PINN over PIG after 80 steps", _ratio(rows, "PINN", 80, 80), 5.0, ">="),
        Bar("error of the PINN over PIG after 160 steps", _ratio(rows, "PINN", 160, 160), 1.5, ">="),
        Bar("error of LM over L-BFGS at equal CPU time", 1.0 / _at_equal_time(rows, "L-BFGS"), 1 / 3, "<="),
        Bar("mean displacement of the Gaussians", _median(rows, "PIG", "displacement"), 0.05, ">="),
        Bar("error without moving over with, after 160 steps", _ratio(rows, "fixed", 160, 160), 5.0, ">="),
        Bar("the same at equal CPU time", _at_equal_time(rows, "fixed"), 1.5, ">="),
    ]
    for problem, most in (("helmholtz", 1e-4), ("flow mixing", 1.5e-3), ("Klein-Gordon", 6e-3)):
        large = select(table, problem=problem, method="PIG full")
        if len(large):
            bars.append(Bar(f"{problem}, full size: relative L2 error", large["final"].median(), most, "<="))
    return bars


def _histories(rows: "pd.DataFrame", method: str) -> dict[int, Any]:
    return {int(row["seed"]): row for _, row in select(rows, method=method).iterrows()}


def _error_at(row: Any, steps: int) -> float:
    place = np.flatnonzero(np.asarray(row["step"]) == steps)
    return float(row["error"][place[0]]) if len(place) else np.nan


def _error(rows: "pd.DataFrame", method: str, steps: int) -> float:
    found = [_error_at(row, steps) for row in _histories(rows, method).values()]
    return float(np.median(found)) if found else np.nan


def _median(rows: "pd.DataFrame", method: str, column: str) -> float:
    found = select(rows, method=method)
    return float(found[column].median()) if len(found) and column in found else np.nan


def _ratio(rows: "pd.DataFrame", baseline: str, theirs: int, ours: int) -> float:
    """The error of a baseline over that of PIG at the same seed, median over the seeds."""
    mine, other = _histories(rows, "PIG"), _histories(rows, baseline)
    found = [_error_at(other[s], theirs) / _error_at(mine[s], ours) for s in mine.keys() & other.keys()]
    return float(np.median(found)) if found else np.nan


def _at_equal_time(rows: "pd.DataFrame", baseline: str) -> float:
    """The error of a baseline over that of PIG at the largest CPU time that both have, median over the seeds."""
    mine, other, found = _histories(rows, "PIG"), _histories(rows, baseline), []
    for seed in mine.keys() & other.keys():
        until = min(mine[seed]["cpu"][-1], other[seed]["cpu"][-1])
        errors = []
        for row in (other[seed], mine[seed]):
            done = np.flatnonzero(np.asarray(row["cpu"]) <= until)
            errors.append(row["error"][done[-1]] if len(done) else np.nan)
        found.append(errors[0] / errors[1])
    return float(np.median(found)) if found else np.nan


def plot(table: "pd.DataFrame") -> Any:
    """The Gaussians before and after, errors of PIG and PINN in one scale, and errors against CPU time."""
    from matplotlib.figure import Figure

    rows = select(table, problem="helmholtz")
    figure = Figure(figsize=(11.0, 7.0), layout="constrained")
    grid = figure.subplots(2, 3)
    firsts = {name: found[0] for name in _METHODS if 0 in (found := _histories(rows, name))}
    if "PIG" in firsts:
        for axes, name in zip(grid[0, :2], ("before", "after"), strict=True):
            _draw_gaussians(axes, firsts["PIG"], name)
    scale = _draw_errors_on_the_domain(figure, grid[1, :2], firsts)
    _draw_against(grid[0, 2], rows, "step", "steps of Levenberg-Marquardt", ("PIG", "PINN", "fixed"))
    _draw_against(grid[1, 2], rows, "cpu", "CPU seconds, without compilation", _METHODS)
    if scale is None:
        for axes in grid[1, :2]:
            axes.set_axis_off()
    return figure


def _exact() -> Any:
    line = np.linspace(-1.0, 1.0, _SIDE)
    return np.sin(np.pi * line)[:, None] * np.sin(4.0 * np.pi * line)


def _draw_gaussians(axes: Any, row: Any, name: str) -> None:
    from matplotlib.patches import Ellipse

    axes.imshow(_exact().T, origin="lower", extent=(-1, 1, -1, 1), cmap="Greys", alpha=0.45)
    for mean, covariance in zip(row[f"mean {name}"], row[f"covariance {name}"], strict=True):
        values, vectors = np.linalg.eigh(covariance)
        angle = np.degrees(np.arctan2(vectors[1, 1], vectors[0, 1]))
        wide, narrow = np.sqrt(values[::-1])
        shape = Ellipse(mean, wide, narrow, angle=angle, fill=False, edgecolor="#0072b2", linewidth=0.7)
        axes.add_patch(shape)
    axes.set(xlim=(-1.4, 1.4), ylim=(-1.4, 1.4), xticks=[-1, 0, 1], yticks=[-1, 0, 1], aspect="equal")
    axes.set_title(f"The Gaussians {name} training", loc="left", fontsize=10, fontweight="bold")


def _draw_errors_on_the_domain(figure: Any, places: Any, firsts: Mapping[str, Any]) -> float | None:
    errors = {name: np.abs(firsts[name]["u"] - _exact()) for name in ("PIG", "PINN") if name in firsts}
    if len(errors) < 2:
        return None
    scale = float(max(error.max() for error in errors.values()))
    for axes, (name, error) in zip(places, errors.items(), strict=True):
        image = axes.imshow(error.T, origin="lower", extent=(-1, 1, -1, 1), cmap="magma", vmin=0.0, vmax=scale)
        axes.set(xticks=[-1, 0, 1], yticks=[-1, 0, 1])
        axes.set_title(f"Error of {_LABELS[name]}", loc="left", fontsize=10, fontweight="bold")
    figure.colorbar(image, ax=list(places), shrink=0.8)
    return scale


def _draw_against(axes: Any, rows: "pd.DataFrame", column: str, label: str, names: tuple[str, ...]) -> None:
    axes.set(xlabel=label, yscale="log")
    axes.set_title("Relative L2 error", loc="left", fontsize=10, fontweight="bold")
    for name in names:
        for seed, row in _histories(rows, name).items():
            shown = _LABELS[name] if seed == 0 else None
            axes.plot(row[column], row["error"], color=_COLORS[name], linewidth=1.4, alpha=0.9, label=shown)
    axes.grid(True, which="major", color="0.88", linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    legend(axes, loc="lower left" if column == "step" else "upper right")


_SIZE = {"gaussians": 150, "width": 34, "interior": 900, "boundary": 200, "chunk": 20}
_SMALL = {"PIG": 160, "PINN": 160, "fixed": 160, "L-BFGS": 1000, "seeds": 3, "size": _SIZE, "large": {}}
_LARGE = {"interior": 10_000, "boundary": 10_000, "chunk": 200, "every": 200}

STUDY = Study(
    slug="pig",
    number=46,
    paper="2412.05994",
    title="PIG: Physics-Informed Gaussians as Adaptive Parametric Mesh Representations",
    claim=(
        "Features of Gaussians whose means and variances are trained, read by a small network, solve PDEs more "
        "accurately than a physics-informed network of as many parameters, and than Gaussians that stay in place."
    ),
    verb="pde.solve",
    methods=("PIG", "FixedGaussians", "PINN"),
    presets={
        "smoke": {
            **{name: 4 for name in _METHODS},
            "seeds": 1,
            "size": {"gaussians": 8, "width": 6, "interior": 40, "boundary": 16, "chunk": 2},
            "large": {},
        },
        "small": _SMALL,
        "full": {
            **_SMALL,
            "seeds": 5,
            "large": {
                "helmholtz": {**_LARGE, "gaussians": 800, "sigma": 0.1, "steps": 40_000},
                "flow mixing": {**_LARGE, "interior": 27_000, "gaussians": 4000, "sigma": 0.1, "steps": 20_000},
                "Klein-Gordon": {**_LARGE, "gaussians": 100, "sigma": 0.5, "steps": 20_000},
            },
        },
    },
    trials=trials,
    run=run,
    judge=judge,
    plot=plot,
    precision="float64",
)
