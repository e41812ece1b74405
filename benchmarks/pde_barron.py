"""Energies: the Barron flow against a physics-informed network of DeepXDE in five dimensions, and Newton's method on
sines against that of scikit-fem in two.

`-Lap u + u + u^3 = f`. In five dimensions `u` has three waves, which is what sparse sums are for; the network gets
`cos` and `sin` of `2 pi x`, so that it is periodic as it stands, and `SECONDS` of Adam on 2000 points, without the
measurements of its error. Ours is the whole call, compiled before. On the square, zero on the boundary, scikit-fem has
quadratic triangles and the same Newton iteration with a direct solver. Last, how a product of two sums in ten
dimensions grows with their terms.

    python benchmarks/pde_barron.py
"""

import os
import time
from typing import Any

os.environ["DDE_BACKEND"] = "pytorch"

import deepxde as dde
import jax
import jax.numpy as jnp
import numpy as np
import skfem
import torch
from skfem.helpers import dot, grad

from _timing import timed
from perturbax import core, pde
from perturbax.pde._plane_waves import Waves, multiply

DIMENSION, TARGET, SECONDS = 5, 1e-2, 60.0
CURVATURE = 1.0 + 3.0 * 1.3**2
REFINEMENTS = (3, 4, 5)
TERMS = (128, 512, 2048)


def flow(problem: pde.PDEProblem, iterations: int) -> Any:
    """The Barron flow."""
    step = pde.FixedStep(2.0 / (1.0 + CURVATURE))
    method = pde.BarronFlow(pde.PlaneWaves(max_terms=256, tolerance=1e-5), step, iterations)
    return pde.solve(problem, method, key=jax.random.key(0), progress=False)


def network(problem: pde.PDEProblem) -> tuple[float, float]:
    """Seconds and error of DeepXDE, until the target or the end of the time."""
    dde.config.set_default_float("float32")
    n, a = (torch.tensor(problem.params[name], dtype=torch.float32) for name in ("frequencies", "amplitudes"))
    rates = 1.0 + ((2.0 * torch.pi * n) ** 2).sum(-1)

    def residual(x, u):
        waves = torch.cos(2.0 * torch.pi * x @ n.T)
        exact = (waves @ a)[:, None]
        laplacian = sum(dde.grad.hessian(u, x, i=i, j=i) for i in range(DIMENSION))
        return -laplacian + u + u**3 - (waves @ (rates * a))[:, None] - exact**3

    box = dde.geometry.Hypercube([0.0] * DIMENSION, [1.0] * DIMENSION)
    data = dde.data.PDE(box, residual, [], num_domain=2000, train_distribution="pseudo")
    net = dde.nn.FNN([2 * DIMENSION, 64, 64, 64, 1], "tanh", "Glorot uniform")
    net.apply_feature_transform(lambda x: torch.cat([torch.cos(2.0 * torch.pi * x), torch.sin(2.0 * torch.pi * x)], -1))
    model = dde.Model(data, net)
    model.compile("adam", lr=1e-3)
    x = np.random.default_rng(0).uniform(size=(2000, DIMENSION)).astype(np.float32)
    exact = np.cos(2.0 * np.pi * x @ problem.params["frequencies"].T) @ problem.params["amplitudes"]
    seconds, error = 0.0, np.inf
    while seconds < SECONDS and error > TARGET:
        begun = time.perf_counter()
        model.train(iterations=100, display_every=10**6, verbose=0)
        seconds += time.perf_counter() - begun
        error = float(np.linalg.norm(model.predict(x)[:, 0] - exact) / np.linalg.norm(exact))
    return seconds, error


def elements(problem: pde.PDEProblem, refinement: int) -> tuple[float, float, int]:
    """Seconds, error and unknowns of Newton's method by scikit-fem."""
    basis = skfem.Basis(skfem.MeshTri().refined(refinement), skfem.ElementTriP2())
    a = np.asarray(problem.params["amplitudes"])

    def modes(x):
        j = np.arange(1, len(a) + 1).reshape(-1, *[1] * (x.ndim - 1))
        return np.sin(np.pi * j * x[0]) * np.sin(np.pi * j * x[1])

    def source(x):
        waves = modes(x)
        j = np.arange(1, len(a) + 1)
        u = np.tensordot(a, waves, 1)
        return np.tensordot(2.0 * (np.pi * j) ** 2 * a, waves, 1) + u + u**3

    @skfem.BilinearForm
    def second(u, v, w):
        return dot(grad(u), grad(v)) + (1.0 + 3.0 * w["now"] ** 2) * u * v

    @skfem.LinearForm
    def first(v, w):
        u = w["now"]
        return dot(grad(u), grad(v)) + (u + u**3 - source(w.x)) * v

    def newton():
        u, inside = basis.zeros(), basis.get_dofs()
        for _ in range(5):
            now = basis.interpolate(u)
            u = u - skfem.solve(
                *skfem.condense(second.assemble(basis, now=now), first.assemble(basis, now=now), D=inside)
            )
        return u

    seconds, u = timed(newton)
    exact = np.tensordot(a, modes(basis.doflocs), 1)
    return seconds, float(np.linalg.norm(u - exact) / np.linalg.norm(exact)), basis.N


def product(terms: int) -> float:
    """Seconds of a product of two sums of random waves, of which as many are kept."""
    random = np.random.default_rng(0)

    def waves() -> Waves:
        n = jnp.asarray(random.integers(-2, 3, (terms, 10)), jnp.int32)
        decay = np.arange(1, terms + 1) ** -2.0
        return Waves(n, jnp.asarray(decay * np.exp(2j * np.pi * random.uniform(size=terms))))

    with core.float64():
        a, b = waves(), waves()
        return timed(lambda: multiply(a, b, terms, 0.0), 3)[0]


def main() -> None:
    """Print the comparisons."""
    core.enable_compilation_cache()
    print(f"perturbax on JAX {jax.__version__}, DeepXDE {dde.__version__} on torch {torch.__version__}", end="")
    print(f", scikit-fem {skfem.__version__}")
    problem = pde.catalogue.semilinear_waves(DIMENSION)
    step = int(np.flatnonzero(flow(problem, 40).history["error"] <= TARGET)[0])
    ours, _ = timed(lambda: flow(problem, step), 3)
    print(f"{DIMENSION} dimensions, to {TARGET:g}: perturbax {ours:.2f} s, {step} steps", flush=True)
    theirs, error = network(problem)
    print(f"DeepXDE: error {error:.1e} after {theirs:.1f} s, ratio {theirs / ours:.0f}", flush=True)
    square = pde.catalogue.semilinear_membrane(2)
    method = pde.SpectralNewton(pde.SpectralGrid(16))
    seconds, solution = timed(lambda: pde.solve(square, method, key=jax.random.key(0), progress=False), 3)
    print(f"square: perturbax {1e3 * seconds:.0f} ms, error {pde.solution_error(solution, 1000).relative_l2:.1e}")
    for refinement in REFINEMENTS:
        taken, error, unknowns = elements(square, refinement)
        print(f"scikit-fem, {unknowns} unknowns: {1e3 * taken:.0f} ms, error {error:.1e}", flush=True)
    for terms in TERMS:
        print(f"product of {terms} by {terms} waves: {1e3 * product(terms):.0f} ms", flush=True)


if __name__ == "__main__":
    main()
