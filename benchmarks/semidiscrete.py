"""Semi-discrete transport against POT: the dual against the exact discrete problem, and the stochastic semi-dual."""

import importlib.metadata
import time

import jax
import numpy as np
import ot

from perturbax import transport

SOURCES, TARGETS = 5000, 200


def main():
    random = np.random.default_rng(0)
    problem = transport.SemiDiscrete(random.normal(size=(TARGETS, 2)) * 2.0)
    method = transport.MonteCarloAdam(samples=SOURCES)
    key = jax.random.key(0)
    transport.semidiscrete(problem, method, key=key, progress=False)
    start = time.perf_counter()
    found = transport.semidiscrete(problem, method, key=jax.random.key(1), progress=False)
    ours = time.perf_counter() - start

    x = random.normal(size=(SOURCES, 2))
    y, nu = problem.points, problem.weights
    mu = np.full(SOURCES, 1.0 / SOURCES)
    cost = ot.dist(x, y)
    start = time.perf_counter()
    exact = ot.emd2(mu, nu, cost)
    emd = time.perf_counter() - start
    centre = nu @ y
    scores = x @ (y - centre).T + found.heights
    potential = scores.max(1).mean() + (x @ centre).mean() - found.heights @ nu
    by_dual = np.square(x).sum(1).mean() + nu @ np.square(y).sum(1) - 2 * potential
    own = 0.5 * np.abs(np.bincount(scores.argmax(1), minlength=TARGETS) / SOURCES - nu).sum()

    print(f"{SOURCES} points of the source, {TARGETS} targets in the plane; POT {importlib.metadata.version('pot')}")
    print(f"cost from our dual {by_dual:.4f}, exact discrete {exact:.4f}: {100 * (by_dual / exact - 1):+.2f} %")
    print(f"ours: {ours:.2f} s, mass error {own:.3f} on these points; exact emd {emd:.2f} s")
    for iterations in (20_000, 200_000, 1_000_000):
        start = time.perf_counter()
        plan = ot.stochastic.solve_semi_dual_entropic(mu, nu, cost, reg=0.05, method="SAG", numItermax=iterations)
        taken = time.perf_counter() - start
        error = 0.5 * np.abs(plan.sum(0) - nu).sum()
        print(f"POT's semi-dual, {iterations} stochastic steps: {taken:.2f} s, mass error {error:.3f}", end=", ")
        print(f"{taken / ours:.1f} times our time")
        if error <= own:
            break


if __name__ == "__main__":
    main()
