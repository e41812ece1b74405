"""How the conformance suite tries the methods of `pde`, each verb on a tiny problem."""

import numpy as np

from perturbax import pde
from perturbax.systems import column

_SMALL = {pde.FiniteDifference: {"cells": 20, "steps": 40}, pde.BromwichInversion: {"tolerance": 1e-6}}


def make(cls):
    return cls(**_SMALL.get(cls, {}))


def elute(method, times=(0.0, 30.0), **options):
    apparatus = column.GasColumn(1.0, column.ConstantFlow(1.0))
    kinetics = column.Linear(options.pop("adsorption", [30.0]), [1.0])
    problem = column.Injection(apparatus, kinetics, column.Rectangle(1.0), **options)
    return pde.simulate(problem, method, np.asarray(times))


def run(method, key):
    return elute(method).concentration


def poison(method, key):
    broken = {"adsorption": [np.nan], "concentration": np.nan, "dispersion": np.inf, "times": (0.0, np.nan)}
    return {name: lambda name=name: elute(method, **{name: broken[name]}) for name in broken}
