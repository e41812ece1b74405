"""Computed references of the catalogue, against other discretisations and a closed form, and under refinement."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp

from perturbax import core, pde
from perturbax.pde.catalogue import _computed
from perturbax.pde.catalogue._reference import CosineSeries, GridFunction, chebyshev_coefficients, chebyshev_times


def values(problem, x):
    with core.float64():
        return np.asarray(core.settle_arrays(problem).exact_at(jnp.asarray(x)))[:, 0]


@pytest.fixture(scope="module")
def allen_cahn():
    return pde.catalogue.allen_cahn()


def by_finite_differences(cells):
    """Allen and Cahn's equation at t = 1 on the nodes of [0, 1] without flux at the ends: the solution is even."""
    x = np.linspace(0.0, 1.0, cells + 1)
    decay = 1e-4 * cells**2

    def rate(t, u):
        wide = np.concatenate([u[1:2], u, u[-2:-1]])
        return decay * (wide[2:] - 2.0 * u + wide[:-2]) + 5.0 * (u - u**3)

    solved = solve_ivp(
        rate, (0.0, 1.0), x**2 * np.cos(np.pi * x), method="LSODA", rtol=1e-9, atol=1e-10, lband=1, uband=1
    )
    return x, solved.y[:, -1]


def test_allen_cahn_agrees_with_finite_differences_to_their_second_order(allen_cahn):
    errors = []
    for cells in (256, 512):
        x, u = by_finite_differences(cells)
        reference = values(allen_cahn, np.stack([np.ones_like(x), x], -1))
        errors.append(np.linalg.norm(u - reference) / np.linalg.norm(reference))
    assert errors[1] < 1e-3
    assert errors[0] / errors[1] == pytest.approx(4.0, rel=0.02)


@pytest.mark.slow
def test_allen_cahn_does_not_change_under_refinement(allen_cahn):
    fine = _computed.solve_allen_cahn(1e-4, 5.0, 1.0, modes=1536, times=65)
    rng = np.random.default_rng(0)
    x = np.stack([rng.random(500), rng.uniform(-1.0, 1.0, 500)], -1)
    with core.float64():
        finer = np.asarray(jax.vmap(lambda one: CosineSeries(jnp.asarray(fine), 1.0)(one, {}))(jnp.asarray(x)))
    reference = values(allen_cahn, x)
    assert np.linalg.norm(finer - reference) < 1e-5 * np.linalg.norm(reference)


def test_the_reference_of_allen_cahn_meets_its_equation_and_its_start(allen_cahn):
    with core.float64():
        problem = core.settle_arrays(allen_cahn)
        u = lambda x: jnp.atleast_1d(problem.exact(x, problem.params))  # noqa: E731
        x = jnp.stack([jnp.linspace(0.05, 1.0, 40), jnp.linspace(-0.97, 0.9, 40)], -1)
        left = jax.jit(jax.vmap(lambda x: problem.evaluate(x, pde.jet(u, x, problem.indices), problem.params)))(x)
    assert np.abs(np.asarray(left)).max() < 1e-3  # of terms up to 10
    y = np.array([-0.5, 0.25])
    np.testing.assert_allclose(values(allen_cahn, np.stack([0.0 * y, y], -1)), y**2 * np.cos(np.pi * y), atol=1e-5)


@pytest.mark.slow
def test_fronts_that_are_too_thin_are_refused():
    with pytest.raises(ValueError, match="diffusivity must be larger"):
        _computed.solve_allen_cahn(1e-4, 5.0, 1.0, modes=256, times=9)


def barenblatt(side, time):
    """A closed form of `u_t = Laplacian of u^2` that spreads with a front; Barenblatt's for the square in the plane."""
    axis = np.linspace(-1.0, 1.0, side)
    square = axis[:, None] ** 2 + axis**2
    return time**-0.5 * np.maximum(0.1 - square * time**-0.5 / 16.0, 0.0)


def test_the_porous_medium_spreads_as_barenblatts_solution():
    errors = []
    for side in (33, 65):
        exact = barenblatt(side, 0.02)
        # du/dt = (diffusivity / 2) Laplacian of u^2: 0.01 of Barenblatt's time.
        found = _computed.diffuse(barenblatt(side, 0.01), 0.05, np.array([0.0, 0.4]))[-1]
        errors.append(np.linalg.norm(found - exact) / np.linalg.norm(exact))
    assert errors[1] < 0.01
    assert errors[0] > 2.0 * errors[1]


@pytest.mark.slow
def test_nonlinear_diffusion_converges_with_the_second_order():
    times = np.array([0.0, 1.0])
    u = [_computed.diffuse(_computed.start_on_grid(cells), 0.05, times)[1] for cells in (16, 32, 64)]
    coarse, fine = np.linalg.norm(u[0] - u[1][::2, ::2]), np.linalg.norm(u[1][::2, ::2] - u[2][::4, ::4])
    assert 3.0 < coarse / fine < 5.0


@pytest.mark.slow
def test_nonlinear_diffusion_begins_and_ends_as_it_should():
    problem = pde.catalogue.nonlinear_diffusion()
    rng = np.random.default_rng(0)
    x = np.concatenate([np.zeros((50, 1)), rng.uniform(-0.9, 0.9, (50, 2))], 1)
    with core.float64():
        start = np.asarray([_computed._three_gaussians(one, {}) for one in jnp.asarray(x)])
    np.testing.assert_allclose(values(problem, x), start, atol=1e-4)
    finer = _computed.diffuse(_computed.start_on_grid(192), 0.05, np.array([0.0, 1.0]))[-1]
    axis = np.linspace(-1.0, 1.0, 193)
    x = np.stack([np.ones((193, 193)), *np.meshgrid(axis, axis, indexing="ij")], -1).reshape(-1, 3)
    error = values(problem, x).reshape(finer.shape) - finer
    assert np.linalg.norm(error) < 5e-4 * np.linalg.norm(finer)
    # The finer grid itself is wrong by 1.3e-4.
    assert np.linalg.norm(error[9:-9, 9:-9]) < 2e-4 * np.linalg.norm(finer)
    assert (values(problem, [[0.5, 1.0, 0.3], [1.0, -0.2, -1.0]]) == 0.0).all()


def test_chebyshev_coefficients_are_those_of_polynomials():
    t = chebyshev_times(9, 2.0)
    found = chebyshev_coefficients(np.stack([t**3, np.ones(9)], -1))
    np.testing.assert_allclose(
        found[:, 0], np.polynomial.chebyshev.poly2cheb([1.0, 3.0, 3.0, 1.0]).tolist() + [0.0] * 5, atol=1e-14
    )
    np.testing.assert_allclose(found[:, 1], np.eye(9)[0], atol=1e-14)


def test_cubic_functions_are_interpolated_exactly():
    s, y = np.linspace(0.0, 1.0, 6), np.linspace(-1.0, 2.0, 7)
    lower, upper = np.array([0.0, -1.0]), np.array([4.0, 2.0])
    with core.float64():
        grid = GridFunction(jnp.asarray(s[:, None] ** 2 * y**3 - y), jnp.asarray(lower), jnp.asarray(upper))
        x = np.array([[0.0, -1.0], [4.0, 2.0], [1.3, 0.4], [0.01, 1.99]])
        found = np.asarray(jax.vmap(lambda one: grid(one, {}))(jnp.asarray(x)))
    np.testing.assert_allclose(found, x[:, 0] / 4.0 * x[:, 1] ** 3 - x[:, 1], atol=1e-13)
