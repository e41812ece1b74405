"""How the conformance suite tries the methods of `verify`, by the verb that they answer."""

import jax
import numpy as np
import optax

from perturbax import nn, verify

NETWORK = nn.MLP(2, (3,), 2, key=jax.random.key(0), activation=jax.nn.relu)
POINTS = np.random.default_rng(0).normal(size=(8, 2)).astype(np.float32)
LOWER, UPPER = -np.ones(2, np.float32), np.ones(2, np.float32)


def make(cls):
    return cls()


def train(x, method, key):
    settings = {"radius": 0.1, "steps": 2, "batch_size": 4, "optimizer": optax.sgd(0.1), "ramp": verify.Ramp(levels=2)}
    return verify.fit(NETWORK, (x, np.arange(8) % 2), method, key=key, **settings)


def run(method, key):
    if isinstance(method, verify.AbstractCertifiedTraining):
        return train(POINTS, method, key).losses
    found = verify.bound(NETWORK, verify.Box(LOWER, UPPER), method)
    return found.lower, found.upper


def poison(method, key):
    if isinstance(method, verify.AbstractCertifiedTraining):
        return {"data": lambda: train(POINTS + np.float32(np.nan), method, key)}
    broken = np.array([np.nan, 1.0], np.float32)
    return {
        "lower": lambda: verify.bound(NETWORK, verify.Box(broken, UPPER), method),
        "upper": lambda: verify.bound(NETWORK, verify.Box(LOWER, broken), method),
        "specification": lambda: verify.bound(NETWORK, verify.Box(LOWER, UPPER), method, specification=broken[None]),
    }
