"""How the conformance suite tries the methods of `pde`, each verb on a tiny problem."""

import dataclasses

import numpy as np

from perturbax import pde
from perturbax.systems import column

SMALL = {
    "optimiser": pde.LM(2, chunk=2),
    "points": pde.FixedPoints(12, 4),
    "hidden": (4,),
    "n_gaussians": 4,
    "width": 4,
    "features": 4,
    "grid": 12,
    "steps": 3,
    "kernel": pde.SpectralMixture(3, 2.0),
    "representation": pde.SpectralGrid(3),
    "iterations": 8,
    "rank": 2,
    "nodes": 3,
    "partition": pde.Split(0, 0.5),
    "interface_points": 2,
}
SAMPLERS = {
    "interior": 12,
    "boundary": 4,
    "every": 1,
    "initial": 6,
    "added": 2,
    "candidates": 20,
    "flow_steps": 2,
}
CURVES = {"cells": 20, "steps": 40, "tolerance": 1e-6}


def pulled(x, u, params):
    return u.laplacian() + params["force"]


def stretched(x, u, params):
    return 0.5 * (u.grad[0] @ u.grad[0]) - params["force"] * u.value[0]


def problem(force=2.0, value=0.0):
    box = pde.Box([0.0, 0.0], [1.0, 1.0])
    return pde.PDEProblem(box, pulled, [pde.Dirichlet(value)], params={"force": force}, energy=stretched)


def make(cls):
    if issubclass(cls, pde.AbstractInterfaceTuner):
        return cls(solver(cls), plays=2)
    if issubclass(cls, pde.AbstractSampler):
        small = SAMPLERS
    else:
        small = SMALL if issubclass(cls, pde.AbstractPDEMethod) else CURVES
    return cls(**{field.name: small[field.name] for field in dataclasses.fields(cls) if field.name in small})


def solver(cls):
    phases = pde.LM(1, chunk=1) if cls is pde.METALIC else pde.Chain([pde.LM(1, chunk=1)] * 2)
    split, points = pde.Split(0, 0.5), pde.FixedPoints(12, 4)
    return pde.XPINN(split, (pde.Continuity(),), (4,), phases, points, interface_points=2)


def tune(method, key, lower=1.0):
    family = pde.Family(pde.catalogue.poisson_box, [lower], [2.0], pde.Split(0, 0.5))
    return pde.tune_interface(family, method, key=key, progress=False)


def elute(method, times=(0.0, 30.0), **options):
    apparatus = column.GasColumn(1.0, column.ConstantFlow(1.0))
    kinetics = column.Linear(options.pop("adsorption", [30.0]), [1.0])
    sample = column.Injection(apparatus, kinetics, column.Rectangle(1.0), **options)
    return pde.simulate(sample, method, np.asarray(times))


def with_network(method):
    """A sampler is tried with a small network."""
    return pde.PINN((4,), pde.LM(2, chunk=2), method) if isinstance(method, pde.AbstractSampler) else method


def run(method, key):
    if isinstance(method, pde.AbstractInterfaceTuner):
        policy = tune(method, key)
        return policy.plays.rewards, policy([1.5])
    method = with_network(method)
    if not isinstance(method, pde.AbstractPDEMethod):
        return elute(method).concentration
    solution = pde.solve(problem(), method, key=key)
    return solution([[0.3, 0.6]]), solution.derivative([[0.3, 0.6]], 0, 0)


def poison(method, key):
    if isinstance(method, pde.AbstractInterfaceTuner):
        policy = tune(method, key)
        return {"lower": lambda: tune(method, key, np.nan), "context": lambda: policy([np.nan])}
    method = with_network(method)
    if not isinstance(method, pde.AbstractPDEMethod):
        broken = {"adsorption": [np.nan], "concentration": np.nan, "dispersion": np.inf, "times": (0.0, np.nan)}
        return {name: lambda name=name: elute(method, **{name: broken[name]}) for name in broken}
    solution = pde.solve(problem(), method, key=key)
    return {
        "params": lambda: pde.solve(problem(np.nan), method, key=key),
        "value": lambda: pde.solve(problem(value=np.nan), method, key=key),
        "x": lambda: solution([[np.nan, 0.0]]),
    }
