"""What an epoch with adaptive points costs more than one with fresh uniform points, here and with DeepXDE's resampler.

The peak of the study `aas`: a network 2-24-24-1, 150 points inside and 40 on the boundary, 15 steps of the optimiser in
an epoch. Here Levenberg-Marquardt in float64; medians over epochs of one run, the first ones left out, which compile.
DeepXDE: Adam in float32 on torch, with `PDEPointResampler` in every epoch and without; and 15 steps of Adam here.

    python benchmarks/pde_samplers.py
"""

import os
import statistics
import time

os.environ["DDE_BACKEND"] = "pytorch"

import deepxde as dde
import jax
import numpy as np
import torch

from perturbax import core, pde

SHARPNESS, WIDTHS = 60.0, (24, 24)
INTERIOR, BOUNDARY, STEPS, EPOCHS, ROUNDS = 150, 40, 15, 20, 1
PROBLEM = pde.catalogue.peak(SHARPNESS)


def ours(points: pde.AbstractSampler, optimiser: pde.LM | pde.Adam, precision: str) -> float:
    """Median seconds of an epoch."""
    method = pde.PINN(WIDTHS, optimiser, points)
    solution = pde.solve(PROBLEM, method, key=jax.random.key(0), precision=precision, progress=False)
    return float(np.median(np.diff(solution.history["seconds"])[2:]))


def peer(resampled: bool) -> float:
    """Seconds of an epoch of DeepXDE."""
    dde.config.set_default_float("float32")

    def residual(x, u):
        square = torch.sum((x - 0.5) ** 2, 1, keepdim=True)
        bump = torch.exp(-SHARPNESS * square)
        laplacian = dde.grad.hessian(u, x, i=0, j=0) + dde.grad.hessian(u, x, i=1, j=1)
        return laplacian / (4.0 * SHARPNESS) - (SHARPNESS * square - 1.0) * bump

    def exact(x):
        return np.exp(-SHARPNESS * np.sum((x - 0.5) ** 2, 1, keepdims=True))

    box = dde.geometry.Rectangle([-1, -1], [1, 1])
    edge = dde.icbc.DirichletBC(box, exact, lambda _, on: on)
    data = dde.data.PDE(box, residual, edge, num_domain=INTERIOR, num_boundary=BOUNDARY)
    model = dde.Model(data, dde.nn.FNN([2, *WIDTHS, 1], "tanh", "Glorot uniform"))
    model.compile("adam", lr=1e-3)
    callbacks = [dde.callbacks.PDEPointResampler(period=STEPS)] if resampled else []
    model.train(iterations=2 * STEPS, display_every=10**6, verbose=0, callbacks=callbacks)
    begun = time.perf_counter()
    model.train(iterations=EPOCHS * STEPS, display_every=10**6, verbose=0, callbacks=callbacks)
    return (time.perf_counter() - begun) / EPOCHS


def main() -> None:
    """Print milliseconds of an epoch and ratios to that with fresh or fixed points."""
    core.enable_compilation_cache()
    print(f"perturbax on JAX {jax.__version__}, DeepXDE {dde.__version__} on torch {torch.__version__}")
    sizes = {"interior": INTERIOR, "boundary": BOUNDARY, "every": STEPS}
    samplers = {
        "uniform": pde.FreshPoints(**sizes),
        "AAS": pde.AdversarialSampler(**sizes),
        "DAS-R": pde.DASReplace(**sizes, candidates=1000),
        "RAD": pde.RAD(**sizes, candidates=1000),
        "RAR": pde.RAR(**sizes, initial=75, added=4, candidates=1000),
    }
    optimisers = {
        "LM, float64": pde.LM(EPOCHS * STEPS, chunk=STEPS),
        "Adam, float32": pde.Adam(EPOCHS * STEPS, chunk=STEPS),
    }
    for name, optimiser in optimisers.items():
        precision = name.split(", ")[1]
        rounds = [{key: ours(points, optimiser, precision) for key, points in samplers.items()} for _ in range(ROUNDS)]
        seconds = {key: statistics.median(one[key] for one in rounds) for key in samplers}
        for key, value in seconds.items():
            print(
                f"{name}, {key}: {1e3 * value:.1f} ms an epoch, {value / seconds['uniform']:.2f} of uniform", flush=True
            )
    rounds = [(peer(False), peer(True)) for _ in range(ROUNDS)]
    fixed, resampled = (statistics.median(column) for column in zip(*rounds, strict=True))
    print(f"DeepXDE, Adam, float32: {1e3 * fixed:.1f} ms, resampled {resampled / fixed:.2f} of fixed")


if __name__ == "__main__":
    main()
