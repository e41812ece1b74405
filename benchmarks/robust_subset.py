"""Robust subsets: class search against all subsets, and invariant causal prediction against causalicp."""

import importlib.metadata
import time

import jax
import numpy as np
import pandas as pd

from _timing import seconds
from perturbax import stats
from perturbax.studies import Trial
from perturbax.studies import causal_minimax as study


def main():
    key = jax.random.key(0)
    cell = {"part": "simulation", "environments": 10, "rows": 300, "quick": False}
    problems = [study._environments(Trial(cell, seed=seed))[0] for seed in range(2)]
    problem = problems[0]
    taken = {}
    for search in (stats.Classes(), stats.AllSubsets()):
        method = stats.CausalMinimax(search=search)
        for data in problems:  # the second one finds everything compiled
            start = time.perf_counter()
            found = stats.robust_subset(data, method, key=key)
            taken.setdefault(len(found.classes), []).append(time.perf_counter() - start)
    (cold, warm), (cold_all, warm_all) = taken[45], taken[256]
    print(
        f"the paper's graph: 45 classes {warm:.1f} s, all 256 subsets {warm_all:.1f} s: {warm_all / warm:.1f} times "
        f"faster; the first call, which compiles, {cold:.1f} and {cold_all:.1f} s"
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
    ours = seconds(lambda: stats.robust_subset(small, stats.InvariantCausalPrediction(), key=key), 3)
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
