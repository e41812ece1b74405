"""Speed of perturbax.stats against named peers on the same work in the same process: `python benchmarks/stats.py`."""

import importlib.metadata
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from ott.tools import sliced
from scipy.linalg import sqrtm
from sklearn.mixture import GaussianMixture as SklearnMixture

from _timing import seconds
from perturbax import core, data, stats

REPEATS = 15


def report(what: str, ours: float, peer: str, theirs: float, difference: float) -> None:
    print(
        f"{what}: {1e3 * ours:.2f} ms; {peer}: {1e3 * theirs:.2f} ms; {theirs / ours:.1f}x, differ by {difference:.1e}"
    )


def version(package: str) -> str:
    return f"{package} {importlib.metadata.version(package)}"


def log_density() -> None:
    mixture, x = data.digits_mixture(), data.digits().flat
    peer = SklearnMixture(10)
    peer.weights_, peer.means_ = (np.asarray(part, np.float64) for part in (mixture.weights, mixture.means))
    peer.precisions_cholesky_ = np.linalg.inv(np.linalg.cholesky(np.asarray(mixture.covariances, np.float64)))
    peer.precisions_cholesky_ = peer.precisions_cholesky_.swapaxes(1, 2)
    difference = float(np.abs(mixture.log_density(x) - peer.score_samples(x)).max())
    report(
        "log density of 10 Gaussians at 1797 digits",
        seconds(lambda: mixture.log_density(x), REPEATS),
        version("scikit-learn"),
        seconds(lambda: peer.score_samples(x), REPEATS),
        difference,
    )


def denoiser() -> None:
    mixture = data.digits_mixture()
    x = mixture.sample(jax.random.key(0), 128)
    covariances = mixture.covariances

    @jax.jit
    def dense(x: Any, alpha: Any, sigma: Any) -> Any:
        noisy = alpha**2 * covariances + sigma**2 * jnp.eye(64)
        gaps = x[None] - alpha * mixture.means[:, None]
        solved = jnp.linalg.solve(noisy, gaps.swapaxes(1, 2)).swapaxes(1, 2)
        log_joint = jnp.log(mixture.weights)[:, None] - 0.5 * (gaps * solved).sum(-1)
        shares = jax.nn.softmax(log_joint - 0.5 * jnp.linalg.slogdet(noisy)[1][:, None], axis=0)
        posterior = mixture.means[:, None] + alpha * jnp.einsum("kij,kbj->kbi", covariances, solved)
        return jnp.einsum("kb,kbi->bi", shares, posterior)

    @jax.jit
    def products(x: Any, basis: Any) -> Any:
        return (x @ basis) @ basis.T

    basis = mixture.eigenvectors.transpose(1, 0, 2).reshape(64, 640)
    ours = seconds(lambda: mixture.denoise(x, 0.6, 0.8), REPEATS)
    difference = float(jnp.abs(mixture.denoise(x, 0.6, 0.8) - dense(x, 0.6, 0.8)).max())
    report(
        "exact denoiser of 128 digits",
        ours,
        "one solve per call in JAX",
        seconds(lambda: dense(x, 0.6, 0.8), REPEATS),
        difference,
    )
    bare = seconds(lambda: products(x, basis), REPEATS)
    print(f"    its two matrix products alone take {1e3 * bare:.2f} ms: {ours / bare:.1f}x that")


def frechet() -> None:
    x, y = np.split(data.digits().flat[:1796].astype(np.float64), 2)

    def by_matrix_root() -> float:
        s, t = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
        return float(np.sum((x.mean(0) - y.mean(0)) ** 2) + np.trace(s + t - 2.0 * np.real(sqrtm(s @ t))))

    report(
        "Frechet distance in 64 dimensions",
        seconds(lambda: stats.frechet_distance(x, y), REPEATS),
        f"matrix root of {version('scipy')}",
        seconds(by_matrix_root, REPEATS),
        abs(stats.frechet_distance(x, y) - by_matrix_root()),
    )


def sliced_distance() -> None:
    x, y = np.split(data.digits().flat[:1796], 2)
    key = jax.random.key(0)
    theirs = jax.jit(lambda x, y: sliced.sliced_wasserstein(x, y, n_proj=128, rng=key)[0])
    difference = abs(stats.sliced_wasserstein(x, y, key) - float(theirs(x, y)) ** 0.5)
    report(
        "sliced W2 of 898 digits, 128 directions (each draws its own)",
        seconds(lambda: stats.sliced_wasserstein(x, y, key), REPEATS),
        version("ott-jax"),
        seconds(lambda: theirs(x, y), REPEATS),
        difference,
    )


if __name__ == "__main__":
    core.enable_compilation_cache()
    print(f"on {jax.devices()[0].device_kind}, {version('jax')}")
    for benchmark in (log_density, denoiser, frechet, sliced_distance):
        benchmark()
