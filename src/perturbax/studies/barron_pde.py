"""The Barron flow (Marwah, Lipton, Lu & Risteski 2023, arXiv 2210.12101): gradients in H1 keep functions simple.

"resolution": `-u'' + u + u^3 = f`, periodic in one dimension, on grids of the waves `-W .. W`. The flow in H1 with the
step `2 / (m + M)`, `m = 1`, `M = 1 + 3 max u^2`, and the flow in L2 with `2 / (m + M + (2 pi W)^2)`.

"dimension": the same equation in `d` dimensions on sparse sums of plane waves, `u` of three waves. The step is that of
`M` by the sum of the amplitudes. The bound of one step, `|1 - eta| |u|_B + eta (|u|_B^3 + |(I - Lap)^-1 f|_B)`, is
evaluated from the measured norm, and once more with nothing dropped in the step. The solutions are compressed to `k`
neurons, 50 draws for each `k`, with the error in L2 by Parseval's identity.

"slope": an energy with the fourth power of the gradient in two dimensions, whose curvature depends on the slope, with
steps that are bounded by it; the answer of Newton's method is the reference.
"""

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax
import numpy as np

from perturbax import core, pde

from ._figure import legend
from ._study import Bar, Study, Trial
from ._verdict import select

if TYPE_CHECKING:
    import pandas as pd

_AMPLITUDES = (0.6, 0.4, 0.3)
# All three waves meet at the origin, so that this is `max |u|` and the sum of the amplitudes.
_M = 1.0 + 3.0 * sum(_AMPLITUDES) ** 2
_BOUND = (_M - 1.0) / (_M + 1.0)
_EARLY, _WANTED = 14, 1e-3
_ROUNDING = 1e-12
_COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7")


def trials(preset: Mapping[str, Any]) -> list[Trial]:
    """A trial for each part and size; the longest first, so that two workers end together."""
    found = [
        Trial(
            {"part": "dimension", "size": d, **{name: preset[name] for name in ("iterations", "draws", "capacity")}}, 0
        )
        for d in sorted(preset["dimensions"], reverse=True)
    ]
    found.append(Trial({"part": "slope", "size": preset["grid"], "iterations": preset["iterations"]}, 0))
    for flow in ("H1", "L2"):
        for w in preset["resolutions"]:
            found.append(Trial({"part": "resolution", "size": w, "flow": flow, "iterations": preset["iterations"]}, 0))
    return found


def run(trial: Trial, key: Any) -> dict[str, Any]:
    """One descent, and what is measured of it."""
    return {"resolution": _resolution, "dimension": _dimension, "slope": _slope}[trial.cell["part"]](trial.cell, key)


def _resolution(cell: Mapping[str, Any], key: Any) -> dict[str, Any]:
    problem, grid = pde.catalogue.semilinear(1, amplitudes=_AMPLITUDES), pde.SpectralGrid(cell["size"])
    if cell["flow"] == "H1":
        method: Any = pde.BarronFlow(grid, pde.FixedStep(2.0 / (1.0 + _M)), cell["iterations"], 0.0)
    else:
        step = pde.FixedStep(2.0 / (1.0 + _M + (2.0 * np.pi * cell["size"]) ** 2))
        method = pde.L2GradientFlow(grid, step, cell["iterations"], 0.0)
    error = pde.solve(problem, method, key=key, progress=False).history["error"]
    return {"error": error, "rate": float((error[-1] / error[0]) ** (1.0 / (len(error) - 1)))}


def _dimension(cell: Mapping[str, Any], key: Any) -> dict[str, Any]:
    problem = pde.catalogue.semilinear_waves(cell["size"], _AMPLITUDES)
    step = pde.FixedStep(2.0 / (1.0 + _M))
    method = pde.BarronFlow(pde.PlaneWaves(cell["capacity"]), step, cell["iterations"], 0.0)
    solution = pde.solve(problem, method, key=key, progress=False)
    history = solution.history
    settled = core.settle_arrays(problem)
    space = method.representation.space(settled)
    source = float(_norm_of_source(space, space.zero()))
    record: dict[str, Any] = {name: history[name] for name in ("error", "barron", "terms")}
    bound = _one_step(history["barron"][:-1], step.size, source)
    record |= {"bound": bound, "room": float((history["barron"][1:] / bound).max())}
    rooms = []
    for steps in [count for count in (1, 3, 6) if count <= cell["iterations"]]:
        early = dataclasses.replace(method, iterations=steps)
        u = core.settle_arrays(pde.solve(problem, early, key=key, progress=False).model.waves)
        rooms.append(_whole_step(space, u, step.size) / _one_step(float(u.barron_norm()), step.size, source))
    record |= {"room of whole steps": float(max(rooms))}
    return record | _compressed(solution, cell["draws"], key)


def _one_step(barron: Any, eta: float, source: float) -> Any:
    return abs(1.0 - eta) * barron + eta * (barron**3 + source)


def _whole_step(space: Any, u: Any, eta: float) -> float:
    """The Barron norm after a step of which nothing is dropped."""
    from perturbax.pde._plane_waves import trimmed

    wide = dataclasses.replace(space, capacity=2**15, tolerance=np.asarray(1e-14))
    return float(_norm_after(wide, trimmed(u), eta))


@eqx.filter_jit
def _norm_of_source(space: Any, u: Any) -> Any:
    return space.smooth(space.gradient(u)[0]).barron_norm()


@eqx.filter_jit
def _norm_after(space: Any, u: Any, eta: Any) -> Any:
    return space.move(u, space.smooth(space.gradient(u)[0]), eta)[0].barron_norm()


def _compressed(solution: Any, draws: int, key: Any) -> dict[str, Any]:
    """Mean squared errors of networks, and the value that `k` times they should have."""
    waves = solution.model.waves
    used = np.abs(waves.amplitudes) > 0.0
    frequencies, amplitudes = np.asarray(waves.frequencies)[used], np.asarray(waves.amplitudes)[used]
    weight = np.where((frequencies == 0).all(-1), 1.0, 0.5)
    sizes = np.abs(amplitudes)
    exact = sizes.sum() * (weight @ sizes) - weight @ sizes**2
    found = {}
    neurons = 2 ** np.arange(4, 13)
    for k in neurons:
        errors = []
        for draw in range(draws):
            network = pde.compress(solution, int(k), key=jax.random.fold_in(key, int(k) * draws + draw))
            hidden = np.round(np.asarray(network.weights) / (2.0 * np.pi)).astype(int)
            one = network.scale * np.exp(1j * np.asarray(network.biases))
            chosen = (hidden[:, None] == frequencies).all(-1)
            left = amplitudes - one @ chosen
            errors.append(weight @ np.abs(left) ** 2)
        found[int(k)] = float(np.mean(errors))
    return {"neurons": neurons, "squared": np.array(list(found.values())), "exact": float(exact)}


def _slope(cell: Mapping[str, Any], key: Any) -> dict[str, Any]:
    problem, grid = pde.catalogue.quartic_waves(2), pde.SpectralGrid(cell["size"])
    solution = pde.solve(problem, pde.BarronFlow(grid, iterations=cell["iterations"]), key=key, progress=False)
    newton = pde.solve(problem, pde.SpectralNewton(grid), key=key, progress=False)
    x = np.random.default_rng(0).uniform(size=(200, 2))
    reference = newton(x)
    energy = solution.history["energy"]
    rises = np.diff(energy) > 1e-14 * np.abs(energy).max()
    apart = np.linalg.norm(solution(x) - reference) / np.linalg.norm(reference)
    return {"error": solution.history["error"], "energy": energy, "rises": int(rises.sum()), "apart": float(apart)}


def judge(table: "pd.DataFrame") -> list[Bar]:
    """The bars of the specification."""
    rates = {flow: _column(select(table, part="resolution", flow=flow), "rate") for flow in ("H1", "L2")}
    h1 = list(rates["H1"].values())
    dimensions = select(table, part="dimension")
    early = [error[_EARLY] for error in _column(dimensions, "error").values() if len(error) > _EARLY]
    last = _column(dimensions, "error").get(20, [np.nan])[-1]
    slope = select(table, part="slope")
    first = "fixed at the first run of this study"
    neurons = _column(dimensions, "neurons")
    found = [
        Bar("H1: contraction per step, largest over W", max(h1, default=np.nan), _BOUND + 0.02, "<="),
        Bar("H1: spread of the contraction over W", _spread(h1), 0.02, "<="),
        Bar("L2: contraction per step at W = 128", rates["L2"].get(128, np.nan), 0.999, ">="),
        Bar("spread over d of the error after 14 steps", _spread(early), 0.2, "<="),
        Bar("relative error in 20 dimensions", last, 1e-4, "<="),
        Bar("power of d in the number of terms at error 1e-3", _growth(dimensions), 1.0, "<="),
        Bar(
            "Barron norm over the bound of one step",
            _largest(dimensions, "room"),
            1.0 + _ROUNDING,
            "<=",
            note="the first step, from 0, attains the bound: 1e-12 is for rounding",
        ),
        Bar("the same with nothing dropped", _largest(dimensions, "room of whole steps"), 1.0, "<="),
    ]
    powers = {d: _power(row) for d, row in _rows(dimensions).items()} if neurons else {}
    for name, pick, most in (("steepest", min, (-1.15, ">=")), ("flattest", max, (-0.85, "<="))):
        found.append(
            Bar(f"{name} slope of squared error against neurons", pick(powers.values(), default=np.nan), *most)
        )
    constants = {d: _constant(row) for d, row in _rows(dimensions).items()}
    off = max((abs(value - 1.0) for value in constants.values()), default=np.nan)
    found.append(Bar("constant of the squared error, off the exact one", off, 0.25, "<="))
    ratio = constants.get(20, np.nan) / constants.get(2, np.nan)
    found.append(Bar("squared error in 20 over 2 dimensions", ratio, 1.5, "<="))
    rises = slope["rises"].max() if len(slope) else np.nan
    apart = slope["apart"].max() if len(slope) else np.nan
    found.append(Bar("quartic energy: steps that raise it", rises, 0, "<=", note=first))
    found.append(Bar("quartic energy: distance to Newton's answer", apart, 1e-6, "<=", note=first))
    return found


def _rows(table: "pd.DataFrame") -> dict[int, Any]:
    return {int(row["size"]): row for _, row in table.iterrows()}


def _column(table: "pd.DataFrame", name: str) -> dict[int, Any]:
    return {size: row[name] for size, row in _rows(table).items()}


def _spread(values: list[float]) -> float:
    """The largest over the smallest, less one."""
    return max(values) / min(values) - 1.0 if len(values) > 1 else np.nan


def _largest(table: "pd.DataFrame", name: str) -> float:
    return float(table[name].max()) if len(table) and name in table else np.nan


def _growth(table: "pd.DataFrame") -> float:
    """The power of the dimension that the number of terms grows with, at the first step of the wanted error."""
    counts = {}
    for d, row in _rows(table).items():
        there = np.flatnonzero(np.asarray(row["error"]) <= _WANTED)
        if len(there):
            counts[d] = row["terms"][there[0]]
    if len(counts) < 2 or len(counts) < len(table):
        return np.nan
    return float(np.polyfit(np.log(list(counts)), np.log(list(counts.values())), 1)[0])


def _power(row: Any) -> float:
    return float(np.polyfit(np.log(row["neurons"]), np.log(row["squared"]), 1)[0])


def _constant(row: Any) -> float:
    """Neurons times squared error over the exact value, geometric mean over the numbers of neurons."""
    return float(np.exp(np.mean(np.log(np.asarray(row["neurons"]) * row["squared"] / row["exact"]))))


def plot(table: "pd.DataFrame") -> Any:
    """Errors against steps for several resolutions and dimensions, Barron norms under their bound, networks."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11.0, 7.4), layout="constrained")
    ((left, right), (below, last)) = figure.subplots(2, 2)
    _axes(left, "Resolution: relative L2 error", "step", log="y")
    for flow, style in (("H1", "-"), ("L2", "--")):
        for color, (w, row) in zip(
            _COLORS, sorted(_rows(select(table, part="resolution", flow=flow)).items()), strict=False
        ):
            left.plot(row["error"], style, color=color, linewidth=1.6, label=f"{flow}, W = {w}")
    rows = sorted(_rows(select(table, part="dimension")).items())
    _axes(right, "Dimension: relative L2 error", "step", log="y")
    _axes(below, "Barron norm, and its bound from the step before", "step", log="y")
    _axes(last, "Networks: mean squared error", "neurons", log="xy")
    for color, (d, row) in zip(_COLORS, rows, strict=False):
        right.plot(row["error"], color=color, linewidth=1.6, label=f"d = {d}")
        below.plot(row["barron"], color=color, linewidth=1.6, label=f"d = {d}")
        below.plot(np.arange(1, len(row["barron"])), row["bound"], ":", color=color, linewidth=1.2)
        last.plot(row["neurons"], row["squared"], "o", color=color, markersize=4, label=f"d = {d}")
        last.plot(row["neurons"], row["exact"] / np.asarray(row["neurons"]), ":", color=color, linewidth=1.2)
    for axes in (left, right):
        steps = np.arange(max([len(row["error"]) for _, row in rows], default=2))
        axes.plot(steps, _BOUND**steps, ":", color="0.4", linewidth=1.2, label="bound in H1")
    for axes in (left, right, below, last):
        legend(axes)
    return figure


def _axes(axes: Any, title: str, label: str, log: str) -> None:
    axes.set(xlabel=label, **{f"{name}scale": "log" for name in log})
    axes.set_title(title, loc="left", fontsize=10, fontweight="bold")
    axes.grid(True, which="major", color="0.88", linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)


_SMALL = {
    "resolutions": (8, 32, 128),
    "dimensions": (2, 5, 10, 20),
    "iterations": 40,
    "draws": 50,
    "capacity": 2048,
    "grid": 16,
}

STUDY = Study(
    slug="barron-pde",
    number=54,
    paper="2210.12101",
    title="Neural Network Approximations of PDEs Beyond Linearity: A Representational Perspective",
    claim=(
        "Gradient descent in H1 solves nonlinear elliptic variational problems at a rate that depends on neither the "
        "resolution nor the dimension, through functions of small Barron norm, which small networks approximate."
    ),
    verb="pde.solve",
    methods=("BarronFlow", "L2GradientFlow", "SpectralNewton", "DeepRitz"),
    presets={
        "smoke": {
            "resolutions": (8,),
            "dimensions": (2,),
            "iterations": 2,
            "draws": 1,
            "capacity": 256,
            "grid": 4,
        },
        "small": _SMALL,
        "full": {**_SMALL, "dimensions": (2, 5, 10, 20, 50, 100), "draws": 200, "capacity": 16384, "grid": 64},
    },
    trials=trials,
    run=run,
    judge=judge,
    plot=plot,
    precision="float64",
)
