"""AAS (Tang, Zhai, Wan & Yang 2024, arXiv 2305.18702): points of a flow that is trained against the solution.

"peak": `-Laplacian u = s` on [-1, 1]^2 with `u = exp(-60 |x - (0.5, 0.5)|^2)`, whose disc of three standard deviations
is 5.9 % of the square. A network 2-24-24-1 by Levenberg-Marquardt, 15 steps in an epoch, begun anew with each set of
points, the residual divided by its largest value 4 x 60, the root of the weight of the boundary 3 times that of the
residual, in float64. All samplers have 150 points inside and the same steps of the network: "uniform" draws them anew
in every epoch, "RAR" and "DAS-G" start with 75 and add up to 150. With Adam, or with few steps and a sharper peak,
nothing is learned whatever the points are.

"equal steps" is after the epochs of AAS. For "equal time" the other sampler has the CPU time that AAS took in all, with
the residuals of candidates, without compilation: every run is made after a short one that compiles. Samplers that are
compared so get more epochs, and their residuals are looked at after all of them. An error is the median of the last
five epochs of a budget, since fresh points make it jump. `max r^2 / mean r^2` and the variance of `r^2` at a point of
the sampler, with the density of its points, are sums over 200 x 200 cells.

"kept": the same with the damping of Levenberg-Marquardt kept when the points change, as `pde.LM` does. All samplers are
better so, those without a flow far more; with fresh uniform points the restart fits each set anew at any price.

"constant": the flow starts away from uniform and the residual is 1 everywhere. "two peaks" and "nonlinear" are the
other problems of the paper, for an accelerator.
"""

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from scipy.stats import norm

from perturbax import nn, pde

from ._adaptive_points_figure import draw_curves, draw_snapshots
from ._study import Bar, Study, Trial
from ._verdict import median_of, select

if TYPE_CHECKING:
    import pandas as pd

_LABELS = {"uniform": "uniform, fresh", "RAR": "RAR", "AAS": "AAS", "RAD": "RAD", "DAS-R": "DAS-R", "DAS-G": "DAS-G"}
_COLORS = dict(zip(_LABELS, ("#666666", "#d55e00", "#0072b2", "#e69f00", "#009e73", "#cc79a7"), strict=True))
_SHOWN = ("uniform", "RAR", "AAS")
_FINE, _COARSE = 200, 60
_LAST = 5


def trials(preset: Mapping[str, Any]) -> list[Trial]:
    """A trial for each problem, sampler and seed; the longest first, so that two workers end together."""
    found = [Trial({"problem": "constant", **preset["constant"]}, 0)]
    for problem, sizes in preset["problems"].items():
        for sampler, epochs in sizes["epochs"].items():
            cell = {"problem": problem, "sampler": sampler, "epochs": epochs, **sizes["size"]}
            found += [Trial(cell, seed) for seed in range(preset["seeds"])]
    return found


def run(trial: Trial, key: Any) -> dict[str, Any]:
    """One sampler on one problem, or a flow that has nothing to follow."""
    cell = trial.cell
    if cell["problem"] == "constant":
        return _return_to_uniform(cell, key)
    problem, method = _problem(cell), _method(cell)

    def solved(epochs: int) -> Any:
        optimiser = dataclasses.replace(method.optimiser, steps=epochs * cell["steps"])
        return pde.solve(problem, dataclasses.replace(method, optimiser=optimiser), key=key, progress=False)

    solved(2)
    solution = solved(cell["epochs"])
    history = solution.history
    record: dict[str, Any] = {
        "step": history["step"],
        "error": history["error"],
        "cpu": history["cpu_seconds"],
        "evaluations": solution.stats["evaluations"] * (cell["interior"] + cell["boundary"]),
        "sampler_evaluations": solution.stats["sampler_evaluations"],
    }
    if "effective_sample_size" in history:
        record["effective_sample_size"] = history["effective_sample_size"]
    if problem.dimension == 2:
        record |= _evenness(solution, cell)
        if trial.seed == 0 and cell["sampler"] in _SHOWN:
            record |= _snapshots(solved, cell)
    return record


def _problem(cell: Mapping[str, Any]) -> Any:
    weight = 1.0 / cell["boundary_weight"]
    if cell["problem"] == "nonlinear":
        return pde.catalogue.nonlinear_peak(10, weight=weight)
    make = pde.catalogue.two_peaks if cell["problem"] == "two peaks" else pde.catalogue.peak
    return make(cell["sharpness"], weight=weight)


def _method(cell: Mapping[str, Any]) -> Any:
    m, boundary, every = cell["interior"], cell["boundary"], cell["steps"]
    grows = {"initial": m // 2, "added": max(1, round(m / 40))}
    sizes: dict[str, Any] = {"interior": m, "boundary": boundary, "every": every}
    pool = {"candidates": cell["candidates"]}
    flow: dict[str, Any] = {"flow_steps": cell["flow_steps"]}
    if cell["problem"] == "nonlinear":
        flow["flow"] = _in_two_blocks
    points: Any = {
        "uniform": lambda: pde.FreshPoints(**sizes),
        "RAR": lambda: pde.RAR(**sizes, **grows, **pool),
        "RAD": lambda: pde.RAD(**sizes, **pool),
        "AAS": lambda: pde.AdversarialSampler(**sizes, **flow),
        "DAS-R": lambda: pde.DASReplace(**sizes, **pool, **flow),
        "DAS-G": lambda: pde.DASGrow(**sizes, **grows, **pool, **flow),
    }[cell["sampler"]]()
    width = cell["width"]
    kind = pde.LM if cell["problem"] == "kept" else Restarted
    return pde.PINN((width,) * cell["layers"], kind(cell["steps"], chunk=every), points)


class Restarted(pde.LM):
    """Levenberg-Marquardt that begins anew with each set of points."""

    def moved(self, trained: Any, state: Any) -> Any:
        return self.start(trained)


def _in_two_blocks(dimension: int, *, key: Any) -> nn.KRNet:
    return nn.KRNet(dimension, key=key, block=dimension // 2)


def _cells(side: int) -> np.ndarray:
    """The middles of equal cells of the square."""
    line = (np.arange(side) + 0.5) * 2.0 / side - 1.0
    return np.stack(np.meshgrid(line, line, indexing="ij"), -1).reshape(-1, 2)


def _evenness(solution: Any, cell: Mapping[str, Any]) -> dict[str, Any]:
    """How even the residual is, where the points are, and the integral of the flow."""
    x = _cells(_FINE)
    square = np.sum(np.square(solution.residual(x)), -1)
    found: dict[str, Any] = {"unevenness": float(square.max() / square.mean()), "mean square": float(square.mean())}
    away = np.linalg.norm(np.asarray(solution.points.x) - 0.5, axis=-1)
    # Three standard deviations of the peak, whose variance is 1 / (2 sharpness).
    inside = away[np.asarray(solution.points.weights) > 0.0] < 3.0 / (2.0 * cell["sharpness"]) ** 0.5
    found["in the disc"] = float(inside.mean())
    if cell["sampler"] == "uniform":
        density = np.full(len(x), 0.25)
    elif cell["sampler"] == "AAS":
        share = _share(cell)
        density = share * np.asarray(pde.sampling_density(solution, x)) + (1.0 - share) * 0.25
        found["integral"] = _integral(solution)
    else:
        return found
    mass = density / density.sum()
    mean = float(mass @ square)
    variance = float(mass @ (square - mean) ** 2)
    return found | {"estimator variance": variance, "relative variance": variance / mean**2}


def _share(cell: Mapping[str, Any]) -> float:
    """The share of the points that AAS draws from its flow."""
    return pde.AdversarialSampler(cell["interior"], cell["boundary"]).drawn / cell["interior"]


def _integral(solution: Any) -> float:
    """The integral of the flow's density. With `x = 2 Phi(w) - 1`, since it may have poles at the edges."""
    nodes, weights = np.polynomial.legendre.leggauss(_FINE)
    w, weights = 8.0 * nodes, 8.0 * weights
    x = 2.0 * norm.cdf(np.stack(np.meshgrid(w, w, indexing="ij"), -1).reshape(-1, 2)) - 1.0
    p = np.asarray(pde.sampling_density(solution, x)).reshape(_FINE, _FINE)
    weights = weights * 2.0 * norm.pdf(w)
    return float(weights @ p @ weights)


def _snapshots(solved: Any, cell: Mapping[str, Any]) -> dict[str, Any]:
    """The residual, the points and the density after some epochs: those that a shorter run ends with."""
    found: dict[str, Any] = {}
    x = _cells(_COARSE)
    for k, epochs in enumerate(int(n) for n in cell["shown"].split()):
        solution = solved(epochs)
        square = np.sum(np.square(solution.residual(x)), -1).reshape(_COARSE, _COARSE)
        counted = np.asarray(solution.points.weights) > 0.0
        found |= {f"square {k}": square.astype(np.float32), f"points {k}": np.asarray(solution.points.x)[counted]}
        if cell["sampler"] == "AAS":
            density = np.asarray(pde.sampling_density(solution, x)).reshape(_COARSE, _COARSE)
            found[f"density {k}"] = density.astype(np.float32)
    return found


def _even(x: Any, u: Any, params: Any) -> Any:
    return 1.0 + 0.0 * u.value


def _tilted(dimension: int, *, key: Any) -> nn.KRNet:
    """A flow away from uniform."""
    flow = nn.KRNet(dimension, key=key)
    shifted = [stage.normal.shift + 0.05 for stage in flow.stages]
    return eqx.tree_at(lambda f: [stage.normal.shift for stage in f.stages], flow, shifted)


def _return_to_uniform(cell: Mapping[str, Any], key: Any) -> dict[str, Any]:
    """The largest over the least value of a flow's density, before and after updates by a constant residual."""
    problem = pde.PDEProblem(pde.Box([-1.0, -1.0], [1.0, 1.0]), _even, [pde.Dirichlet()])
    points = pde.AdversarialSampler(
        cell["interior"], cell["boundary"], every=1, beta=cell["beta"], flow_steps=cell["flow_steps"], flow=_tilted
    )
    method = pde.PINN((2,), pde.LM(cell["updates"], chunk=1), points)
    x = _cells(50)
    start = np.asarray(_tilted(2, key=key).log_density(jnp.asarray(x)))
    density = np.asarray(pde.sampling_density(pde.solve(problem, method, key=key, progress=False), x))
    return {"first ratio": float(np.exp(np.ptp(start))), "last ratio": float(density.max() / density.min())}


def judge(table: "pd.DataFrame") -> list[Bar]:
    """The bars of the claim; those of the large problems where they were run."""
    rows = select(table, problem="peak")
    ours = select(rows, sampler="AAS")
    first = "of the specification; a first run, which kept the damping at new points, missed it"
    bars = [
        Bar("error of AAS over uniform at equal steps", _at_equal(rows, "uniform", "step"), 0.5, "<="),
        Bar("error of AAS over uniform at equal CPU time", _at_equal(rows, "uniform", "cpu"), 0.5, "<="),
        Bar("error of AAS over RAR at equal steps", _at_equal(rows, "RAR", "step"), 1.2, "<=", note=first),
        Bar("error of AAS over RAR at equal CPU time", _at_equal(rows, "RAR", "cpu"), 1.2, "<=", note=first),
        Bar("max / mean of r^2: uniform over AAS", _over(rows, "unevenness"), 3.0, ">=", note=first),
        Bar("variance of r^2 at a point: uniform over AAS", _over(rows, "estimator variance"), 2.0, ">=", note=first),
        Bar("integral of the flow's density minus 1, largest", _largest_off(ours), 1e-3, "<="),
        Bar("max / min of the flow after a constant residual", median_of(table, "last ratio"), 1.5, "<="),
    ]
    kept = select(table, problem="kept")
    if len(kept):
        for baseline, most in (("uniform", 0.5), ("RAR", 1.2)):
            name = f"damping kept: error of AAS over {baseline} at equal steps"
            bars.append(Bar(name, _at_equal(kept, baseline, "step"), most, "<=", note="the bar of the restarted form"))
    for problem in ("sharp peak", "two peaks", "nonlinear"):
        large = select(table, problem=problem)
        if len(large):
            bars.append(Bar(f"{problem}: error of AAS over uniform", _at_equal(large, "uniform", "step"), 0.5, "<="))
    return bars


def _runs(rows: "pd.DataFrame", sampler: str) -> dict[int, Any]:
    return {int(row["seed"]): row for _, row in select(rows, sampler=sampler).iterrows()}


def _at_equal(rows: "pd.DataFrame", baseline: str, budget: str) -> float:
    """The error of AAS over that of a baseline with the same `step` or `cpu` as AAS in all, median over the seeds."""
    ours, theirs, found = _runs(rows, "AAS"), _runs(rows, baseline), []
    for seed in ours.keys() & theirs.keys():
        until = ours[seed][budget][-1]
        # A baseline that ended sooner than AAS has not had its time.
        enough = theirs[seed][budget][-1] >= until
        found.append(_error(ours[seed], budget, until) / _error(theirs[seed], budget, until) if enough else np.nan)
    return float(np.median(found)) if found else np.nan


def _error(row: Any, budget: str, until: float) -> float:
    """The median error of the last epochs within a budget: fresh points make it jump from one to the next."""
    done = np.flatnonzero(np.asarray(row[budget]) <= until)
    return float(np.median(np.asarray(row["error"])[done[-_LAST:]])) if len(done) else np.nan


def _over(rows: "pd.DataFrame", column: str) -> float:
    """The median over the seeds of a column of uniform points over that of AAS at the same seed."""
    ours, theirs = _runs(rows, "AAS"), _runs(rows, "uniform")
    found = [theirs[seed][column] / ours[seed][column] for seed in ours.keys() & theirs.keys()]
    return float(np.median(found)) if found else np.nan


def _largest_off(rows: "pd.DataFrame") -> float:
    return float(np.abs(rows["integral"] - 1.0).max()) if len(rows) and "integral" in rows else np.nan


def plot(table: "pd.DataFrame") -> Any:
    """The residual with the points after some epochs, the density of AAS, and errors against steps and CPU time."""
    from matplotlib.figure import Figure

    rows = select(table, problem="peak")
    figure = Figure(figsize=(12.0, 10.0), layout="constrained")
    halves: Any = figure.subfigures(2, 1, height_ratios=(2.6, 1.0))
    top, bottom = halves
    firsts = {name: found[0] for name in _SHOWN if 0 in (found := _runs(rows, name))}
    draw_snapshots(top, firsts, _LABELS)
    for axes, column, label in zip(
        bottom.subplots(1, 2), ("step", "cpu"), ("steps of Levenberg-Marquardt", "CPU seconds"), strict=True
    ):
        draw_curves(axes, {name: _runs(rows, name) for name in _LABELS}, column, label, _LABELS, _COLORS)
    return figure


_SIZE = {
    "sharpness": 60.0,
    "boundary_weight": 9.0,
    "interior": 150,
    "boundary": 40,
    "steps": 15,
    "width": 24,
    "layers": 2,
    "candidates": 1000,
    "flow_steps": 30,
    "shown": "2 6 15 40",
}
_EPOCHS = {"uniform": 80, "RAR": 100, "AAS": 40, "RAD": 40, "DAS-R": 40, "DAS-G": 40}
_CONSTANT = {"interior": 600, "boundary": 4, "beta": 1.0, "flow_steps": 30, "updates": 40}
_PEAK = {"epochs": _EPOCHS, "size": _SIZE}
_KEPT = {"epochs": {"uniform": 40, "RAR": 40, "AAS": 40}, "size": {**_SIZE, "shown": ""}}
_LARGE = {**_SIZE, "interior": 1000, "boundary": 200, "width": 32, "layers": 6, "candidates": 10_000}
_LARGE_EPOCHS = {name: 250 if name in ("uniform", "RAR") else 100 for name in _EPOCHS}
_TINY = {**_SIZE, "interior": 20, "boundary": 8, "steps": 2, "width": 4}
_TINY |= {"candidates": 30, "flow_steps": 2, "shown": "1 2"}

STUDY = Study(
    slug="aas",
    number=51,
    paper="2305.18702",
    title="Adversarial Adaptive Sampling: Unify PINN and Optimal Transport for the Approximation of PDEs",
    claim=(
        "Collocation points from a normalizing flow that climbs towards large residuals while the solution makes them "
        "small, kept smooth, give a lower error than as many uniform or refined points, and an evener residual."
    ),
    verb="pde.solve",
    methods=("AdversarialSampler", "DASReplace", "DASGrow", "RAR", "RAD", "FreshPoints"),
    presets={
        "smoke": {
            "seeds": 1,
            "constant": {**_CONSTANT, "interior": 20, "flow_steps": 2, "updates": 2},
            "problems": {"peak": {"epochs": dict.fromkeys(_EPOCHS, 2), "size": _TINY}},
        },
        "small": {"seeds": 5, "constant": _CONSTANT, "problems": {"peak": _PEAK, "kept": _KEPT}},
        "full": {
            "seeds": 5,
            "constant": _CONSTANT,
            "problems": {
                "peak": _PEAK,
                "kept": _KEPT,
                "sharp peak": {"epochs": _LARGE_EPOCHS, "size": {**_LARGE, "sharpness": 1000.0}},
                "two peaks": {"epochs": _LARGE_EPOCHS, "size": {**_LARGE, "sharpness": 1000.0}},
                "nonlinear": {
                    "epochs": _LARGE_EPOCHS,
                    "size": {**_LARGE, "interior": 5000, "boundary": 1000, "width": 64, "sharpness": 10.0},
                },
            },
        },
    },
    trials=trials,
    run=run,
    judge=judge,
    plot=plot,
    precision="float64",
)
