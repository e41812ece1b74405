"""The descents: rates, bounds, agreement of representations and with Newton's method, networks, bad input."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perturbax import core, pde

M = 1.0 + 3.0 * 1.3**2
BEST = pde.FixedStep(2.0 / (1.0 + M))
WAVES = pde.BarronFlow(pde.PlaneWaves(max_terms=64, tolerance=1e-4), BEST, iterations=16)
GRID = pde.BarronFlow(pde.SpectralGrid(8), BEST, iterations=16)


@pytest.fixture(scope="module")
def problem():
    return pde.catalogue.semilinear_waves(2)


@pytest.fixture(scope="module")
def line():
    return pde.catalogue.semilinear(1, amplitudes=(0.6, 0.4, 0.3))


@pytest.fixture(scope="module")
def solved(problem):
    return pde.solve(problem, WAVES, key=jax.random.key(0))


@pytest.fixture(scope="module")
def descended(line):
    return pde.solve(line, GRID, key=jax.random.key(0))


def test_the_gradient_falls_at_least_as_fast_as_the_bound(solved, descended):
    for solution in (solved, descended):
        slope = solution.history["gradient_norm"][1:]
        assert (slope[1:] / slope[:-1]).max() <= (M - 1.0) / (M + 1.0) + 1e-3
        assert solution.history["error"][-1] < 0.01
        assert (np.diff(solution.history["energy"]) < 0.0).all()


def test_the_barron_norm_obeys_the_bound_of_one_step(problem, solved):
    # The linear part of the equation cancels: u' = (1 - eta) u - eta (I - Lap)^-1 (c u^3 - f).
    with core.float64():
        space = WAVES.representation.space(core.settle_arrays(problem))
        source = float(space.gradient(space.zero())[0].barron_norm())
    barron, eta = solved.history["barron"], BEST.size
    bound = abs(1.0 - eta) * barron[:-1] + eta * (barron[:-1] ** 3 + source)
    assert (barron[1:] <= bound).all()
    assert barron[-1] == pytest.approx(pde.barron_norm(solved))


@pytest.mark.slow
def test_the_bound_of_a_step_holds_for_any_energy(problem, solved):
    with core.float64():
        space = dataclasses.replace(WAVES.representation.space(core.settle_arrays(problem)), capacity=64)
        u = core.settle_arrays(solved.model.waves)
        moved, _ = space.move(u, space.smooth(space.gradient(u)[0]), 0.3)
        assert float(moved.barron_norm()) <= float(space.bound(u, 0.3))


@pytest.mark.slow
def test_waves_grid_and_newton_find_the_same_function(line, key):
    x = np.linspace(0.0, 1.0, 7)[:, None]
    with core.float64():
        exact = line.exact_at(jnp.asarray(x))
    newton = pde.solve(line, pde.SpectralNewton(pde.SpectralGrid(8)), key=key)
    np.testing.assert_allclose(newton(x), exact, atol=1e-9)
    grid = pde.solve(line, dataclasses.replace(GRID, iterations=60), key=key)
    np.testing.assert_allclose(grid(x), exact, atol=1e-7)
    np.testing.assert_allclose(grid.derivative(x, 0, 0), newton.derivative(x, 0, 0), atol=1e-4)
    waves = pde.solve(line, dataclasses.replace(WAVES, iterations=16), key=key)
    np.testing.assert_allclose(waves(x), exact, atol=2e-2)


@pytest.mark.slow
def test_a_bounded_step_never_raises_the_energy(line, key):
    solution = pde.solve(line, dataclasses.replace(GRID, step=pde.BoundedStep()), key=key)
    history = solution.history
    assert (np.diff(history["energy"]) <= -0.5 * history["step_size"][1:] * history["gradient_norm"][1:] ** 2).all()


@pytest.mark.slow
def test_backtracking_needs_no_bound_and_dirichlet_is_met(key):
    problem = pde.catalogue.semilinear_membrane(2)
    method = pde.BarronFlow(pde.SpectralGrid(6), pde.Backtracking(), iterations=16)
    solution = pde.solve(problem, method, key=key)
    assert pde.solution_error(solution, 200).relative_l2 < 1e-5
    assert np.abs(solution([[0.0, 0.3], [0.7, 1.0]])).max() < 1e-12


@pytest.mark.slow
@pytest.mark.parametrize("n", [4, 16])
def test_without_a_preconditioner_the_step_shrinks_with_the_grid(line, n, key):
    method = pde.L2GradientFlow(pde.SpectralGrid(n), iterations=16)
    history = pde.solve(line, method, key=key).history
    assert history["step_size"][1] <= 1.0 / (1.0 + (2.0 * np.pi * n) ** 2)
    assert history["step_size"][1] >= 0.1 / (1.0 + (2.0 * np.pi * n) ** 2)


@pytest.mark.slow
def test_networks_are_unbiased_with_the_known_variance(solved):
    x = np.random.default_rng(0).uniform(size=(256, 2))
    u, draws, neurons = solved(x)[:, 0], 200, 64
    networks = [pde.compress(solved, neurons, key=jax.random.key(k)) for k in range(draws)]
    weights, biases = (np.stack([getattr(n, name) for n in networks]) for name in ("weights", "biases"))
    values = networks[0].scale * np.cos(np.einsum("rnd,xd->rxn", weights, x) + biases[:, None]).sum(-1)
    with core.float64():
        np.testing.assert_allclose(values[0], jax.vmap(networks[0])(jnp.asarray(x))[:, 0], atol=1e-9)
    sizes = np.abs(solved.model.waves.amplitudes)
    variance = (sizes.sum() ** 2 / 2.0 - np.mean(u**2)) / neurons
    assert np.mean((values - u) ** 2) == pytest.approx(variance, rel=0.15)
    assert np.abs(values.mean(0) - u).max() < 6.0 * np.sqrt(sizes.sum() ** 2 / neurons / draws)


def test_the_same_key_draws_the_same_network(solved, key):
    a, b = (pde.compress(solved, 5, key=key) for _ in range(2))
    np.testing.assert_array_equal(a.weights, b.weights)
    with pytest.raises(ValueError, match="neurons"):
        pde.compress(solved, 0, key=key)


def test_other_numbers_compile_nothing(line, compilations, key):
    pde.solve(line, GRID, key=key)
    other = pde.catalogue.semilinear(1, amplitudes=(0.5, 0.3, 0.2), cubic=2.0)
    with compilations() as seen:
        pde.solve(other, dataclasses.replace(GRID, step=pde.FixedStep(0.3), iterations=20), key=key)
    assert seen == []


def test_a_step_that_is_too_long_is_told(line, key):
    with pytest.raises(core.SolverError, match="diverged"):
        pde.solve(line, dataclasses.replace(GRID, step=pde.FixedStep(3.0)), key=key)


@pytest.mark.slow
def test_too_few_waves_are_told(problem, key):
    method = dataclasses.replace(WAVES, representation=pde.PlaneWaves(max_terms=64, tolerance=1e-7))
    with pytest.raises(core.SolverError, match="max_terms=64"):
        pde.solve(problem, method, key=key)


def _energy(x, u, params):
    return 0.5 * jnp.sum(jnp.square(u.grad)) - u.value[0]


def _second(x, u, params):
    return u.laplacian()[0]


def _residual(x, u, params):
    return u.laplacian() + 1.0


@pytest.mark.parametrize(
    ("options", "conditions", "message"),
    [
        ({}, [pde.Dirichlet(0.0)], "must have an energy"),
        ({"energy": _second}, [pde.Dirichlet(0.0)], "energy must"),
        ({"energy": _energy}, [pde.Dirichlet(1.0)], "conditions must be Periodic"),
        ({"energy": _energy}, [pde.Neumann(0.0)], "conditions must be Periodic"),
        ({"energy": _energy, "unknown": {"a": 1.0}}, [pde.Dirichlet(0.0)], "unknown"),
        ({"energy": _energy}, [pde.Periodic(0)], "none is on"),
        ({"energy": _energy}, [pde.Periodic(0), pde.Periodic(1)], "falls without end"),
    ],
)
def test_problems_that_do_not_fit_are_refused(options, conditions, message, key):
    problem = pde.PDEProblem(pde.Box([0, 0], [1, 1]), _residual, conditions, **options)
    with pytest.raises(ValueError, match=message):
        pde.solve(problem, GRID, key=key)


def test_representations_refuse_what_they_cannot_hold(problem, key):
    with pytest.raises(ValueError, match="SpectralGrid"):
        pde.solve(pde.catalogue.semilinear_membrane(1), WAVES, key=key)
    with pytest.raises(ValueError, match="at most 3"):
        pde.solve(pde.catalogue.semilinear_waves(4), GRID, key=key)
    with pytest.raises(ValueError, match="float64"):
        pde.solve(problem, WAVES, key=key, precision="float32")
    with pytest.raises(TypeError, match="representation"):
        pde.BarronFlow("sparse")
    with pytest.raises(ValueError, match="size"):
        pde.FixedStep(0.0)


@pytest.mark.slow
def test_deep_ritz_lowers_the_energy(key):
    problem = pde.catalogue.semilinear_membrane(1)
    points = pde.FixedPoints(64, 2)
    solution = pde.solve(problem, pde.DeepRitz((16,), 300, 1e-2, points=points), key=key)
    assert solution.history["loss"][-1] < solution.history["loss"][0]
    assert solution.history["error"][-1] < 0.5
    with pytest.raises(TypeError, match="waves"):
        pde.barron_norm(solution)
