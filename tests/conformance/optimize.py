"""How the conformance suite tries the methods of `optimize.tune`."""

import numpy as np

from perturbax import optimize

GRID = (1.0, 1.4, 1.8)
COSTS = np.random.default_rng(0).integers(2, 40, (12, 3)).astype(float)
CONTEXTS = np.linspace(0.0, 1.0, 12)


def radius(context):
    return 0.5 + 0.4 * context


def make(cls):
    given = {
        "grid": GRID,
        "interval": (0.0, 1.0),
        "tuner": optimize.TsallisINF(grid=GRID),
        "bins": 2,
        "terms": 2,
        "radius": radius,
        "sections": 2,
    }
    return cls(**{name: value for name, value in given.items() if name in cls.__dataclass_fields__})


def tune(method, key, costs=COSTS, contexts=CONTEXTS):
    return optimize.tune(optimize.CostTable(costs, GRID, contexts), method, key=key)


def run(method, key):
    tuning = tune(method, key)
    return tuning.values, tuning.costs, tuning.state


def poison(method, key):
    costs, contexts = COSTS.copy(), CONTEXTS.copy()
    costs[3, 1] = contexts[4] = np.nan
    return {"costs": lambda: tune(method, key, costs), "contexts": lambda: tune(method, key, contexts=contexts)}
