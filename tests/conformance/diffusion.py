"""How the conformance suite tries the samplers of `diffusion.sample`: on a Gaussian, whose denoiser is linear."""

import jax.numpy as jnp

from perturbax import diffusion

PROCESS = diffusion.VPLinear()


def predict_noise(x, t):
    """Exact noise prediction for data N(0, 1/4)."""
    return PROCESS.sigma(t) * x / (0.25 * PROCESS.alpha(t) ** 2 + PROCESS.sigma(t) ** 2)


PROBLEM = diffusion.Sampling(predict_noise, PROCESS, shape=(2,))


def make(cls):
    return cls(steps=9) if "steps" in cls.__dataclass_fields__ else cls()


def run(method, key):
    return diffusion.sample(PROBLEM, method, key=key, num_samples=3).x


def poison(method, key):
    start = jnp.array([[0.0, jnp.nan]])
    return {
        "x_T": lambda: diffusion.sample(PROBLEM, method, key=key, x_T=start),
        "start": lambda: diffusion.Sampling(predict_noise, PROCESS, shape=(2,), start=float("nan")),
    }
