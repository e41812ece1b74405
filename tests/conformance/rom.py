"""How the conformance suite tries the methods of `rom`."""

import dataclasses

import numpy as np

from perturbax import rom

S = np.linspace(0.1, 0.9, 12)
FIELDS = np.exp(-(((np.linspace(0.0, 1.0, 20) - S[:, None]) / 0.2) ** 2))


def make(cls):
    given = {"clusters": 3, "restarts": 2}
    return cls(**{field.name: given[field.name] for field in dataclasses.fields(cls) if field.name in given})


def solve(method, key, fields=FIELDS, params=S[:, None]):
    problem = rom.SnapshotSet(fields, params=params)
    return problem, rom.cluster(problem, method, key=key, bases=rom.LocalBases(modes=2))


def run(method, key):
    problem, solved = solve(method, key)
    return solved.labels, solved.errors(problem), [basis.modes for basis in solved.bases]


def poison(method, key):
    def broken(x):
        return np.where(np.arange(len(x))[:, None] == 3, np.nan, x)

    return {
        "fields": lambda: solve(method, key, broken(FIELDS)),
        "params": lambda: solve(method, key, params=broken(S[:, None])),
    }
