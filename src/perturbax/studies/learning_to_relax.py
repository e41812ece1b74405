"""Learning to Relax (Khodak et al. 2024, arXiv 2310.02246): bandits that choose the relaxation of SOR and SSOR-CG.

In the part "shifts" the systems are `(A + c_t I) x = b_t` with the five-point Laplacian on 10 x 10 points, shifts
`c_t = -0.15 + 0.6 Beta` of low or high variance, and normal `b_t` of norm at most 10. The iterations of SOR with every
value of the grid are taken once for each instance; all learners see the same instances, each with several seeds. In
"heat" the systems are the steps of a heat equation whose diffusivity alternates, solved by SSOR-CG from the last step.
"growth" are the iterations of Gauss-Seidel and of SOR at the optimal relaxation against the number of unknowns.
"""

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from perturbax import linalg, optimize, systems

from ._study import Bar, Study, Trial

if TYPE_CHECKING:
    import pandas as pd

_POINTS = 10
_INTERVAL = (-0.15, 0.45)
_BETA = {"low": (2.0, 6.0), "high": (0.5, 1.5)}
_TOL, _CAP = 1e-8, 10_000
_LAST = 1000
# Diffusivities of `systems.Heat2D` lie here.
_DIFFUSIVITIES = (0.0, 10.0)


class _ShiftedSystems(eqx.Module):
    shifts: Any
    rights: Any

    def __call__(self, t: Any, x: Any) -> linalg.LinearSystem:
        return linalg.LinearSystem(linalg.Shifted(_laplacian(_POINTS), self.shifts[t]), self.rights[t])


def _laplacian(points: int) -> linalg.Poisson:
    return linalg.Poisson(np.ones((points, points), bool), open_sides=True)


def _sor(omega: Any) -> linalg.Stationary:
    return linalg.Stationary(linalg.SOR(omega), tol=_TOL, max_steps=_CAP, history=False)


def _ssor_cg(omega: Any) -> linalg.PCG:
    return linalg.PCG(linalg.SSOR(omega), tol=_TOL, max_steps=_CAP, history=False)


def _cg(_: Any) -> linalg.PCG:
    return linalg.PCG(linalg.Jacobi(), tol=_TOL, max_steps=_CAP, history=False)


def _jacobi_radius(shift: Any) -> Any:
    return 4.0 * jnp.cos(jnp.pi / (_POINTS + 1)) / (4.0 + shift)


def _learners(interval: tuple[float, float]) -> dict[str, Any]:
    reduced = optimize.TsallisINF(estimator=optimize.ReducedVariance())
    return {
        "TsallisINF": optimize.TsallisINF(),
        "TsallisINF rv": reduced,
        "Binned": optimize.Binned(optimize.TsallisINF(), interval),
        "ChebCB": optimize.ChebCB(interval),
        "Exp3": optimize.Exp3(),
        "UCB1": optimize.UCB1(),
    }


def trials(preset: Mapping[str, Any]) -> list[Trial]:
    """A stream of shifted systems for each distribution and seed, simulations of heat, and the growth with size."""
    shifts = [{"part": "shifts", "variance": v, **{n: preset[n] for n in ("rounds", "learners")}} for v in _BETA]
    heat = [
        {"part": "heat", "cells": cells, "rounds": preset["steps"], "learners": preset["simulations"]}
        | {name: preset[name] for name in ("fixed", "oracle")}
        for cells in preset["cells"]
    ]
    return [
        *(Trial(cell, seed) for cell in shifts for seed in range(preset["seeds"])),
        *(Trial(cell, 0) for cell in heat),
        Trial({"part": "growth", "sizes": preset["sizes"]}, 0),
    ]


def run(trial: Trial, key: Any) -> dict[str, Any]:
    """One stream with all methods, one simulation with all methods, or one growth curve."""
    return {"shifts": _run_shifts, "heat": _run_heat, "growth": _run_growth}[trial.cell["part"]](trial.cell, key)


def stream(variance: str, rounds: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Shifts, and right sides of norm at most `sqrt(n)`, by rejection."""
    random = np.random.default_rng(seed)
    shifts = _INTERVAL[0] + 0.6 * random.beta(*_BETA[variance], rounds)
    rights: list[np.ndarray] = []
    while len(rights) < rounds:
        drawn = random.normal(size=(rounds, _POINTS**2))
        rights.extend(drawn[np.linalg.norm(drawn, axis=1) <= _POINTS])
    return shifts, np.stack(rights[:rounds]).reshape(rounds, _POINTS, _POINTS)


def _run_shifts(cell: Mapping[str, Any], key: Any) -> dict[str, Any]:
    stream_key, learner_key = jax.random.split(key)
    shifts, rights = stream(cell["variance"], cell["rounds"], int(jax.random.randint(stream_key, (), 0, 2**31 - 1)))
    problem = optimize.LinearSequence(
        _ShiftedSystems(shifts, rights), _sor, cell["rounds"], np.zeros_like(rights[0]), shifts
    )
    start = time.perf_counter()
    table = optimize.CostTable.measure(problem, np.asarray(optimize.TsallisINF().grid))
    record: dict[str, Any] = {
        "table seconds": time.perf_counter() - start,
        "table": np.asarray(table.costs).astype(np.uint16),
        "shifts": shifts.astype(np.float32),
    }
    keys = jax.random.split(learner_key, cell["learners"])
    for name, method in _learners(_INTERVAL).items():
        found = [optimize.tune(table, method, key=k) for k in keys]
        record[f"costs {name}"] = np.stack([tuning.costs for tuning in found]).astype(np.uint16)
        record[f"values {name}"] = np.stack([tuning.values for tuning in found]).astype(np.float32)
    for reference in (optimize.AsymptoticOracle(_jacobi_radius), optimize.GoldenSection()):
        name, tuning = type(reference).__name__, optimize.tune(problem, reference, key=key)
        record[f"costs {name}"] = tuning.costs[None].astype(np.uint16)
        record[f"values {name}"] = tuning.values[None].astype(np.float32)
    return record


def _run_heat(cell: Mapping[str, Any], key: Any) -> dict[str, Any]:
    heat = systems.Heat2D(cells=cell["cells"])
    contexts = np.asarray(heat.context(jnp.arange(cell["rounds"])))
    start = np.asarray(heat.start())
    problem = optimize.LinearSequence(heat.system, _ssor_cg, cell["rounds"], start, contexts)
    plain = optimize.LinearSequence(heat.system, _cg, cell["rounds"], start, contexts)
    grid = [float(value) for value in cell["fixed"].split(",")]
    record: dict[str, Any] = {}

    def note(name: str, found: list[optimize.Tuning]) -> None:
        record[f"costs {name}"] = np.stack([tuning.costs for tuning in found]).astype(np.uint16)
        record[f"seconds {name}"] = min(tuning.stats["seconds"] for tuning in found)
        record[f"failed {name}"] = sum(tuning.stats["failed"] for tuning in found)

    note("CG", [optimize.tune(plain, optimize.Fixed(1.0), key=key)])
    note("Fixed", [optimize.tune(problem, optimize.Fixed(1.0), key=key)])
    best = optimize.tune(problem, optimize.BestInHindsight(grid), key=key)
    note("BestInHindsight", [best])
    record["best"] = float(best.values[0])
    keys = jax.random.split(key, cell["learners"])
    learners = _learners(_DIFFUSIVITIES)
    for name in ("TsallisINF", "ChebCB"):
        note(name, [optimize.tune(problem, learners[name], key=k) for k in keys])
    if cell["oracle"]:
        note("GoldenSection", [optimize.tune(problem, optimize.GoldenSection(), key=key)])
    return record


def _run_growth(cell: Mapping[str, Any], key: Any) -> dict[str, Any]:
    sizes = [int(size) for size in cell["sizes"].split(",")]
    counts = {"Gauss-Seidel": [], "optimal": []}
    for size in sizes:
        b = np.asarray(jax.random.normal(key, (size, size)), np.float64)
        system = linalg.LinearSystem(_laplacian(size), b)
        best = float(linalg.optimal_omega(np.cos(np.pi / (size + 1))))
        for name, omega in (("Gauss-Seidel", 1.0), ("optimal", best)):
            counts[name].append(int(linalg.solve(system, _sor(omega)).iterations))
    return {name: np.asarray(found) for name, found in counts.items()} | {"points": np.asarray(sizes)}


def judge(table: "pd.DataFrame") -> list[Bar]:
    """Ratios of mean iterations in the second half, growth exponents, and the simulation of heat."""
    from ._verdict import select

    streams = {variance: select(table, part="shifts", variance=variance) for variance in _BETA}
    bars = []
    for variance, wanted in (("low", 0.92), ("high", 0.80)):
        worst = max(_ratios(streams[variance], "ChebCB"), default=np.nan)
        name = f"ChebCB over the best fixed value of the second half, {variance} variance, worst seed"
        bars.append(Bar(name, worst, wanted, "<="))
    for method, wanted in (("TsallisINF", 1.45), ("TsallisINF rv", 1.30)):
        for variance, rows in streams.items():
            name = f"{method} over the best fixed value of the second half, {variance} variance, median"
            bars.append(Bar(name, _median(_ratios(rows, method)), wanted, "<="))
    for variance, rows in streams.items():
        totals = [
            float(one.sum() / row["table"][:, 0].sum(dtype=float))
            for _, row in rows.iterrows()
            for one in row["costs TsallisINF"].astype(float)
        ]
        bars.append(
            Bar(f"total of TsallisINF over omega = 1, {variance} variance, median", _median(totals), 0.45, "<=")
        )
    growth = select(table, part="growth")
    for name, exponent in (("optimal", 0.5), ("Gauss-Seidel", 1.0)):
        bars.append(
            Bar(f"growth of iterations with n, {name}", _growth(growth, name), exponent - 0.1, "in", exponent + 0.1)
        )
    bars += _long_bars(streams)
    return bars + _heat_bars(select(table, part="heat"))


def _ratios(rows: "pd.DataFrame", method: str) -> list[float]:
    """Mean costs of every learner in the second half over those of the best fixed value of that half."""
    found = []
    for _, row in rows.iterrows():
        half = len(row["table"]) // 2
        best = row["table"][half:].mean(0).min()
        found += list(row[f"costs {method}"][:, half:].mean(1) / best)
    return found


def _growth(rows: "pd.DataFrame", name: str) -> float:
    """The slope of log iterations against the logarithm of the number of unknowns."""
    if rows.empty:
        return np.nan
    row = rows.iloc[0]
    return float(np.polyfit(2.0 * np.log(row["points"]), np.log(row[name]), 1)[0])


def _long_bars(streams: Mapping[str, "pd.DataFrame"]) -> list[Bar]:
    """What is asked of the long streams of the preset `full`, in their last 1000 rounds."""
    rows = streams["low"]
    if rows.empty or len(rows.iloc[0]["table"]) < 5 * _LAST:
        return []

    def last(name: str) -> float:
        return float(np.mean([row[f"costs {name}"][:, -_LAST:].mean() for _, row in rows.iterrows()]))

    best = float(np.mean([row["table"][-_LAST:].mean(0).min() for _, row in rows.iterrows()]))
    return [
        Bar("ChebCB over omega*(A_t), last 1000 rounds, low", last("ChebCB") / last("AsymptoticOracle"), 1.25, "<="),
        Bar("TsallisINF over the best fixed value, last 1000 rounds, low", last("TsallisINF") / best, 1.15, "<="),
    ]


def _heat_bars(rows: "pd.DataFrame") -> list[Bar]:
    """ChebCB on the simulation: better than a fixed value where the specification says nothing of the size."""
    bars = []
    for _, row in rows.iterrows():
        cells = int(row["cells"])
        ours = float(np.median(row["costs ChebCB"].sum(1, dtype=float)))
        best = float(row["costs BestInHindsight"].sum(dtype=float))
        if cells == 100:
            bars.append(Bar("heat, n = 100: ChebCB over the best fixed value", ours / best, 1.02, "<="))
            oracle = float(row["costs GoldenSection"].sum(dtype=float)) if row["oracle"] else np.nan
            bars.append(Bar("heat, n = 100: ChebCB over the instance-optimal value", ours / oracle, 1.15, "<="))
        elif cells == _SMALL["cells"][0]:
            note = "the claim itself; the specification sets no bar at this size"
            bars.append(Bar(f"heat, n = {cells}: ChebCB over the best fixed value", ours / best, 1.0, "<=", note=note))
    return bars


def _median(values: list[float]) -> float:
    return float(np.median(values)) if values else np.nan


def plot(table: "pd.DataFrame") -> Any:
    """Instances that remain against iterations spent; the relaxation chosen against the shift; heat."""
    from ._relaxation_figure import draw

    return draw(table, tuple(_BETA))


_GRID = ",".join(f"{value:g}" for value in optimize.TsallisINF().grid)
_SMALL = {
    "rounds": 600,
    "learners": 5,
    "seeds": 1,
    "cells": (25,),
    "steps": 1000,
    "simulations": 3,
    "fixed": "1,1.1,1.2,1.3,1.4,1.5,1.6,1.7,1.8,1.9",
    "oracle": False,
    "sizes": "8,16,32",
}

STUDY = Study(
    slug="learning-to-relax",
    number=43,
    paper="2310.02246",
    title="Learning to Relax: Setting Solver Parameters Across a Sequence of Linear System Instances",
    claim=(
        "With the number of iterations as only feedback, Tsallis-INF approaches the best fixed relaxation of a solver, "
        "and ChebCB, told one number of each system, becomes better than the best fixed one in hindsight."
    ),
    verb="optimize.tune",
    methods=(
        "TsallisINF",
        "ChebCB",
        "Binned",
        "Exp3",
        "UCB1",
        "Fixed",
        "BestInHindsight",
        "AsymptoticOracle",
        "GoldenSection",
    ),
    presets={
        "smoke": {
            **_SMALL,
            "rounds": 20,
            "learners": 1,
            "cells": (6,),
            "steps": 10,
            "simulations": 1,
            "fixed": "1,1.5",
            "sizes": "4,8",
        },
        "small": _SMALL,
        "full": {
            **_SMALL,
            "rounds": 5000,
            "learners": 1,
            "seeds": 40,
            "cells": (25, 50, 100, 200, 400),
            "steps": 5000,
            "fixed": _GRID,
            "oracle": True,
            "sizes": "8,16,32,64",
        },
    },
    trials=trials,
    run=run,
    judge=judge,
    plot=plot,
    precision="float64",
)
