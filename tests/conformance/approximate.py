"""How the conformance suite tries the methods of `approximate`, by the verb and the problem that they answer."""

import jax.numpy as jnp
import numpy as np

from perturbax import approximate

_SMALL = {"width": 6, "pool": 3, "steps": 3, "degree": 2, "max_operations": 2, "generations": 2, "children": 4}


def make(cls):
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


def on_interval(method):
    return isinstance(method, approximate.AbstractDiscovery) or approximate.Target in method.problems


def run(method, key):
    if isinstance(method, approximate.AbstractDiscovery):
        return approximate.discover(target(), method, key=key, progress=False).error
    if on_interval(method):
        return approximate.fit(target(), method).error
    return approximate.fit(data(), method, key=key)(np.linspace(0.0, 1.0, 5))


def poison(method, key):
    if on_interval(method):
        return {"lower": lambda: target(np.nan), "fn": lambda: target(fn=lambda x: x + jnp.nan)}
    broken = np.full(20, np.nan)
    return {"x": lambda: data(x=broken), "y": lambda: data(y=broken)}
