"""How the conformance suite tries the samplers of `diffusion.sample`, on a Gaussian, whose denoiser is linear, the
methods of `diffusion.fit`, on a few random points, those of `diffusion.align`, on pairs of them, and those of
`diffusion.search`."""

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
    if cls is diffusion.TotalVariation:
        return cls(iterations=5, axes=(0,))
    if cls in (diffusion.DDS, diffusion.GradientStep, diffusion.Projection):
        return cls(sampler=diffusion.Renoise(steps=5))
    if cls is diffusion.DCPO:
        return cls(diffusion.Captioned())
    if issubclass(cls, diffusion.AbstractPrepared):
        return cls(jnp.tanh, start_time=0.2, inner=diffusion.DDIM(steps=4))
    if cls is diffusion.USF:
        return cls(diffusion.SolverSchedule([-5.0, -2.0, 1.0, 4.5], 2))
    if issubclass(cls, diffusion.AbstractSearch):
        return cls(steps=2, budget=70)
    if issubclass(cls, diffusion.AbstractPlanned):
        return cls(steps=max(9, cls().minimum_steps))
    return cls()


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


PAIRS = diffusion.PreferencePairs(*np.random.default_rng(0).normal(size=(2, 16, 2)))
OPTIMIZER = optax.adam(1e-3)


def align(pairs, method, key):
    captions = np.random.default_rng(1).integers(0, 3, (3, len(pairs.winner)))
    pairs = diffusion.PreferencePairs(pairs.winner, pairs.loser, *captions)
    network = nn.ResidualMLP(2, width=4, blocks=1, classes=3, key=jax.random.key(0))
    model = nn.EDMPreconditioned(network, 1.0)
    problem = diffusion.AlignmentProblem(
        model, diffusion.EDM(), pairs, diffusion.Data(), levels=diffusion.LogNormalLevels()
    )
    return diffusion.align(problem, method, key=key, steps=2, batch_size=8, optimizer=OPTIMIZER)


def run(method, key):
    if isinstance(method, diffusion.AbstractAlignmentMethod):
        return align(PAIRS, method, key).losses
    if isinstance(method, diffusion.AbstractRestoration):
        return diffusion.restore(inverse(np.ones((3, 1))), method, key=key).x
    if isinstance(method, diffusion.AbstractDenoisingMethod):
        return train(denoising(), method, key).losses
    if isinstance(method, diffusion.AbstractSearch):
        return find(method, key=key).scores
    return diffusion.sample(PROBLEM, method, key=key, num_samples=3).x


def find(method, x_T=None, **options):
    return diffusion.search(PROBLEM, method, samples=4, validation=4, test=4, x_T=x_T, **options)


def poison(method, key):
    if isinstance(method, diffusion.AbstractAlignmentMethod):
        broken = np.full((16, 2), np.nan)
        return {
            "winner": lambda: align(diffusion.PreferencePairs(broken, PAIRS.loser), method, key),
            "loser": lambda: align(diffusion.PreferencePairs(PAIRS.winner, broken), method, key),
        }
    if isinstance(method, diffusion.AbstractRestoration):
        return {"y": lambda: diffusion.restore(inverse(np.full((3, 1), np.nan)), method, key=key)}
    if isinstance(method, diffusion.AbstractDenoisingMethod):
        broken = np.full((16, 2), np.inf)
        return {"data": lambda: train(diffusion.DenoisingProblem(broken, denoising().network), method, key)}
    if isinstance(method, diffusion.AbstractSearch):
        return {"x_T": lambda: find(method, jnp.full((12, 2), jnp.nan), key=key)}
    start = jnp.array([[0.0, jnp.nan]])
    if isinstance(method, diffusion.AbstractPrepared):
        return {"x_T": lambda: diffusion.sample(PROBLEM, method, key=key, x_T=start)}
    return {
        "x_T": lambda: diffusion.sample(PROBLEM, method, key=key, x_T=start),
        "start": lambda: diffusion.Sampling(predict_noise, PROCESS, shape=(2,), start=float("nan")),
    }
