"""A physics-informed network on Helmholtz' equation, by perturbax and by DeepXDE on torch.

The same tanh networks with Glorot's uniform start, on the same 1000 points inside and 200 on the boundary; DeepXDE asks
for the equation on the boundary too. First seconds of a step of Adam in float32, three hidden layers of 64, medians of
rounds in turn in one process. Then two hidden layers of 24 in float64 for `SECONDS`, compiled before: L-BFGS of both,
and Levenberg-Marquardt of perturbax. Times are those of training alone, without the measurements of the error.

    python benchmarks/pde.py
"""

import dataclasses
import os
import statistics
import time

os.environ["DDE_BACKEND"] = "pytorch"

import deepxde as dde
import jax
import numpy as np
import torch

from perturbax import core, pde

WIDE, NARROW = (64, 64, 64), (24, 24)
POINTS = pde.FixedPoints(1000, 200)
STEPS, ROUNDS = 100, 3
TARGET, SECONDS = 1e-3, 15.0
A, K = (1.0, 1.0), 1.0
PROBLEM = pde.catalogue.helmholtz(a=A, k=K)


def peer(precision: str, widths: tuple[int, ...]) -> dde.Model:
    """The problem, the points and the network of DeepXDE."""
    dde.config.set_default_float(precision)

    def residual(x, u):
        wave = torch.sin(A[0] * torch.pi * x[:, 1:2]) * torch.sin(A[1] * torch.pi * x[:, 0:1])
        laplacian = dde.grad.hessian(u, x, i=0, j=0) + dde.grad.hessian(u, x, i=1, j=1)
        return laplacian + K**2 * u + (np.pi**2 * (A[0] ** 2 + A[1] ** 2) - K**2) * wave

    points, _ = POINTS.start(PROBLEM, jax.random.key(0))
    x = np.concatenate([points.x, *(site.x for site in points.sites)])
    box = dde.geometry.Rectangle([-1, -1], [1, 1])
    edge = dde.icbc.DirichletBC(box, lambda x: 0.0, lambda _, on: on)
    data = dde.data.PDE(box, residual, edge, anchors=x)
    assert data.num_bcs == [POINTS.boundary]
    assert len(data.train_x_all) == len(x)
    return dde.Model(data, dde.nn.FNN([2, *widths, 1], "tanh", "Glorot uniform"))


def peer_step(model: dde.Model) -> float:
    """Seconds of a step of Adam."""
    begun = time.perf_counter()
    model.train(iterations=STEPS, display_every=10 * STEPS, verbose=0)
    return (time.perf_counter() - begun) / STEPS


def our_step(method: pde.PINN) -> float:
    """Seconds of a step of Adam, from the clock between chunks."""
    solution = pde.solve(PROBLEM, method, key=jax.random.key(0), precision="float32", progress=False)
    return solution.history["seconds"][-1] / STEPS


class Watch(dde.callbacks.Callback):
    """Seconds of training and errors after each round of an optimiser, which is ended after `SECONDS`."""

    def __init__(self):
        super().__init__()
        self.seconds, self.errors = [0.0], [np.inf]
        self.x = np.random.default_rng(0).uniform(-1.0, 1.0, (2000, 2))
        self.exact = np.sin(A[0] * np.pi * self.x[:, 1:]) * np.sin(A[1] * np.pi * self.x[:, :1])

    def on_epoch_begin(self):
        self.begun = time.perf_counter()

    def on_batch_end(self):
        self.seconds.append(self.seconds[-1] + time.perf_counter() - self.begun)
        error = np.linalg.norm(self.model.predict(self.x) - self.exact) / np.linalg.norm(self.exact)
        self.errors.append(float(error))
        self.model.stop_training = self.seconds[-1] > SECONDS


def peer_curve() -> tuple[np.ndarray, np.ndarray]:
    """Seconds and errors of L-BFGS of DeepXDE, in rounds of 50 steps that keep its memory."""
    model, watch = peer("float64", NARROW), Watch()
    dde.optimizers.config.LBFGS_options.update(iter_per_step=50, fun_per_step=63)
    model.compile("L-BFGS")
    model.train(display_every=10**6, verbose=0, callbacks=[watch])
    return np.array(watch.seconds), np.array(watch.errors)


def our_curve(optimiser: pde.LM | pde.LBFGS) -> tuple[np.ndarray, np.ndarray]:
    """Seconds and errors of an optimiser of perturbax."""
    for steps in (2 * optimiser.chunk, optimiser.steps):
        method = pde.PINN(NARROW, dataclasses.replace(optimiser, steps=steps), POINTS)
        history = pde.solve(PROBLEM, method, key=jax.random.key(0), progress=False).history
    return history["seconds"], history["error"]


def told(seconds: np.ndarray, errors: np.ndarray) -> str:
    """When the target was reached, and the error at the end of the time."""
    within = seconds <= SECONDS
    reached = seconds[within & (errors <= TARGET)]
    when = f"{reached[0]:.2f} s" if len(reached) else f"more than {seconds[within][-1]:.1f} s"
    return f"{when} to {TARGET:g}, error {errors[within][-1]:.1e} after {seconds[within][-1]:.1f} s"


def main() -> None:
    """Print both comparisons."""
    core.enable_compilation_cache()
    print(f"perturbax on JAX {jax.__version__}, DeepXDE {dde.__version__} on torch {torch.__version__}")
    method = pde.PINN(WIDE, pde.Adam(STEPS, chunk=STEPS), POINTS)
    model = peer("float32", WIDE)
    model.compile("adam", lr=1e-3)
    our_step(method), peer_step(model)
    pairs = [(our_step(method), peer_step(model)) for _ in range(ROUNDS)]
    ours, theirs = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(f"step of Adam: perturbax {1e3 * ours:.2f} ms, DeepXDE {1e3 * theirs:.2f} ms, ratio {theirs / ours:.1f}")
    for name, optimiser in (("LM", pde.LM(100, chunk=5)), ("L-BFGS", pde.LBFGS(3000, chunk=50))):
        print(f"perturbax {name}: {told(*our_curve(optimiser))}", flush=True)
    print(f"DeepXDE L-BFGS: {told(*peer_curve())}")


if __name__ == "__main__":
    main()
