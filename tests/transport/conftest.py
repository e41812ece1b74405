"""Bridges that are known exactly, in both forms of covariance and around both linear references."""

import numpy as np
import pytest

from perturbax import core, transport

RNG = np.random.default_rng(0)
A, B = (m @ m.T / 3 + 0.1 * np.eye(3) for m in RNG.normal(size=(2, 3, 3)))
M0, M1 = RNG.normal(size=(2, 3))
RATE = np.array([[1.0, 0.5, 0.0], [-0.5, 0.3, 0.0], [0.2, 0.0, -0.4]])
REFERENCES = {
    "Brownian": transport.Brownian(),
    "OrnsteinUhlenbeck": transport.OrnsteinUhlenbeck(RATE, np.array([0.5, 0.0, -1.0])),
}


def gaussian(reference="Brownian", epsilon=0.7):
    with core.float64():
        return transport.bridge_of_gaussians(M0, A, M1, B, epsilon, REFERENCES[reference])


def mixture(full=True, epsilon=0.5, k=4, d=3):
    rng = np.random.default_rng(3)
    shapes = rng.normal(size=(k, d, d))
    covariances = shapes @ shapes.swapaxes(1, 2) / d + 0.1 * np.eye(d) if full else rng.uniform(0.3, 1.5, (k, d))
    with core.float64():
        return transport.bridge_of_mixture(rng.normal(size=k), 2.0 * rng.normal(size=(k, d)), covariances, epsilon)


@pytest.fixture(params=["diagonal", "full", "Brownian", "OrnsteinUhlenbeck"])
def exact(request):
    """A bridge in closed form, in float64."""
    if request.param in REFERENCES:
        return gaussian(request.param)
    return mixture(full=request.param == "full")
