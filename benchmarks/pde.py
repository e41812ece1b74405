"""A physics-informed network on Helmholtz' equation, by perturbax and by DeepXDE on torch.

The same network (3 hidden layers of 64 tanh units), the same 1000 points inside and 200 on the boundary, float32, Adam:
seconds of a training step, median of several rounds in turn in one process. Then seconds until the relative error is
1e-3: perturbax by Levenberg-Marquardt in float64, DeepXDE by L-BFGS in float64, stopped after `SECONDS`.

    python benchmarks/pde.py
"""

import os
import statistics
import time

os.environ["DDE_BACKEND"] = "pytorch"

import deepxde as dde
import jax
import numpy as np
import torch

from perturbax import pde

WIDTHS, INSIDE, EDGE = (64, 64, 64), 1000, 200
STEPS, ROUNDS, TARGET, SECONDS = 100, 3, 1e-3, 25.0
A, K = (1.0, 1.0), 1.0


def peer(precision: str) -> dde.Model:
    """The problem and the network of DeepXDE."""
    dde.config.set_default_float(precision)

    def exact(x):
        return np.sin(A[0] * np.pi * x[:, 1:2]) * np.sin(A[1] * np.pi * x[:, 0:1])

    def residual(x, u):
        wave = torch.sin(A[0] * torch.pi * x[:, 1:2]) * torch.sin(A[1] * torch.pi * x[:, 0:1])
        laplacian = dde.grad.hessian(u, x, i=0, j=0) + dde.grad.hessian(u, x, i=1, j=1)
        return laplacian + K**2 * u + (np.pi**2 * (A[0] ** 2 + A[1] ** 2) - K**2) * wave

    box = dde.geometry.Rectangle([-1, -1], [1, 1])
    edge = dde.icbc.DirichletBC(box, lambda x: 0.0, lambda _, on: on)
    data = dde.data.PDE(box, residual, edge, num_domain=INSIDE, num_boundary=EDGE, solution=exact)
    network = dde.nn.FNN([2, *WIDTHS, 1], "tanh", "Glorot normal")
    model = dde.Model(data, network)
    model.exact = exact
    return model


def peer_step(model: dde.Model) -> float:
    """Seconds of a step of Adam."""
    begun = time.perf_counter()
    model.train(iterations=STEPS, display_every=10 * STEPS, verbose=0)
    return (time.perf_counter() - begun) / STEPS


def our_step(method: pde.PINN, problem: pde.PDEProblem) -> float:
    """Seconds of a step of Adam, from the clock between chunks."""
    solution = pde.solve(problem, method, key=jax.random.key(0), precision="float32", progress=False)
    return solution.history["seconds"][-1] / STEPS


def peer_time() -> tuple[float, float]:
    """Seconds and the error reached by L-BFGS of DeepXDE."""
    model = peer("float64")
    dde.optimizers.set_LBFGS_options(maxiter=200)
    x = np.random.default_rng(0).uniform(-1.0, 1.0, (2000, 2))
    seconds, error = 0.0, np.inf
    while seconds < SECONDS and error > TARGET:
        model.compile("L-BFGS")
        begun = time.perf_counter()
        model.train(display_every=10_000, verbose=0)
        seconds += time.perf_counter() - begun
        exact = model.exact(x)
        error = float(np.linalg.norm(model.predict(x) - exact) / np.linalg.norm(exact))
    return seconds, error


def our_time(problem: pde.PDEProblem) -> tuple[float, float]:
    """Seconds and the error reached by Levenberg-Marquardt, compiled before."""
    method = pde.PINN((24, 24), pde.LM(60, chunk=5), pde.FixedPoints(INSIDE, EDGE))
    for _ in range(2):
        history = pde.solve(problem, method, key=jax.random.key(0), progress=False).history
    done = np.flatnonzero(history["error"] <= TARGET)
    at = done[0] if len(done) else -1
    return float(history["seconds"][at]), float(history["error"][at])


def main() -> None:
    """Print both comparisons."""
    problem = pde.catalogue.helmholtz(a=A, k=K)
    method = pde.PINN(WIDTHS, pde.Adam(STEPS, chunk=STEPS), pde.FixedPoints(INSIDE, EDGE))
    model = peer("float32")
    model.compile("adam", lr=1e-3)
    our_step(method, problem), peer_step(model)
    pairs = [(our_step(method, problem), peer_step(model)) for _ in range(ROUNDS)]
    ours, theirs = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(f"perturbax on JAX {jax.__version__}, DeepXDE {dde.__version__} on torch {torch.__version__}")
    print(f"step of Adam: perturbax {1e3 * ours:.2f} ms, DeepXDE {1e3 * theirs:.2f} ms, ratio {theirs / ours:.1f}")
    (ours, error), (theirs, reached) = our_time(problem), peer_time()
    print(f"to {TARGET:g}: perturbax LM {ours:.2f} s (2-24-24-1, error {error:.1e})")
    print(f"           DeepXDE L-BFGS {theirs:.2f} s (2-64-64-64-1, error {reached:.1e}), ratio {theirs / ours:.1f}")


if __name__ == "__main__":
    main()
