"""How the conformance suite tries the methods of `rom`."""

import dataclasses
import warnings
from functools import cache

import numpy as np

from perturbax import rom, systems

S = np.linspace(0.1, 0.9, 12)
FIELDS = np.exp(-(((np.linspace(0.0, 1.0, 20) - S[:, None]) / 0.2) ** 2))


def make(cls):
    given = {"clusters": 3, "restarts": 2, "solves": 1, "calibration": rom.MaxRatio()}
    given |= {"hidden": (8,), "networks": rom.Perceptrons((8,)), "steps": 2, "batch": 8}
    return cls(**{field.name: given[field.name] for field in dataclasses.fields(cls) if field.name in given})


def solve(method, key, fields=FIELDS, params=S[:, None]):
    problem = rom.SnapshotSet(fields, params=params)
    return problem, rom.cluster(problem, method, key=key, bases=rom.LocalBases(modes=2))


@cache
def square():
    mesh = systems.box((2, 2))
    return systems.Solid(mesh, np.repeat(mesh.points[:, 1:] == 0.0, 2, axis=1))


def plate(spot=0.0, pull=200.0):
    """Three steps of a plate that yields in the second."""
    law = systems.Norton(
        young=200e3, poisson=0.3, yield_stress=100.0, hardening=5e3, viscosity=300.0, exponent=5.0, expansion=1e-5
    )
    amplitudes = np.array([[0.1], [0.7], [1.0]])
    heat = systems.Separable(20.0 + spot * np.eye(9)[4:5], np.ones((3, 1)))
    force = systems.Separable(square().body_force(np.tile([0.0, pull], (16, 1)))[None], amplitudes)
    return systems.Viscoplastic(square(), law, [0.3, 0.6, 1.0], heat, force)


def march(method, key, spot=50.0, pull=200.0):
    problem = plate(spot, pull)
    if isinstance(method, rom.FullOrder):
        return rom.simulate(problem, method, key=key)
    return rom.simulate(problem, rom.reduce(rom.Training([plate(), plate(spot=150.0)]), method, key=key), key=key)


TRACES = np.random.default_rng(0).normal(size=(40, 3)) @ [[1.0, 0.5], [0.0, 1.0], [2.0, -1.0]]


def generate(method, key, traces=TRACES, parameters=TRACES[:, :1], p=(0.0,)):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # two steps of a network leave modes out
        found = rom.boundary_generator(rom.SubmodelProblem(traces, parameters), method, key=key)
    return found.generate(key, list(p), 3)


def run(method, key):
    if isinstance(method, rom.AbstractGeneratorMethod):
        return generate(method, key)
    if not isinstance(method, rom.AbstractClusterMethod):
        found = march(method, key)
        return found.displacement(), found.plasticity(), found.indicator
    problem, solved = solve(method, key)
    return solved.labels, solved.errors(problem), [basis.modes for basis in solved.bases]


def poison(method, key):
    if isinstance(method, rom.AbstractGeneratorMethod):
        broken = np.where(np.arange(40)[:, None] == 3, np.nan, TRACES)
        return {
            "traces": lambda: generate(method, key, broken),
            "parameters": lambda: generate(method, key, parameters=broken[:, :1]),
            "p must": lambda: generate(method, key, p=(np.nan,)),
        }
    if not isinstance(method, rom.AbstractClusterMethod):
        return {
            "fields": lambda: march(method, key, spot=np.nan),
            "density": lambda: march(method, key, pull=np.nan),
        }

    def broken(x):
        return np.where(np.arange(len(x))[:, None] == 3, np.nan, x)

    return {
        "fields": lambda: solve(method, key, broken(FIELDS)),
        "params": lambda: solve(method, key, params=broken(S[:, None])),
    }
