"""Likelihood with instance noise: the grid of noises in one program, and W1 and time against other estimators.

On 500 points of a closed curve in ten dimensions; W1 is to 2000 fresh points, "off" the mean distance of generated
points to the plane of the curve.
"""

import importlib.metadata
import time

import jax
import jax.numpy as jnp
import numpy as np
import torch
from sklearn.mixture import GaussianMixture

from _timing import timed
from perturbax import core, stats
from perturbax.studies.singular_likelihood import lobed

STEPS = 2500
SIGMAS = (0.05, 0.1, 0.2, 0.4)
KEY = jax.random.key(0)
RANDOM = np.random.default_rng(0)
PLANE = np.linalg.qr(RANDOM.normal(size=(10, 2)))[0]
ROWS, HELD, FRESH = (lobed(RANDOM.random(n)) @ PLANE.T for n in (500, 125, 2000))


def fit(method):
    problem = stats.Observations(ROWS, validation=HELD, scale=1.0)
    return stats.fit_distribution(problem, method, key=KEY, progress=False)


def report(name, seconds, drawn):
    drawn = np.asarray(drawn, np.float64)
    off = np.linalg.norm(drawn - drawn @ PLANE @ PLANE.T, axis=1).mean()
    print(f"{name}: {seconds:.1f} s, W1 {stats.wasserstein(drawn, FRESH, order=1):.3f}, off the plane {off:.4f}")


def grid():
    """All noises in one program against one after the other."""
    together, fitted = timed(lambda: fit(stats.PerturbedMLE(sigma=SIGMAS, steps=STEPS)))
    alone, _ = timed(lambda: [fit(stats.PerturbedMLE(sigma=sigma, steps=STEPS)) for sigma in SIGMAS])
    print(f"{len(SIGMAS)} noises together {together:.1f} s, one after the other {alone:.1f} s: {alone / together:.1f}x")
    report("ours, noise chosen", together, fitted.sample(KEY, 2000))
    alone, fitted = timed(lambda: fit(stats.PerturbedMLE(sigma=0.1, steps=STEPS)))
    report("ours, noise 0.1 annealed", alone, fitted.sample(KEY, 2000))


def autoencoder():
    """Ours as a variational autoencoder against torch: the same networks, steps and batches."""
    method = stats.PerturbedMLE(
        latent=stats.NormalLatent(1),
        sigma=0.1,
        noise=stats.FreshNoise(),
        likelihood=stats.ImportanceWeighted(1),
        steps=STEPS,
    )
    seconds, fitted = timed(lambda: fit(method))
    report("ours as a variational autoencoder", seconds, fitted.sample(KEY, 2000))
    torch.manual_seed(0)
    layers = torch.nn.Linear, torch.nn.ReLU
    encoder, decoder = (
        torch.nn.Sequential(layers[0](a, 64), layers[1](), layers[0](64, 64), layers[1](), layers[0](64, b))
        for a, b in ((10, 2), (1, 10))
    )
    log_sigma = torch.nn.Parameter(torch.zeros(()))
    optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters(), log_sigma], lr=3e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
    data = torch.tensor(ROWS, dtype=torch.float32)
    start = time.perf_counter()
    for _ in range(STEPS):
        x = data[torch.randint(len(data), (128,))]
        x = x + 0.1 * torch.randn_like(x)
        mean, log_scale = encoder(x).chunk(2, 1)
        z = mean + log_scale.exp() * torch.randn_like(mean)
        gap = (x - decoder(z)).square().sum(1) / (2.0 * (2.0 * log_sigma).exp())
        divergence = 0.5 * (mean.square() + (2.0 * log_scale).exp() - 1.0).sum(1) - log_scale.sum(1)
        loss = (gap + divergence).mean() + 10.0 * log_sigma
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    taken = time.perf_counter() - start
    with torch.no_grad():
        report(f"the same in torch {torch.__version__}", taken, decoder(torch.randn(2000, 1)).numpy())
    print(f"    {taken / seconds:.1f} times our time")


def mixture():
    start = time.perf_counter()
    fitted = GaussianMixture(256, covariance_type="diag", reg_covar=1e-4, random_state=0).fit(ROWS)
    version = importlib.metadata.version("scikit-learn")
    report(f"256 Gaussians of scikit-learn {version}", time.perf_counter() - start, fitted.sample(2000)[0])


def flow():
    try:
        from flowjax.distributions import Normal
        from flowjax.flows import masked_autoregressive_flow
        from flowjax.train import fit_to_data
    except ModuleNotFoundError:
        print("flowjax is not installed: pip install flowjax==19.1.2")
        return
    noisy = ROWS + 0.1 * np.random.default_rng(1).normal(size=ROWS.shape)
    for name, rows in (("raw", ROWS), ("perturbed", noisy)):
        start = time.perf_counter()
        made = masked_autoregressive_flow(KEY, base_dist=Normal(jnp.zeros(10)))
        made, _ = fit_to_data(KEY, made, jnp.asarray(rows, jnp.float32), learning_rate=1e-3, show_progress=False)
        drawn = made.sample(KEY, (2000,))
        version = importlib.metadata.version("flowjax")
        report(f"flow of flowjax {version} on {name} data", time.perf_counter() - start, drawn)


if __name__ == "__main__":
    core.enable_compilation_cache()
    print(f"jax {jax.__version__} on {jax.devices()[0].device_kind}")
    for benchmark in (grid, autoencoder, mixture, flow):
        benchmark()
