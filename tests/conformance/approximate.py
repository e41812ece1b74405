"""How the conformance suite tries the methods of `approximate`, by the verb and the problem that they answer."""

import jax.numpy as jnp
import numpy as np

from perturbax import approximate
from perturbax.systems import column

_SMALL = {"width": 6, "pool": 3, "steps": 3, "degree": 2, "max_operations": 2, "generations": 2, "children": 4}
_PEAKS = {approximate.FiniteDifferenceFit: {"cells": 20, "steps": 40, "max_steps": 3}}


def make(cls):
    if issubclass(cls, approximate.AbstractPeakMethod):
        return cls(**_PEAKS.get(cls, {}))
    names = cls.__dataclass_fields__
    given = {name: value for name, value in _SMALL.items() if name in names}
    if issubclass(cls, approximate.BandlimitedRandomNet | approximate.StochasticConfigurationNet):
        given["bandwidth"] = (2.0, 20.0)
    if "tuner" in names:
        given["tuner"] = approximate.Lawson(steps=2, points=8)
    return cls(**given)


def data(x=None, y=None):
    grid = np.linspace(0.0, 1.0, 20)
    return approximate.ScatteredData(grid if x is None else x, np.sin(4.0 * grid) if y is None else y)


def target(lower=0.0, fn=jnp.exp2):
    return approximate.Target(fn, lower, 1.0, points=16)


def trace(**options):
    t = np.linspace(0.0, 100.0, 51)
    given = {"times": t, "signal": np.exp(-((t - 40.0) ** 2) / 130.0)} | options
    apparatus = column.GasColumn(1.0, column.ConstantFlow(1.0))
    return approximate.DetectorTrace(apparatus, pulse=column.Rectangle(1.0), **given)


def on_interval(method):
    return isinstance(method, approximate.AbstractDiscovery) or approximate.Target in method.problems


def run(method, key):
    if isinstance(method, approximate.AbstractPeakMethod):
        fitted = approximate.fit(trace(), method, key=key, throw=False)
        return fitted.values, fitted.heights, fitted.curves
    if isinstance(method, approximate.AbstractDiscovery):
        return approximate.discover(target(), method, key=key, progress=False).error
    if on_interval(method):
        return approximate.fit(target(), method).error
    return approximate.fit(data(), method, key=key)(np.linspace(0.0, 1.0, 5))


def poison(method, key):
    if isinstance(method, approximate.AbstractPeakMethod):
        broken = {"times": np.full(51, np.nan), "signal": np.full(51, np.inf), "dispersion": np.nan}
        return {
            name: lambda name=name: approximate.fit(trace(**{name: broken[name]}), method, key=key) for name in broken
        }
    if on_interval(method):
        return {"lower": lambda: target(np.nan), "fn": lambda: target(fn=lambda x: x + jnp.nan)}
    broken = np.full(20, np.nan)
    return {"x": lambda: data(x=broken), "y": lambda: data(y=broken)}
