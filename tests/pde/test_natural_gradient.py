"""`EnergyNaturalGradient`: one step solves what is linear, its direction is Newton's, and it is far ahead of Adam."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from perturbax import core, pde
from perturbax.pde._field import Theta
from perturbax.pde._least_squares import loss, rows_and_jacobian
from perturbax.pde._natural_gradient import natural_direction


class Monomials(eqx.Module):
    """A sum of powers with coefficients that are trained: a representation that is linear in its parameters."""

    coefficients: jax.Array

    def __call__(self, x):
        return jnp.sum(self.coefficients * x ** jnp.arange(len(self.coefficients)), keepdims=True)


class Polynomial(pde.AbstractCollocation):
    """A polynomial on the domain, from random coefficients."""

    degree: int = 5
    optimiser: pde.AbstractOptimiser = pde.EnergyNaturalGradient(1, chunk=1)
    points: pde.AbstractSampler = pde.FixedPoints(20, 2)

    def network(self, problem, key):
        return Monomials(jax.random.normal(key, (self.degree + 1,)))


def system(problem, method, key):
    """Rows and Jacobian where `solve` starts, the flat parameters there, and the loss as a function of them."""
    problem = core.settle_arrays(problem)
    start = method.start(problem, key)
    arrays, rest = eqx.partition(Theta(start.network, {}), eqx.is_inexact_array)
    points, _ = method.points.start(problem, jax.random.split(key, 3)[1])
    flat, unravel = ravel_pytree(arrays)
    R, J = eqx.filter_jit(rows_and_jacobian)(problem, arrays, rest, points)
    return R, J, flat, jax.jit(lambda flat: loss(problem, unravel(flat), rest, points))


@pytest.mark.parametrize(("degree", "left"), [(5, 1e-24), (40, 1e-11)], ids=["fewer parameters than rows", "more"])
def test_one_step_on_a_linear_representation_solves_a_linear_equation(string, key, degree, left):
    method = Polynomial(degree=degree)
    found = pde.solve(string, method, key=key)
    with core.float64():
        R = np.asarray(system(string, method, key)[0])
    x = np.linspace(0.0, 1.0, 9)[:, None]
    assert found.history["loss"][-1] < left * R @ R
    if degree == 5:
        np.testing.assert_allclose(found(x), x * (1.0 - x), atol=1e-10)
    assert found.stats["evaluations"] == 32
    assert found.stats["steps"] == 1


def test_the_direction_is_that_of_newton_where_the_energy_is_quadratic(string, key):
    with core.float64():
        R, J, flat, L = system(string, Polynomial(), key)
        newton = np.linalg.solve(jax.hessian(L)(flat), jax.grad(L)(flat))
        np.testing.assert_allclose(natural_direction(R, J, 1e-12), newton, rtol=1e-8)


@pytest.mark.parametrize("shape", [(9, 5), (5, 9)])
def test_the_direction_is_the_shortest_of_gauss_and_newton_when_there_are_many(shape):
    rng = np.random.default_rng(0)
    J, R = rng.standard_normal(shape), rng.standard_normal(shape[0])
    J[:, 1] = J[:, 0]
    with core.float64():
        found = natural_direction(jnp.asarray(R), jnp.asarray(J), 1e-12)
    np.testing.assert_allclose(found, np.linalg.pinv(J) @ R, atol=1e-12)


def test_of_all_steps_of_the_grid_the_best_is_taken(string, quick, key):
    method = dataclasses.replace(quick, optimiser=pde.EnergyNaturalGradient(1, halvings=5, chunk=1))
    found = pde.solve(string, method, key=key)
    with core.float64():
        R, J, flat, L = system(string, method, key)
        every = [float(L(flat - 0.5**k * natural_direction(R, J, 1e-12))) for k in range(6)]
    assert found.history["loss"][-1] == pytest.approx(min(every), rel=1e-6)
    assert min(every) < np.sum(np.square(R))


def test_it_is_far_ahead_of_adam_after_as_many_steps():
    problem, errors = pde.catalogue.poisson(2), {}
    for optimiser in (pde.EnergyNaturalGradient(50, chunk=50), pde.Adam(50, 1e-2, chunk=50)):
        method = pde.PINN(hidden=(32,), optimiser=optimiser, points=pde.FixedPoints(400, 80))
        keys = [jax.random.key(seed) for seed in range(3)]
        errors[type(optimiser)] = np.median([pde.solve(problem, method, key=key).history["error"][-1] for key in keys])
    assert errors[pde.EnergyNaturalGradient] < 1e-3
    assert errors[pde.Adam] > 0.1


def test_float32_is_warned_of(string, quick, key):
    method = dataclasses.replace(quick, optimiser=pde.EnergyNaturalGradient(1, chunk=1))
    with pytest.warns(UserWarning, match="EnergyNaturalGradient in float32"):
        pde.solve(string, method, key=key, precision="float32")


@pytest.mark.parametrize(("name", "value"), [("steps", 0), ("rcond", -1.0), ("halvings", -1), ("chunk", 0)])
def test_bad_numbers_are_refused_by_name(name, value):
    with pytest.raises(ValueError, match=name):
        pde.EnergyNaturalGradient(**{name: value})
