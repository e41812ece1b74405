"""Small systems that many tests share, so that what is compiled for them is shared too."""

import numpy as np
import pytest
import scipy.sparse

from perturbax import linalg

SIDES = ((True, False), (False, False))


@pytest.fixture(scope="session")
def disk():
    """A box of 12 x 12 cells with a round obstacle, air beyond the first row, and a right side of noise."""
    i, j = np.indices((12, 12)) / 12
    fluid = (i - 0.5) ** 2 + (j - 0.5) ** 2 > 0.04
    b = fluid * np.random.default_rng(0).normal(size=fluid.shape)
    return linalg.LinearSystem(linalg.Poisson(fluid, open_sides=SIDES), b)


@pytest.fixture(scope="session")
def exact(disk):
    """The solution by a direct method."""
    x = scipy.sparse.linalg.spsolve(disk.operator.matrix().tocsc(), disk.b.reshape(-1))
    return x.reshape(disk.b.shape)
