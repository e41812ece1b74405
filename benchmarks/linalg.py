"""Linear solvers against SciPy, jax.scipy and PyAMG, and the stencil against the memory.

`python benchmarks/linalg.py`. What is compared runs in turn in one process; medians are printed.
"""

import importlib.metadata
import statistics
import time

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pyamg
import scipy.sparse
import scipy.sparse.linalg

from _timing import medians
from perturbax import core, linalg, nn

SIDES = ((True, False), (False, False))


def system_of(size: int, right: str = "noise") -> linalg.LinearSystem:
    fluid = np.ones((size, size), bool)
    b = np.random.default_rng(0).normal(size=fluid.shape)
    if right == "smooth":
        i, j = np.indices(fluid.shape) / size
        b = np.sin(3.0 * i) * np.cos(5.0 * j)
    return linalg.LinearSystem(linalg.Poisson(fluid, open_sides=SIDES), b)


def bandwidth(size: int = 2048) -> None:
    """The stencil reads and writes a vector: what a copy takes is the bound."""
    with core.float64():
        operator = system_of(size).settle().operator
        x = jnp.ones((size, size))
        apply = eqx.filter_jit(lambda operator, x: operator(x))
        copy = jax.jit(lambda x: x + 1.0)
        csr = operator.matrix()
        flat = np.ones(size * size)
        took = medians({"copy": lambda: copy(x), "stencil": lambda: apply(operator, x), "csr": lambda: csr @ flat})
    rate = 16 * size**2 / took["stencil"] / 1e9
    print(
        f"stencil of {size}^2 cells: {rate:.1f} GB/s of {16 * size**2 / took['copy'] / 1e9:.1f} GB/s of a copy, "
        f"{took['copy'] / took['stencil']:.2f} (wanted 0.5); SciPy's CSR product takes "
        f"{took['csr'] / took['stencil']:.1f}x as long"
    )


def conjugate_gradients(size: int = 512, steps: int = 200) -> None:
    """As many iterations of each on one system."""
    system = system_of(size)
    b, csr = system.b.reshape(-1), system.operator.matrix()
    method = linalg.CG(tol=1e-14, max_steps=steps)
    with core.float64():
        settled = system.settle()
        peer = eqx.filter_jit(
            lambda operator, b: jax.scipy.sparse.linalg.cg(operator, b, tol=0.0, atol=1e-30, maxiter=steps)[0]
        )
        took = medians(
            {
                "ours": lambda: linalg.solve(system, method, throw=False).x,
                "jax.scipy": lambda: peer(settled.operator, settled.b),
                "scipy": lambda: scipy.sparse.linalg.cg(csr, b, rtol=0.0, atol=1e-30, maxiter=steps)[0],
            },
            repeats=5,
        )
    for name, package in (("jax.scipy", "jax"), ("scipy", "scipy")):
        version = importlib.metadata.version(package)
        print(
            f"CG, {steps} iterations, {size}^2: {name} {version} takes {took[name] / took['ours']:.2f}x ours (wanted 1)"
        )


def solvers(sizes: tuple[int, ...] = (64, 128, 256), tol: float = 1e-6) -> None:
    """Iterations and seconds to a tolerance; setup apart, compilation in neither."""
    for size in sizes:
        system = system_of(size, "smooth")
        csr = scipy.sparse.csr_matrix(system.operator.matrix())
        methods = {
            "CG": linalg.CG(tol=tol, max_steps=5000),
            "PCG, Jacobi": linalg.PCG(linalg.Jacobi(), tol=tol, max_steps=5000),
            "PCG, SSOR": linalg.PCG(linalg.SSOR(1.5), tol=tol, max_steps=5000),
            "PCG, SSOR red-black": linalg.PCG(linalg.SSOR(1.0, linalg.RedBlack()), tol=tol, max_steps=5000),
            "PCG, IC": linalg.PCG(linalg.IncompleteCholesky(), tol=tol, max_steps=5000),
            "PCG, AMG": linalg.PCG(linalg.AMG(), tol=tol),
            "DeflatedPCG": linalg.DeflatedPCG(tol=tol, max_steps=5000),
        }
        for name, method in methods.items():
            linalg.solve(system, method)
            found = [linalg.solve(system, method) for _ in range(3)]
            setup, seconds = (statistics.median(s.stats[key] for s in found) for key in ("setup_seconds", "seconds"))
            print(
                f"{size}^2, {name}: {int(found[0].iterations)} iterations, setup {setup:.3g} s, solve {seconds:.3g} s"
            )
        start = time.perf_counter()
        hierarchy = pyamg.smoothed_aggregation_solver(csr)
        setup = time.perf_counter() - start
        residuals: list[float] = []
        start = time.perf_counter()
        hierarchy.solve(system.b.reshape(-1), tol=tol, accel="cg", residuals=residuals)
        took = time.perf_counter() - start
        version = importlib.metadata.version("pyamg")
        print(f"{size}^2, PyAMG {version}: {len(residuals) - 1} iterations, setup {setup:.3g} s, solve {took:.3g} s")
        start = time.perf_counter()
        scipy.sparse.linalg.spsolve(csr.tocsc(), system.b.reshape(-1))
        print(f"{size}^2, SciPy's direct solver: {time.perf_counter() - start:.3g} s")


def network(sizes: tuple[int, ...] = (32, 64, 128), steps: int = 20) -> None:
    """What an iteration of DCDM costs against one of CG: by how much the count must fall to break even."""
    net = nn.ResidualUNet(2, width=12, levels=2, key=jax.random.key(0))
    for size in sizes:
        system = system_of(size)
        dcdm = linalg.DCDM(net, tol=1e-14, max_steps=steps)
        plain = linalg.CG(tol=1e-14, max_steps=steps)
        took = medians(
            {
                "DCDM": lambda system=system, method=dcdm: linalg.solve(system, method, throw=False).x,
                "CG": lambda system=system, method=plain: linalg.solve(system, method, throw=False).x,
            },
            repeats=5,
        )
        flops = net.flops(system.operator.shape) / system.operator.size
        ours, theirs = (1e3 * took[name] / steps for name in ("DCDM", "CG"))
        print(
            f"{size}^2: an iteration of DCDM takes {ours:.2f} ms, with {flops:.0f} operations a cell in the network, "
            f"one of CG {theirs:.3f} ms: even at {theirs / ours:.4f} of CG's iterations"
        )


if __name__ == "__main__":
    core.enable_compilation_cache()
    bandwidth()
    conjugate_gradients()
    solvers()
    network()
