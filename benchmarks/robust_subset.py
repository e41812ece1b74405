"""Robust subsets: class search against all subsets, and invariant causal prediction against causalicp."""

import importlib.metadata
import time

import jax
import numpy as np
import pandas as pd

from perturbax import stats
from perturbax.studies import Trial
from perturbax.studies import causal_minimax as study


def seconds(call, repeats=3):
    """The median of a few runs, after one that compiles."""
    call()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return float(np.median(times))


def main():
    key = jax.random.key(0)
    cell = {"part": "simulation", "environments": 10, "rows": 300, "quick": False}
    problem, _ = study._environments(Trial(cell, seed=0))
    taken = {}
    for search in (stats.Classes(), stats.AllSubsets()):
        start = time.perf_counter()
        found = stats.robust_subset(problem, stats.CausalMinimax(search=search), key=key)
        taken[len(found.classes)] = time.perf_counter() - start
    print(
        f"the paper's graph, compilation included: 45 classes {taken[45]:.1f} s, all 256 subsets {taken[256]:.1f} s: "
        f"{taken[256] / taken[45]:.1f} times faster"
    )
    try:
        import causalicp
    except ModuleNotFoundError:
        print("causalicp is not installed: pip install causalicp==0.1.1")
        return
    # causalicp tests all sets one by one: six variables, so that it ends soon.
    names = problem.names[:6]
    small = stats.Environments(problem.X[:, :6], problem.y, problem.env, names=names)
    data = [np.column_stack([small.X, small.y])[small.env == e] for e in range(small.count)]
    ours = seconds(lambda: stats.robust_subset(small, stats.InvariantCausalPrediction(), key=key))
    peer = seconds(lambda: causalicp.fit(data, 6, alpha=0.05, verbose=False, color=False), 1)
    chosen = stats.robust_subset(small, stats.InvariantCausalPrediction(), key=key)
    other = causalicp.fit(data, 6, alpha=0.05, verbose=False, color=False)
    print(
        f"invariant causal prediction, 64 sets of 3000 rows: ours {1e3 * ours:.1f} ms, causalicp "
        f"{importlib.metadata.version('causalicp')} {1e3 * peer:.1f} ms: {peer / ours:.1f} times faster; accepted "
        f"{len(chosen.classes)} and {len(other.accepted_sets)} sets"
    )
    print(pd.Series({"jax": jax.__version__, "numpy": np.__version__}).to_string())


if __name__ == "__main__":
    main()
