"""Chromatograms beside SciPy: the full equations by BDF on the same cells, and the inversion beside mpmath.

`python benchmarks/chromatograms.py`. What is compared runs in turn in one process; medians are printed.
"""

import statistics
import time
from collections.abc import Callable
from typing import Any

import jax
import mpmath
import numpy as np
import scipy
from scipy.integrate import solve_ivp
from scipy.sparse import bmat, diags, identity

from perturbax import core, pde
from perturbax.systems import column

CELLS = 400
X, DA, WIDTH = 100.0, 0.01, 1.0
LENGTHS = X * np.array([1.0, 0.9, 0.8, 0.7])
TIMES = np.linspace(0.0, 200.0, 401)


def seconds(call: Callable[[], Any], repeats: int) -> float:
    """The median time of a call that is warm."""
    call()
    taken = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def sample(components: int = 1) -> column.Injection:
    """Some components, with a hold-up time of one second."""
    apparatus = column.GasColumn(1.0, column.ConstantFlow(1.0))
    return column.Injection(
        apparatus, column.Linear(LENGTHS[:components], np.full(components, X * DA)), column.Rectangle(WIDTH)
    )


def lines(k_a: float = X) -> tuple[np.ndarray, int]:
    """BDF of SciPy on the same third-order cells with the sparse Jacobian, during the pulse and after it."""
    k_d = X * DA
    w_2, w_1, w_0 = column.UpwindBiased().weights
    flux = np.zeros((CELLS + 1, CELLS + 1))  # of the faces; the last column is the inlet
    for face in range(2, CELLS):
        flux[face, [face - 2, face - 1, face]] = w_2, w_1, w_0
    flux[0, -1] = 1.0
    flux[1, [0, 1, -1]] = w_1 - w_2, w_0, 2.0 * w_2
    flux[-1, [CELLS - 2, CELLS - 1]] = column.UpwindBiased().outlet_weights
    balance = -np.diff(flux, axis=0) * CELLS
    transport, inlet = diags([0.0], [0], shape=(CELLS, CELLS)) + balance[:, :-1], balance[:, -1]
    exchange = identity(CELLS)
    jacobian = bmat([[transport - k_a * exchange, k_d * exchange], [k_a * exchange, -k_d * exchange]], format="csc")
    source = np.concatenate([inlet, np.zeros(CELLS)])
    options = {"method": "BDF", "jac": jacobian, "rtol": 1e-6, "atol": 1e-9}
    during = solve_ivp(lambda t, y: jacobian @ y + source, (0.0, WIDTH), np.zeros(2 * CELLS), **options)
    later = TIMES[TIMES > WIDTH]
    after = solve_ivp(lambda t, y: jacobian @ y, (WIDTH, TIMES[-1]), during.y[:, -1], t_eval=later, **options)
    outlet = flux[-1, :-1] @ after.y[:CELLS]
    return np.concatenate([np.zeros(TIMES.size - later.size), outlet]), during.nfev + after.nfev


def full_equations() -> None:
    """BDF chooses its steps, some hundred, and factors one sparse matrix for many of them; ours are 2000 equal ones
    with two banded eliminations each, which cost hardly more for several components and may be differentiated."""
    problem, method = sample(), pde.FiniteDifference(CELLS, steps=2000)
    exact = pde.simulate(problem, pde.LaplaceIntegral(), TIMES).concentration[0]
    ours = pde.simulate(problem, method, TIMES).concentration[0]
    theirs, evaluations = lines()

    def error(found: np.ndarray) -> float:
        return float(np.linalg.norm(found - exact) / np.linalg.norm(exact))

    took = seconds(lambda: pde.simulate(problem, method, TIMES), 5)
    closed = seconds(lambda: pde.simulate(problem, pde.LaplaceIntegral(), TIMES), 5)
    peer = seconds(lines, 5)
    print(
        f"{CELLS} cells: solve_ivp (BDF, {evaluations} evaluations) {1e3 * peer:.0f} ms, error {error(theirs):.1e}; "
        f"ours {1e3 * took:.0f} ms, error {error(ours):.1e}: {peer / took:.1f} times faster; "
        f"closed form {1e3 * closed:.1f} ms"
    )
    four = sample(4)
    took = seconds(lambda: pde.simulate(four, method, TIMES), 5)
    peer = seconds(lambda: [lines(k_a) for k_a in LENGTHS], 3)
    print(
        f"    four components: {1e3 * peer:.0f} ms one by one, ours {1e3 * took:.0f} ms: {peer / took:.1f} times faster"
    )


def inversion() -> None:
    """mpmath needs so many digits because the transform has an essential singularity."""
    problem = sample()
    times = np.array([60.0, 101.0, 150.0])
    k_d = X * DA

    def transform(s: Any) -> Any:
        h = s / k_d * DA + s / (s + k_d)
        return (1 - mpmath.exp(-WIDTH * s)) / s * mpmath.exp(-X * h)

    def theirs() -> list[float]:
        return [float(mpmath.invertlaplace(transform, t, method="talbot", degree=80)) for t in times]

    apart = np.abs(pde.simulate(problem, pde.LaplaceInversion(), times).concentration[0] - theirs()).max()
    took = seconds(lambda: pde.simulate(problem, pde.LaplaceInversion(), times), 7) / times.size
    many = seconds(lambda: pde.simulate(problem, pde.LaplaceInversion(), TIMES), 5) / TIMES.size
    peer = seconds(theirs, 3) / times.size
    axis = seconds(lambda: pde.simulate(problem, pde.BromwichInversion(), TIMES), 1) / TIMES.size
    print(
        f"inversion, for each time: mpmath {mpmath.__version__} {1e3 * peer:.1f} ms; ours {1e3 * took:.2f} ms of three "
        f"and {1e6 * many:.0f} us of {TIMES.size}, by adaptive quadrature {1e6 * axis:.0f} us; apart {apart:.0e}: "
        f"{peer / many:.0f} times faster"
    )


if __name__ == "__main__":
    core.enable_compilation_cache()
    print(f"on {jax.devices()[0].device_kind}, jax {jax.__version__}, scipy {scipy.__version__}")
    full_equations()
    inversion()
