"""Poisson's equation with a high frequency: GPHM, a network on Fourier features by DeepXDE, and Chebyshev in NumPy.

`u'' = f` on [0, 2 pi] with `u = sin 100x`, 400 points for all, in float64. The network of DeepXDE on torch reads 72
random Fourier features of standard deviations 1, 20 and 50 on [-1, 1] (its torch backend has no multi-scale network of
its own, so they are a transform of the input); two tanh layers of 32, Adam at 1e-3. It is trained for as many seconds
as GPHM without compilation, and for ten times as many; errors are relative L2 at 300 points. Collocation with
Chebyshev's differentiation matrix in NumPy is timed in whole, as is `pde.ChebyshevCollocation` when compiled. Last,
seconds of a step of GPHM on grids of two dimensions.

    python benchmarks/pde_frequencies.py
"""

import os
import time

os.environ["DDE_BACKEND"] = "pytorch"

import deepxde as dde
import jax
import numpy as np
import torch

from _timing import seconds
from perturbax import core, pde

POINTS, OMEGA, STEPS = 400, 100.0, 100
LENGTH = 2.0 * np.pi
TEST = np.linspace(0.0, LENGTH, 300)[:, None]
PROBLEM = pde.catalogue.multiscale_poisson((OMEGA,))


def error(u: np.ndarray) -> float:
    """Relative L2 at the test points."""
    exact = np.sin(OMEGA * TEST[:, 0])
    return float(np.linalg.norm(np.asarray(u).ravel() - exact) / np.linalg.norm(exact))


def ours() -> tuple[float, float]:
    """Seconds of training and the error of GPHM, the second time."""
    method = pde.GPHM(grid=POINTS, steps=STEPS)
    for _ in range(2):
        solution = pde.solve(PROBLEM, method, key=jax.random.key(0), progress=False)
    return float(solution.history["seconds"][-1]), error(solution(TEST))


class Stop(dde.callbacks.Callback):
    """Ends training after some seconds."""

    def __init__(self, until: float):
        super().__init__()
        self.until, self.steps = until, 0

    def on_train_begin(self):
        self.begun = time.perf_counter()

    def on_epoch_end(self):
        self.steps += 1
        self.model.stop_training = time.perf_counter() - self.begun > self.until


def theirs(until: float) -> tuple[int, float]:
    """Steps of Adam in some seconds, and the error of DeepXDE's network."""
    dde.config.set_default_float("float64")
    dde.config.set_random_seed(0)

    # On [-1, 1], where its features are meant to be: u'' grows by the square of half the length.
    scale = (LENGTH / 2.0) ** 2

    def residual(x, u):
        wave = torch.sin(OMEGA * LENGTH / 2.0 * (x + 1.0))
        return dde.grad.hessian(u, x) / scale + OMEGA**2 * wave

    box = dde.geometry.Interval(-1, 1)
    ends = dde.icbc.DirichletBC(box, lambda x: np.sin(OMEGA * LENGTH / 2.0 * (x + 1.0)), lambda _, on: on)
    data = dde.data.PDE(box, residual, ends, num_domain=POINTS, num_boundary=2, train_distribution="uniform")
    network = dde.nn.FNN([144, 32, 32, 1], "tanh", "Glorot uniform")
    draws = np.random.default_rng(0).standard_normal((3, 24)) * np.array([[1.0], [20.0], [50.0]])
    frequencies = 2.0 * torch.pi * torch.as_tensor(draws.reshape(1, -1))
    network.apply_feature_transform(lambda x: torch.cat([torch.cos(x @ frequencies), torch.sin(x @ frequencies)], 1))
    model, stop = dde.Model(data, network), Stop(until)
    model.compile("adam", lr=1e-3, loss_weights=[OMEGA**-4, 1.0])
    model.train(iterations=10**6, display_every=10**7, verbose=0, callbacks=[stop])
    return stop.steps, error(model.predict(2.0 * TEST / LENGTH - 1.0))


def chebyshev() -> np.ndarray:
    """Collocation at Chebyshev's points by the differentiation matrix, evaluated at the test points."""
    n = POINTS - 1
    x = np.cos(np.pi * np.arange(n + 1) / n)
    c = np.where((np.arange(n + 1) % n) == 0, 2.0, 1.0) * (-1.0) ** np.arange(n + 1)
    D = np.outer(c, 1.0 / c) / (x[:, None] - x + np.eye(n + 1))
    D -= np.diag(D.sum(1))
    A = D @ D * (2.0 / LENGTH) ** 2
    place = 0.5 * LENGTH * (x + 1.0)
    right = -(OMEGA**2) * np.sin(OMEGA * place)
    A[[0, -1]], right[[0, -1]] = np.eye(n + 1)[[0, -1]], np.sin(OMEGA * place[[0, -1]])
    u = np.linalg.solve(A, right)
    coefficients = np.polynomial.chebyshev.chebfit(x, u, n)
    return np.polynomial.chebyshev.chebval(2.0 * TEST[:, 0] / LENGTH - 1.0, coefficients)


def step(side: int) -> float:
    """Seconds of a step on a square grid, without compilation: those of a second call."""
    problem = pde.catalogue.multiscale_poisson((10.0,), dimension=2)
    method = pde.GPHM(pde.SpectralMixture(10, 2.5), grid=side, steps=4, chunk=1, iterations=50)
    for _ in range(2):
        history = pde.solve(problem, method, key=jax.random.key(0), progress=False).history
    return float(np.median(np.diff(history["seconds"])))


def main() -> None:
    """Print all comparisons."""
    core.enable_compilation_cache()
    print(f"perturbax on JAX {jax.__version__}, DeepXDE {dde.__version__} on torch {torch.__version__}")
    until, here = ours()
    print(f"GPHM: {STEPS} steps in {until:.1f} s, error {here:.1e}", flush=True)
    for time_given in (until, 10.0 * until):
        steps, there = theirs(time_given)
        print(
            f"DeepXDE: {steps} steps in {time_given:.1f} s, error {there:.1e}, ours times {there / here:.0f}",
            flush=True,
        )
    plain, its_error = seconds(chebyshev, 3), error(chebyshev())
    method = pde.ChebyshevCollocation(POINTS)
    solved = pde.solve(PROBLEM, method, key=jax.random.key(0))
    verb = seconds(lambda: pde.solve(PROBLEM, method, key=jax.random.key(0)).model.coefficients, 3)
    print(f"Chebyshev in NumPy: {plain:.2f} s, error {its_error:.1e}; GPHM takes {until / plain:.0f} times as long")
    print(f"ChebyshevCollocation: {verb:.2f} s, error {error(solved(TEST)):.1e}, ratio {plain / verb:.1f}", flush=True)
    for side in (50, 100, 200):
        print(f"GPHM on {side} x {side} points: {step(side):.2f} s a step", flush=True)


if __name__ == "__main__":
    main()
