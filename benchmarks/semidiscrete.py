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
    by_dual = np.mean(np.square(x).sum(1)) + nu @ np.square(y).sum(1) - 2 * found.dual

    iterations = method.steps * 50
    start = time.perf_counter()
    plan = ot.stochastic.solve_semi_dual_entropic(mu, nu, cost, reg=0.05, method="SAG", numItermax=iterations)
    sag = time.perf_counter() - start
    error = 0.5 * np.abs(plan.sum(0) - nu).sum()

    print(f"{SOURCES} points of the source, {TARGETS} targets in the plane; POT {importlib.metadata.version('pot')}")
    print(f"cost from our dual {by_dual:.4f}, exact discrete {exact:.4f}: {100 * (by_dual / exact - 1):+.2f} %")
    print(f"{method.steps} iterations over the whole sample {ours:.2f} s", end=", ")
    print(f"mass error {found.mass_error:.3f} on fresh points (floor {found.floor:.3f})")
    print(f"POT's stochastic semi-dual (SAG, {iterations} single points, regularised) {sag:.2f} s", end=", ")
    print(f"mass error of its plan on its own sample {error:.3f}; ratio {sag / ours:.1f}; exact emd {emd:.2f} s")
    per_point = (sag / iterations) / (ours / (method.steps * SOURCES))
    print(f"per point of the source and iteration ours is {per_point:.0f} times faster")


if __name__ == "__main__":
    main()
