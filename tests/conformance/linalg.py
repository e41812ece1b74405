"""How the conformance suite tries the methods of `linalg`, by the verb that they answer."""

import jax.numpy as jnp
import numpy as np

from perturbax import linalg

OPERATOR = linalg.Poisson(np.ones((6, 6), bool), open_sides=True)
B = np.random.default_rng(0).normal(size=(6, 6))
A = -np.eye(4) + np.eye(4, k=1) + 0.1 * np.eye(4, k=-2)
_SMALL = {
    linalg.HutchPP: {"probes": 6},
    linalg.Hutchinson: {"probes": 4},
    linalg.Lanczos: {"steps": 5},
    linalg.StochasticLanczosQuadrature: {"steps": 4, "probes": 2},
    linalg.RandomizedSVD: {"rank": 2, "oversampling": 2},
    linalg.DeflatedPCG: {"ritz": 2, "lanczos_steps": 10},
}


def make(cls):
    if issubclass(cls, linalg.AbstractDiagonalization):
        return cls(**({"steps": 5} if "steps" in cls.__dataclass_fields__ else {}))
    if "network" in cls.__dataclass_fields__:
        return cls(jnp.tanh)
    return cls(**_SMALL.get(cls, {}))


def solve(b, method, x0=None):
    return linalg.solve(linalg.LinearSystem(OPERATOR, b, x0), method, throw=False)


def run(method, key):
    if isinstance(method, linalg.AbstractLinearSolver):
        solved = solve(B, method)
        return solved.x, solved.residual_norms
    if isinstance(method, linalg.AbstractDiagonalization):
        found = linalg.diagonalize(A, method, key=key)
        return found.values, found.vectors, found.perturbation
    verb = linalg.trace if hasattr(method, "estimate") else linalg.spectrum_of
    return verb(OPERATOR, method, key=key)


def poison(method, key):
    if isinstance(method, linalg.AbstractDiagonalization):
        return {"A": lambda: linalg.diagonalize(np.full((4, 4), np.nan), method, key=key)}
    broken = np.where(np.arange(36).reshape(6, 6) == 3, np.nan, B)
    if isinstance(method, linalg.AbstractLinearSolver):
        return {"b": lambda: solve(broken, method), "x0": lambda: solve(B, method, broken)}
    verb = linalg.trace if hasattr(method, "estimate") else linalg.spectrum_of
    return {"operator": lambda: verb(broken, method, key=key)}
