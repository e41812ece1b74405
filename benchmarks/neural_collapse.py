"""Neural collapse: metrics of many feature matrices against torch and NumPy, and minimisers against SciPy's L-BFGS."""

from typing import Any

import jax
import numpy as np
import scipy
import torch
from scipy.optimize import minimize

from _timing import seconds
from perturbax import core, dynamics, stats

BATCH, SAMPLES, CLASSES, WIDTH = 64, 1000, 10, 64


def in_numpy(h: Any, labels: Any) -> float:
    """NC1, NC2 and the share of misplaced samples, as one writes them down."""
    means = np.stack([h[labels == k].mean(0) for k in range(CLASSES)])
    z, A = h - means[labels], means - means.mean(0)
    nc1 = np.trace(z.T @ z / len(h) @ np.linalg.pinv(A.T @ A / CLASSES, rcond=1e-5)) / CLASSES
    E = (np.eye(CLASSES) - 1.0 / CLASSES) / np.sqrt(CLASSES - 1)
    nc2 = np.linalg.norm(A @ A.T / np.linalg.norm(A @ A.T) - E)
    return nc1 + nc2 + (((means**2).sum(1) - 2.0 * h @ means.T).argmin(1) != labels).mean()


def in_torch(h: Any, labels: Any) -> Any:
    """The same in torch."""
    means = torch.stack([h[labels == k].mean(0) for k in range(CLASSES)])
    z, A = h - means[labels], means - means.mean(0)
    nc1 = torch.trace(z.T @ z / len(h) @ torch.linalg.pinv(A.T @ A / CLASSES, rtol=1e-5)) / CLASSES
    E = (torch.eye(CLASSES) - 1.0 / CLASSES) / (CLASSES - 1) ** 0.5
    nc2 = torch.linalg.norm(A @ A.T / torch.linalg.norm(A @ A.T) - E)
    return nc1 + nc2 + (((means**2).sum(1) - 2.0 * h @ means.T).argmin(1) != labels).float().mean()


def metrics() -> None:
    random, labels = np.random.default_rng(0), np.arange(SAMPLES) % CLASSES
    h = random.normal(size=(BATCH, CLASSES, WIDTH))[:, labels] + 0.5 * random.normal(size=(BATCH, SAMPLES, WIDTH))
    h = h.astype(np.float32)
    many = jax.jit(jax.vmap(lambda h, y: stats.collapse_metrics(h, y, classes=CLASSES), in_axes=(0, None)))
    h_jax, labels_jax = jax.device_put(h), jax.device_put(labels)
    h_torch, labels_torch = torch.as_tensor(h), torch.as_tensor(labels)
    found = many(h_jax, labels_jax)
    ours = np.asarray(found.nc1 + found.nc2 + found.ncc)
    peers = {
        f"numpy {np.__version__}": lambda: [in_numpy(one, labels) for one in h],
        f"torch {torch.__version__}": lambda: [float(in_torch(one, labels_torch)) for one in h_torch],
    }
    taken = seconds(lambda: many(h_jax, labels_jax))
    for name, call in peers.items():
        theirs, apart = seconds(call), float(np.abs(np.array(call()) / ours - 1.0).max())
        print(
            f"metrics of {BATCH} matrices {SAMPLES} x {WIDTH}: ours {1e3 * taken:.1f} ms, {name} "
            f"{1e3 * theirs:.1f} ms: {theirs / taken:.1f} times faster, differ by {apart:.1e}"
        )


def minimisers() -> None:
    """To a gradient of 1e-10 in all of features and classifier."""
    random, labels = np.random.default_rng(0), np.repeat(np.arange(CLASSES), 20)
    frame = 1.3 * np.linalg.qr(random.normal(size=(WIDTH, WIDTH)))[0][:CLASSES]
    H0 = frame[labels] + 0.1 * random.normal(size=(labels.size, WIDTH))
    problem = dynamics.CollapseProblem(H0, labels)
    n, targets = labels.size, np.eye(CLASSES)[labels]

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        H, W = flat[: H0.size].reshape(H0.shape), flat[H0.size :].reshape(CLASSES, WIDTH)
        gap, moved = H @ W.T - targets, H - H0
        value = (gap**2).sum() + problem.feature_decay * (H**2).sum() + problem.proximity * (moved**2).sum()
        value = value / (2 * n) + problem.classifier_decay * (W**2).sum() / (2 * CLASSES)
        by_H = (gap @ W + problem.feature_decay * H + problem.proximity * moved) / n
        by_W = gap.T @ H / n + problem.classifier_decay / CLASSES * W
        return value, np.concatenate([by_H.ravel(), by_W.ravel()])

    start = np.concatenate([H0.ravel(), 0.1 * random.normal(size=CLASSES * WIDTH)])
    options = {"gtol": 1e-10, "ftol": 0.0, "maxiter": 100_000, "maxfun": 200_000, "maxcor": 20}
    solved = minimize(loss, start, jac=True, method="L-BFGS-B", options=options)
    theirs = seconds(lambda: minimize(loss, start, jac=True, method="L-BFGS-B", options=options).fun, 3)
    reached = float(np.abs(loss(solved.x)[1]).max())
    for method in (dynamics.AlternatingExact(), dynamics.ReducedNewton()):
        found = dynamics.flow(problem, method)
        taken = seconds(lambda method=method: dynamics.flow(problem, method).features)
        gradient = loss(np.concatenate([found.features.ravel(), found.classifiers[0].ravel()]))[1]
        print(
            f"minimiser of {n} x {WIDTH} features, {CLASSES} classes: {type(method).__name__} {1e3 * taken:.1f} ms, "
            f"{found.stats['evaluations']} turns, gradient {np.abs(gradient).max():.1e}; L-BFGS of scipy "
            f"{scipy.__version__} {1e3 * theirs:.1f} ms, {solved.nfev} evaluations, gradient {reached:.1e}: "
            f"{theirs / taken:.1f} times faster, objectives differ by {abs(float(found.objective[0]) - solved.fun):.1e}"
        )


if __name__ == "__main__":
    core.enable_compilation_cache()
    print(f"on {jax.devices()[0].device_kind}, jax {jax.__version__}")
    metrics()
    minimisers()
