"""How the conformance suite tries the samplers of `diffusion.sample`, on a Gaussian, whose denoiser is linear, and the
methods of `diffusion.fit`, on a few random points."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax

from perturbax import diffusion, nn, stats

PROCESS = diffusion.VPLinear()


def predict_noise(x, t):
    """Exact noise prediction for data N(0, 1/4)."""
    return PROCESS.sigma(t) * x / (0.25 * PROCESS.alpha(t) ** 2 + PROCESS.sigma(t) ** 2)


PROBLEM = diffusion.Sampling(predict_noise, PROCESS, shape=(2,))


def make(cls):
    if cls is diffusion.ExactPosterior:
        return cls(MIXTURE)
    if cls in (diffusion.DDS, diffusion.Projection):
        return cls(sampler=diffusion.Renoise(steps=5))
    return cls(steps=9) if "steps" in cls.__dataclass_fields__ else cls()


@functools.cache
def denoising():
    """A tiny network on a few points."""
    network = nn.ResidualMLP(2, width=4, blocks=1, key=jax.random.key(0))
    return diffusion.DenoisingProblem(np.random.default_rng(0).normal(size=(16, 2)), network)


def train(problem, method, key):
    return diffusion.fit(problem, method, key=key, steps=2, batch_size=8, optimizer=optax.sgd(0.1))


MIXTURE = stats.GaussianMixture([1.0], [[0.0, 0.0]], [[0.25, 0.25]])


def inverse(y):
    """One of two coordinates is measured."""
    return diffusion.InverseProblem(PROBLEM, lambda x: x[:1], y, noise_std=0.1)


def run(method, key):
    if isinstance(method, diffusion.AbstractRestoration):
        return diffusion.restore(inverse(np.ones((3, 1))), method, key=key).x
    if isinstance(method, diffusion.AbstractDenoisingMethod):
        return train(denoising(), method, key).losses
    return diffusion.sample(PROBLEM, method, key=key, num_samples=3).x


def poison(method, key):
    if isinstance(method, diffusion.AbstractRestoration):
        return {"y": lambda: diffusion.restore(inverse(np.full((3, 1), np.nan)), method, key=key)}
    if isinstance(method, diffusion.AbstractDenoisingMethod):
        broken = np.full((16, 2), np.inf)
        return {"data": lambda: train(diffusion.DenoisingProblem(broken, denoising().network), method, key)}
    start = jnp.array([[0.0, jnp.nan]])
    return {
        "x_T": lambda: diffusion.sample(PROBLEM, method, key=key, x_T=start),
        "start": lambda: diffusion.Sampling(predict_noise, PROCESS, shape=(2,), start=float("nan")),
    }
