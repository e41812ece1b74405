"""Costs that many tests share, so that what is compiled for them is shared too."""

import numpy as np
import pytest

from perturbax import optimize

GRID = (1.0, 1.2, 1.4, 1.6, 1.8)


@pytest.fixture(scope="session")
def table():
    """Costs of 200 instances that are smallest at `1 + context`, rounded as iterations are."""
    random = np.random.default_rng(0)
    contexts = random.random(200)
    costs = 10.0 + 60.0 * (np.array(GRID) - 1.0 - 0.8 * contexts[:, None]) ** 2 + random.normal(size=(200, 5))
    return optimize.CostTable(np.maximum(costs.round(), 1.0), GRID, contexts)
