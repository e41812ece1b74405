"""How the conformance suite tries the methods of `dynamics`."""

import numpy as np

from perturbax import dynamics

H0 = np.random.default_rng(0).normal(size=(12, 4)) + 2.0 * np.eye(3, 4)[np.arange(12) % 3]
_SMALL = {"end": 1.0, "points": 3, "steps": 6, "batch_size": 4}


def make(cls):
    return cls(**{name: value for name, value in _SMALL.items() if name in cls.__dataclass_fields__})


def flow(method, key, features=H0, **weights):
    return dynamics.flow(dynamics.CollapseProblem(features, np.arange(12) % 3, **weights), method, key=key)


def run(method, key):
    found = flow(method, key)
    return found.features, found.classifiers, found.metrics, found.objective


def poison(method, key):
    broken = np.where(np.arange(12)[:, None] == 3, np.nan, H0)
    names = ("classifier_decay", "feature_decay", "proximity")
    return {
        "features": lambda: flow(method, key, broken),
        **{name: lambda name=name: flow(method, key, **{name: np.nan}) for name in names},
    }
