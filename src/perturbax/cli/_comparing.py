"""`perturbax diffusion compare`: samplers against a fine solution from the same starts."""

from pathlib import Path
from typing import Any

import jax
import numpy as np

from perturbax import diffusion
from perturbax.core import progress, write_atomic

from ._choices import build_method, parse_method
from ._console import print_json, print_table
from ._pictures import strip
from ._task import Task


def comparable(text: str, nfe: int, grid: str | None, final: str | None) -> diffusion.AbstractPlanned:
    """The method that `--methods` names, with a fixed number of evaluations."""
    name, keywords = parse_method(text)
    given = {"grid": grid, "final": final}
    sampler = build_method(name, nfe=nfe, **{**{k: v for k, v in given.items() if v is not None}, **keywords})
    if not isinstance(sampler, diffusion.AbstractPlanned):
        raise ValueError(
            f"--methods: {name} chooses its number of evaluations itself and cannot be compared at equal cost"
        )
    return sampler


def compare_methods(
    task: Task,
    names: list[str],
    samplers: list[list[diffusion.AbstractPlanned]],
    budgets: list[int],
    reference: diffusion.AbstractPlanned,
    count: int,
    seed: int,
    out: Path | None,
    as_json: bool,
) -> None:
    """Solve with every method from the same starts, print the table of errors, write the strip."""
    for name, row in zip(names, samplers, strict=True):
        if diffusion.plan(row[0], task.process).stochastic:
            raise ValueError(f"--methods: {name} adds noise, so that its samples have no exact counterpart")
    problem = task.problem(0, count)
    x_T = task.starts(jax.random.fold_in(jax.random.key(seed), 0), 0, count)

    def solve(sampler: Any) -> tuple[np.ndarray, int]:
        samples = diffusion.sample(problem, sampler, x_T=x_T)
        return np.asarray(samples.x), int(samples.stats["evaluations"])

    with progress(1 + len(names) * len(budgets), "comparing") as bar, task.scope():
        exact, _ = solve(reference)
        bar.advance(1)
        cells = []
        for row in samplers:
            cells.append([])
            for sampler in row:
                cells[-1].append(solve(sampler))
                bar.advance(1)

    def error(x: np.ndarray) -> float:
        return float(np.median(np.sqrt(np.mean((x - exact).reshape(count, -1) ** 2, axis=1))))

    results = [
        {"method": name, "nfe": budget, "evaluations": spent, "error": error(x)}
        for name, row in zip(names, cells, strict=True)
        for budget, (x, spent) in zip(budgets, row, strict=True)
    ]
    if out is not None:
        shown = min(count, 8)
        pictures = [[*(x[:shown] for x, _ in row), exact[:shown]] for row in cells]
        captions = [[*(f"error {error(x):.2g}" for x, _ in row), ""] for row in cells]
        write_atomic(out, strip(names, [*(f"{b} evaluations" for b in budgets), "reference"], pictures, captions))
    if as_json:
        print_json({"results": results, "samples": count, "out": None if out is None else str(out)})
        return
    errors = {(row["method"], row["nfe"]): f"{row['error']:.3g}" for row in results}
    lines = [[name, *(errors[name, budget] for budget in budgets)] for name in names]
    columns = {"method": "left"} | {f"{budget} evaluations": "right" for budget in budgets}
    print_table(
        "Difference from the fine solution",
        columns,
        lines,
        caption=f"median of {count} samples of their RMS difference",
    )
    if out is not None:
        print(out)
