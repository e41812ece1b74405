"""How the conformance suite tries the methods of `verify`, by the verb that they answer."""

import jax
import numpy as np

from perturbax import nn, verify

NETWORK = nn.MLP(2, (3,), 2, key=jax.random.key(0), activation=jax.nn.relu)
LOWER, UPPER = -np.ones(2, np.float32), np.ones(2, np.float32)


def make(cls):
    return cls()


def run(method, key):
    found = verify.bound(NETWORK, verify.Box(LOWER, UPPER), method)
    return found.lower, found.upper


def poison(method, key):
    broken = np.array([np.nan, 1.0], np.float32)
    return {
        "lower": lambda: verify.bound(NETWORK, verify.Box(broken, UPPER), method),
        "upper": lambda: verify.bound(NETWORK, verify.Box(LOWER, broken), method),
        "specification": lambda: verify.bound(NETWORK, verify.Box(LOWER, UPPER), method, specification=broken[None]),
    }
