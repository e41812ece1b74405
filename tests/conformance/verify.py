"""How the conformance suite tries the methods of `verify`, by the verb that they answer."""

import jax
import numpy as np
import optax

from perturbax import nn, verify

NETWORK = nn.MLP(2, (3,), 2, key=jax.random.key(0), activation=jax.nn.relu)
POINTS = np.random.default_rng(0).normal(size=(8, 2)).astype(np.float32)
LOWER, UPPER = -np.ones(2, np.float32), np.ones(2, np.float32)


def make(cls):
    small = {"batch_size": 8, "starts": 2, "attack_steps": 2} if issubclass(cls, verify.AbstractVerifier) else {}
    return cls(**small)


def decide(method, key, **changed):
    stated = {"lower": LOWER, "upper": UPPER, "weights": np.ones((1, 2)), "offsets": np.full(1, -99.0), **changed}
    return verify.verify(verify.Verification(NETWORK, verify.unsafe_box(**stated)), method, key=key)


def train(x, method, key):
    settings = {"radius": 0.1, "steps": 2, "batch_size": 4, "optimizer": optax.sgd(0.1), "ramp": verify.Ramp(levels=2)}
    return verify.fit(NETWORK, (x, np.arange(8) % 2), method, key=key, **settings)


def run(method, key):
    if isinstance(method, verify.AbstractVerifier):
        found = decide(method, key)
        return found.status, found.stats["evaluations"]
    if isinstance(method, verify.AbstractCertifiedTraining):
        return train(POINTS, method, key).losses
    found = verify.bound(NETWORK, verify.Box(LOWER, UPPER), method)
    return found.lower, found.upper


def poison(method, key):
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
