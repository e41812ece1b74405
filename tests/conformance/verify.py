"""How the conformance suite tries the methods of `verify`, by the verb that they answer."""

import equinox as eqx
import jax
import numpy as np
import optax

from perturbax import nn, verify

NETWORK = nn.MLP(2, (3,), 2, key=jax.random.key(0), activation=jax.nn.relu)
POINTS = np.random.default_rng(0).normal(size=(8, 2)).astype(np.float32)
LOWER, UPPER = -np.ones(2, np.float32), np.ones(2, np.float32)


IMAGES = np.random.default_rng(1).uniform(size=(16, 2, 2)).astype(np.float32)
ENCODER = nn.NoiseEncoder((2, 2), (3,), key=jax.random.key(0))

SETTINGS = {
    verify.AbstractVerifier: {"batch_size": 8, "starts": 2, "attack_steps": 2},
    verify.Smoothing: {"sigma": 0.5, "n": 40, "batch_size": 64},
    verify.AdaptiveSmoothing: {"sigma": 0.5, "target": 0.1, "n": 40, "batch_size": 64},
    verify.GaussianAugmentation: {"sigma": 0.5},
    verify.ConsistencyRegularization: {"sigma": 0.5},
    verify.SmoothAdv: {"sigma": 0.5, "attack_steps": 1},
    verify.RRCM: {"hidden": 4, "output": 4},
}


def make(cls):
    return cls(**next((settings for base, settings in SETTINGS.items() if issubclass(cls, base)), {}))


def decide(method, key, **changed):
    stated = {"lower": LOWER, "upper": UPPER, "weights": np.ones((1, 2)), "offsets": np.full(1, -99.0), **changed}
    return verify.verify(verify.Verification(NETWORK, verify.unsafe_box(**stated)), method, key=key)


def train(x, method, key):
    settings = {"radius": 0.1, "steps": 2, "batch_size": 4, "optimizer": optax.sgd(0.1), "ramp": verify.Ramp(levels=2)}
    return verify.fit(NETWORK, (x, np.arange(8) % 2), method, key=key, **settings)


def smooth(images, method, key):
    labels = np.arange(16) % 2
    networks = {
        verify.RRCM: ENCODER,
        verify.DenoisedSmoothing: verify.Denoised(Denoiser(jax.numpy.ones(())), classify, 0.5),
    }
    network = networks.get(type(method), verify.NoiseClassifier(ENCODER, 3, 2, sigma=0.5))
    data = (images, labels) if method.labelled else images
    return verify.fit_smoothed(network, data, method, steps=2, batch_size=16, optimizer=optax.sgd(0.1), key=key)


class Denoiser(eqx.Module):
    scale: jax.Array

    def __call__(self, x, sigma):
        return self.scale * x


def classify(x):
    return x.reshape(len(x), -1)


def run(method, key):
    if isinstance(method, verify.AbstractSmoothing):
        found = verify.certify(classify, IMAGES, method, key=key)
        return found.counts, found.radius
    if isinstance(method, verify.AbstractSmoothedTraining):
        return smooth(IMAGES, method, key).losses
    if isinstance(method, verify.AbstractVerifier):
        found = decide(method, key)
        return found.status, found.stats["evaluations"]
    if isinstance(method, verify.AbstractCertifiedTraining):
        return train(POINTS, method, key).losses
    found = verify.bound(NETWORK, verify.Box(LOWER, UPPER), method)
    return found.lower, found.upper


def poison(method, key):
    bad = IMAGES * np.float32(np.nan)
    if isinstance(method, verify.AbstractSmoothing):
        return {"x": lambda: verify.certify(classify, bad, method, key=key)}
    if isinstance(method, verify.AbstractSmoothedTraining):
        return {"data": lambda: smooth(bad, method, key)}
    if isinstance(method, verify.AbstractCertifiedTraining):
        return {"data": lambda: train(POINTS + np.float32(np.nan), method, key)}
    broken = np.array([np.nan, 1.0], np.float32)
    if isinstance(method, verify.AbstractVerifier):
        values = {"lower": broken, "upper": broken, "weights": broken[None], "offsets": broken[:1]}
        return {name: lambda n=name, v=value: decide(method, None, **{n: v}) for name, value in values.items()}
    return {
        "lower": lambda: verify.bound(NETWORK, verify.Box(broken, UPPER), method),
        "upper": lambda: verify.bound(NETWORK, verify.Box(LOWER, broken), method),
        "specification": lambda: verify.bound(NETWORK, verify.Box(LOWER, UPPER), method, specification=broken[None]),
    }
