"""How the conformance suite tries the methods of `approximate`, each verb on a tiny problem."""

import numpy as np

from perturbax import approximate
from perturbax.systems import column

_SMALL = {approximate.FiniteDifferenceFit: {"cells": 20, "steps": 40, "max_steps": 3}}


def make(cls):
    return cls(**_SMALL.get(cls, {}))


def trace(**options):
    t = np.linspace(0.0, 100.0, 51)
    data = {"times": t, "signal": np.exp(-((t - 40.0) ** 2) / 130.0)} | options
    apparatus = column.GasColumn(1.0, column.ConstantFlow(1.0))
    return approximate.DetectorTrace(apparatus, pulse=column.Rectangle(1.0), **data)


def run(method, key):
    fitted = approximate.fit(trace(), method, key=key, throw=False)
    return fitted.values, fitted.heights, fitted.curves


def poison(method, key):
    broken = {"times": np.full(51, np.nan), "signal": np.full(51, np.inf), "dispersion": np.nan}
    return {name: lambda name=name: approximate.fit(trace(**{name: broken[name]}), method, key=key) for name in broken}
