"""Collocation with Chebyshev's polynomials: spectral accuracy, nonlinear and mixed problems, bad input."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perturbax import core, pde


def error(problem, grid, n=500):
    solution = pde.solve(problem, pde.ChebyshevCollocation(grid), key=jax.random.key(0))
    return pde.solution_error(solution, n), solution


@pytest.mark.slow
def test_errors_fall_faster_than_any_power():
    errors = [error(pde.catalogue.poisson(1, frequency=4.0), n)[0].relative_l2 for n in (12, 24)]
    assert errors[0] > 1e-3
    assert errors[1] < 1e-8


def test_high_frequencies_are_solved_to_rounding():
    found, solution = error(pde.catalogue.multiscale_poisson((1.0, 20.0), (1.0, 0.1)), 96)
    assert found.relative_l2 < 1e-11
    x = np.linspace(0.0, 2.0 * np.pi, 20)[:, None]
    np.testing.assert_allclose(solution.derivative(x, 0), np.cos(x) + 2.0 * np.cos(20.0 * x), atol=1e-8)


@pytest.mark.slow
def test_a_nonlinear_equation_converges_quadratically():
    found, solution = error(pde.catalogue.multiscale_allen_cahn((3.0,)), 40)
    assert found.relative_l2 < 1e-10
    assert 2 < solution.stats["steps"] <= 8


def heat(x, u, params):
    return u.d(0) - u.d(1, 1)


def cooling(x, params):
    return jnp.exp(-(jnp.pi**2) * x[0]) * jnp.cos(jnp.pi * x[1])


@pytest.mark.slow
def test_time_and_conditions_of_several_kinds():
    box = pde.Box([0.0, 0.0], [0.2, 1.0], time_axis=0)
    problem = pde.PDEProblem(box, heat, [pde.Initial(cooling), pde.Neumann(0.0)], exact=cooling)
    found, _ = error(problem, (10, 14))
    assert found.relative_l2 < 1e-8


@pytest.mark.slow
def test_two_dimensions_with_different_numbers():
    found, solution = error(pde.catalogue.poisson(2, frequency=1.0), (12, 14))
    assert found.relative_l2 < 1e-7
    assert solution.stats["parameters"] == 168
    assert max(found.condition_rms) < 1e-7


def nowhere(x, u, params):
    return u.d(0, 0) + jnp.exp(u.value) * 10.0


@pytest.mark.slow
def test_a_problem_without_solution_raises():
    # Bratu's equation has none above 3.51.
    problem = pde.PDEProblem(pde.Box([0.0], [1.0]), nowhere, [pde.Dirichlet(0.0)])
    with pytest.raises(core.SolverError, match="solve by ChebyshevCollocation"):
        pde.solve(problem, pde.ChebyshevCollocation(20), key=jax.random.key(0))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda string: pde.ChebyshevCollocation(2), "grid must be an integer >= 3"),
        (lambda string: pde.ChebyshevCollocation(newton=0), "newton must be an integer >= 1"),
        (lambda string: pde.ChebyshevCollocation(tolerance=-1.0), "tolerance must be a number > 0"),
        (lambda string: error(string, (9, 9)), "grid must have a number for each of 1 axes"),
        (lambda string: error(string, 10_000), "grid must have at most 9000 coefficients"),
        (
            lambda string: error(pde.PDEProblem(string.domain, nowhere, [pde.Dirichlet(faces=[(0, 1)])]), 5),
            "conditions must be enough to determine 5 coefficients, got 4 rows",
        ),
        (lambda string: error(pde.catalogue.semilinear(2), (100, 100)), "grid must have at most 9000 coefficients"),
    ],
)
def test_bad_arguments_are_refused_by_name(string, make, message):
    with pytest.raises((ValueError, TypeError), match=message):
        make(string)
