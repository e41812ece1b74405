"""How the conformance suite tries the methods of `linalg`, by the verb that they answer."""

import numpy as np

from perturbax import linalg

A = -np.eye(4) + np.eye(4, k=1) + 0.1 * np.eye(4, k=-2)


def make(cls):
    return cls(**({"steps": 5} if "steps" in cls.__dataclass_fields__ else {}))


def run(method, key):
    found = linalg.diagonalize(A, method, key=key)
    return found.values, found.vectors, found.perturbation


def poison(method, key):
    return {"A": lambda: linalg.diagonalize(np.full((4, 4), np.nan), method, key=key)}
