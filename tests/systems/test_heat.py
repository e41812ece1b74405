"""The heat equation: the step of Crank and Nicolson on an eigenvector, and the matrix that is solved."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perturbax import linalg, systems
from perturbax.core import float64


def nothing(t, x, y):
    return jnp.zeros(jnp.broadcast_shapes(x.shape, y.shape))


def mode(x, y):
    return jnp.sin(jnp.pi * x) * jnp.sin(2.0 * jnp.pi * y)


def growing(t):
    return 1.0 + t


def test_a_mode_decays_by_the_factor_of_crank_and_nicolson():
    n, dt = 10, 1e-2
    heat = systems.Heat2D(n, dt, growing, nothing, mode)
    with float64():
        method = linalg.PCG(linalg.SSOR(1.2), tol=1e-12)
        step = jax.jit(lambda t, u: linalg.solve(heat.system(t, u), method, throw=False).x)
        u = jax.jit(heat.start)()
        for t in range(3):
            after = step(t, u)
            rate = 4.0 * n**2 * (np.sin(np.pi / (2 * n)) ** 2 + np.sin(np.pi / n) ** 2)
            half = 0.5 * dt * (1.0 + (t + 0.5) * dt) * rate
            np.testing.assert_allclose(after, (1.0 - half) / (1.0 + half) * u, atol=1e-10)
            u = after


def test_the_default_is_the_simulation_of_the_paper():
    heat = systems.Heat2D(cells=8)
    with float64():
        contexts = np.asarray(jax.jit(heat.context)(jnp.arange(1000)))
        assert contexts[249] == pytest.approx(0.1, rel=1e-4)
        assert contexts[749] == pytest.approx(10.0, rel=1e-4)
        assert contexts.min() > 0.0
        u = np.asarray(jax.jit(heat.start)())
        assert u[3, 3] == 1.0

        def sides(u):
            system = heat.system(0, u)
            return system.b, system.x0

        b, x0 = jax.jit(sides)(u)
        np.testing.assert_array_equal(x0, u)
        s = 0.5 * contexts[0] * 1e-3 * 64
        inner = np.arange(1, 8) / 8
        x, y = (0.5 + function(8e-3 * np.pi) / 4 for function in (np.cos, np.sin))
        square = ((inner[:, None] - x) ** 2 + (inner[None] - y) ** 2) / 0.125**2
        source = np.where(square < 1.0, 32.0 * np.exp(1.0 - 1.0 / (1.0 - np.minimum(square, 0.99))), 0.0)
        matrix = linalg.Poisson(np.ones((7, 7), bool), open_sides=True).matrix()
        wanted = (u - s * (matrix @ u.reshape(-1)).reshape(7, 7) + 1e-3 * source) / s
        np.testing.assert_allclose(b, wanted, rtol=1e-10, atol=1e-10)
        assert source.max() > 1.0


@pytest.mark.parametrize(
    ("options", "error", "named"),
    [
        ({"cells": 1}, ValueError, "cells"),
        ({"dt": 0.0}, ValueError, "dt"),
        ({"diffusivity": 1.0}, TypeError, "diffusivity"),
        ({"source": None}, TypeError, "source"),
    ],
)
def test_bad_arguments_are_named(options, error, named):
    with pytest.raises(error, match=named):
        systems.Heat2D(**options)
