"""What a bandit costs beside the solver that it tunes, and what the solver costs beside PyAMG and SciPy.

`python benchmarks/tuning.py`. What is compared runs in turn in one process; medians are printed.
"""

import importlib.metadata
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import pyamg
import scipy.sparse
import scipy.sparse.linalg
from threadpoolctl import threadpool_limits

from _timing import medians
from perturbax import core, linalg, optimize

INTERVAL = (-0.15, 0.45)
METHODS = {
    "TsallisINF": optimize.TsallisINF(),
    "Binned": optimize.Binned(optimize.TsallisINF(), INTERVAL),
    "ChebCB": optimize.ChebCB(INTERVAL),
    "Exp3": optimize.Exp3(),
    "UCB1": optimize.UCB1(),
}


def overhead(rounds: int = 5000, by_hand: int = 500) -> None:
    """Seconds of asking and telling in a round: in the compiled loop of `tune`, and by a `Tuner` from Python."""
    random = np.random.default_rng(0)
    contexts = random.uniform(*INTERVAL, rounds)
    best = 1.8 - contexts[:, None]
    costs = np.ceil(40.0 + 400.0 * (np.array(optimize.TsallisINF().grid) - best) ** 2)
    table = optimize.CostTable(costs, optimize.TsallisINF().grid, contexts)
    key = jax.random.key(0)
    took = medians(
        {name: lambda method=method: optimize.tune(table, method, key=key).costs for name, method in METHODS.items()}
    )

    def loop(method: Any) -> None:
        tuner = optimize.Tuner(method, key=key)
        for t in range(by_hand):
            choice = tuner.ask(contexts[t])
            tuner.tell(choice, costs[t, int(choice.arm)])
        jax.block_until_ready(tuner.state)

    from_python = medians({name: lambda method=method: loop(method) for name, method in METHODS.items()})
    for name in METHODS:
        print(
            f"{name}: {1e6 * took[name] / rounds:.1f} microseconds a round compiled (wanted 100), "
            f"{1e6 * from_python[name] / by_hand:.0f} from Python"
        )


def share(size: int = 100) -> None:
    """The overhead in a solve of 10 000 unknowns by SSOR-CG."""
    system = _system(size)
    seconds = medians({"solve": lambda: linalg.solve(system, linalg.PCG(linalg.SSOR(1.7), tol=1e-8, history=False)).x})
    tuner = optimize.Tuner(METHODS["ChebCB"], key=jax.random.key(0))
    rounds = medians({"round": lambda: tuner.tell(tuner.ask(0.1), 20)}, repeats=300)
    print(
        f"{size}^2 unknowns: a solve takes {1e3 * seconds['solve']:.1f} ms, a round of ChebCB from Python "
        f"{100.0 * rounds['round'] / seconds['solve']:.2f} % of it (wanted 1)"
    )


def iterations(size: int = 128, steps: int = 50) -> None:
    """Seconds of an iteration of SOR and SSOR-CG against compiled peers on CSR matrices."""
    system, omega = _system(size), 1.7
    csr = scipy.sparse.csr_matrix(system.operator.matrix())
    csr.indices, csr.indptr = csr.indices.astype(np.int32), csr.indptr.astype(np.int32)
    b = system.b.reshape(-1)
    D, L = scipy.sparse.diags_array(csr.diagonal()), scipy.sparse.tril(csr, -1)
    x, wanted = np.zeros_like(b), scipy.sparse.linalg.spsolve_triangular((D / omega + L).tocsr(), b)
    # Earlier versions applied omega in another way.
    pyamg.relaxation.relaxation.sor(csr, x, b, omega)
    np.testing.assert_allclose(x, wanted, rtol=1e-10)

    def sor() -> Any:
        x = np.zeros_like(b)
        for _ in range(steps):
            pyamg.relaxation.relaxation.sor(csr, x, b, omega)
            np.linalg.norm(b - csr @ x)
        return x

    # Without pivoting the factors of a triangle are the triangle: a solve in C, where spsolve_triangular sorts anew.
    exact = {"permc_spec": "NATURAL", "diag_pivot_thresh": 0.0, "options": {"SymmetricMode": True}}
    lower = scipy.sparse.linalg.splu((D + omega * L).tocsc(), **exact)
    upper = scipy.sparse.linalg.splu((D + omega * L).T.tocsc(), **exact)
    weights = omega * (2.0 - omega) * csr.diagonal()

    def precondition(r: Any) -> Any:
        return upper.solve(weights * lower.solve(r))

    inverse = scipy.sparse.linalg.LinearOperator(csr.shape, precondition)
    ours = {
        "natural": linalg.Stationary(linalg.SOR(omega), tol=1e-30, max_steps=steps, history=False),
        "red-black": linalg.Stationary(linalg.SOR(omega, linalg.RedBlack()), tol=1e-30, max_steps=steps, history=False),
        "SSOR-CG": linalg.PCG(linalg.SSOR(omega), tol=1e-30, max_steps=steps, history=False),
    }
    calls: dict[str, Callable[[], Any]] = {
        name: lambda method=method: linalg.solve(system, method, throw=False).x for name, method in ours.items()
    }
    calls["pyamg"] = sor
    calls["scipy"] = lambda: scipy.sparse.linalg.cg(csr, b, rtol=0.0, atol=1e-200, maxiter=steps, M=inverse)[0]
    # The threads of BLAS wait for each other at every product of vectors, which a busy machine makes slow.
    with threadpool_limits(1):
        took = medians(calls, repeats=5)
    pyamg_version, scipy_version = (importlib.metadata.version(name) for name in ("pyamg", "scipy"))
    for name in ("natural", "red-black"):
        print(
            f"SOR, {size}^2, {name}: {1e6 * took[name] / steps:.0f} microseconds an iteration, "
            f"{took[name] / took['pyamg']:.2f}x PyAMG {pyamg_version} (wanted 2)"
        )
    print(
        f"SSOR-CG, {size}^2: {1e6 * took['SSOR-CG'] / steps:.0f} microseconds an iteration, "
        f"{took['SSOR-CG'] / took['scipy']:.2f}x SciPy {scipy_version} (wanted 2)"
    )
    residuals: list[float] = []
    pyamg.smoothed_aggregation_solver(csr).solve(b, tol=1e-8, accel="cg", residuals=residuals)
    print(f"multigrid of PyAMG takes {len(residuals) - 1} iterations to 1e-8: tuning does not make SOR optimal")


def _system(size: int) -> linalg.LinearSystem:
    b = np.random.default_rng(0).normal(size=(size, size))
    return linalg.LinearSystem(linalg.Poisson(np.ones((size, size), bool), open_sides=True), b)


if __name__ == "__main__":
    core.enable_compilation_cache()
    overhead()
    share()
    iterations()
