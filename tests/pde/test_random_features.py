"""`RandomFeatures`: closed forms, one least-squares problem for a linear equation, Gauss and Newton's for others."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perturbax import approximate, core, pde
from perturbax.pde._field import Theta
from perturbax.pde._least_squares import rows_and_jacobian
from perturbax.pde._random_network import RandomNetwork
from perturbax.pde.random_features import row_scales

SMALL = pde.RandomFeatures(width=30, bandwidth=(3.0, 10.0), points=pde.FixedPoints(60, 2))


def network(dimension, width, fields=1, activation=jnp.tanh):
    rng = np.random.default_rng(0)
    a, b, c = rng.standard_normal((width, dimension)), rng.standard_normal(width), rng.standard_normal((width, fields))
    return RandomNetwork(jnp.asarray(3.0 * a), jnp.asarray(b), jnp.asarray(c), activation)


def test_derivatives_in_closed_form_are_those_of_differentiation():
    indices = ((), (0,), (1,), (0, 1), (1, 1), (0, 0, 1))
    with core.float64():
        net, x = network(2, 7, fields=2, activation=jax.nn.sigmoid), jnp.array([0.3, -0.7])
        closed = net.derivatives(x, indices)
        automatic = pde.jet(lambda x: net(x), x, indices)
        for index in indices:
            np.testing.assert_allclose(closed[index], automatic.read(index), rtol=1e-10)


@pytest.fixture(scope="module")
def wave():
    return pde.RandomFeatures(points=pde.FixedPoints(1000, 2))


def test_a_fast_wave_is_resolved_by_the_bandwidth_that_is_chosen(wave):
    problem = pde.catalogue.poisson(1, frequency=20.0)
    solution = pde.solve(problem, wave, key=jax.random.key(0))
    assert pde.solution_error(solution).relative_l2 <= 1e-6
    assert solution.stats["steps"] == 1
    scores = solution.stats["scores"]
    assert len(scores) == 10
    assert solution.stats["bandwidth"] == min(scores, key=scores.get) > 5.0
    too_narrow = pde.solve(problem, dataclasses.replace(wave, bandwidth=1.0), key=jax.random.key(0))
    assert pde.solution_error(too_narrow).relative_l2 >= 0.3


def test_a_linear_problem_is_one_least_squares_problem_with_scaled_rows(string, key):
    method = dataclasses.replace(SMALL, bandwidth=3.0)
    solution = pde.solve(string, method, key=key)
    net = solution.model.network
    with core.float64():
        problem, points = core.settle_arrays((string, solution.points))
        theta = Theta(eqx.tree_at(lambda n: n.c, net, jnp.zeros_like(net.c)), {})
        wanted = Theta(eqx.tree_at(lambda n: n.c, jax.tree.map(lambda _: False, theta.network), True), {})
        trained, frozen = eqx.partition(theta, wanted)
        R, J = map(np.asarray, rows_and_jacobian(problem, trained, frozen, points))
        S = np.asarray(row_scales(problem, theta, points, jnp.asarray(J)))
    assert np.linalg.norm(S[60:, None] * J[60:]) == pytest.approx(np.linalg.norm(J[:60]))
    assert (S[:60] == 1.0).all()
    c = np.linalg.lstsq(S[:, None] * J, -S * R, rcond=1e-13)[0]
    # Coefficients of a basis that is nearly dependent differ; what they make does not.
    np.testing.assert_allclose(J @ c, J @ np.asarray(net.c)[:, 0], atol=1e-8)
    assert solution.history["loss"][0] == pytest.approx(np.sum(np.square(R + J @ c)), abs=1e-12)
    x = np.linspace(0.0, 1.0, 9)[:, None]
    np.testing.assert_allclose(solution(x), x * (1.0 - x), atol=1e-7)


def test_an_equation_that_is_not_linear_takes_a_few_steps(key):
    method = pde.RandomFeatures(width=60, bandwidth=(5.0, 10.0), points=pde.FixedPoints(200, 2))
    solution = pde.solve(pde.catalogue.semilinear(1), method, key=key)
    assert pde.solution_error(solution).relative_l2 < 1e-6
    assert 1 < solution.stats["steps"] < 10
    with pytest.raises(core.SolverError, match="solve by RandomFeatures: The largest number of steps"):
        pde.solve(pde.catalogue.semilinear(1), dataclasses.replace(method, steps=1), key=key)


def bulge(x, u, params):
    return u.laplacian() - jnp.exp(x[0]) * (4.0 + 4.0 * x[0] + jnp.sum(jnp.square(x)))


def bulging(x, params):
    return jnp.exp(x[0]) * jnp.sum(jnp.square(x))


@pytest.mark.slow
def test_a_disk_with_values_on_its_circle(key):
    problem = pde.PDEProblem(pde.Ball([0.0, 0.0], 1.0), bulge, [pde.Dirichlet(bulging)], exact=bulging)
    method = pde.RandomFeatures(width=120, bandwidth=(1.0, 4.0, 16.0), points=pde.FixedPoints(300, 60))
    assert pde.solution_error(pde.solve(problem, method, key=key)).relative_l2 < 1e-5


def circling(x, u, params):
    return u.d(0) - jnp.stack([u.value[1], -u.value[0]])


def circle(x, params):
    return jnp.array([jnp.sin(x[0]), jnp.cos(x[0])])


@pytest.mark.slow
def test_a_system_of_two_components(key):
    box = pde.Box([0.0], [3.0], time_axis=0)
    problem = pde.PDEProblem(box, circling, [pde.Initial(circle)], fields=2, exact=circle)
    assert pde.solution_error(pde.solve(problem, SMALL, key=key), 100).relative_l2 < 1e-5


def test_an_unknown_coefficient_is_found_from_data(string, key):
    x = np.linspace(0.1, 0.9, 5)[:, None]
    data = pde.Data(x, 3.0 * x * (1.0 - x))
    problem = pde.PDEProblem(string.domain, string.residual, [pde.Dirichlet(0.0), data], unknown={"force": 1.0})
    found = pde.solve(problem, SMALL, key=key)
    assert float(found.unknown["force"]) == pytest.approx(6.0, rel=1e-5)


@pytest.mark.slow
def test_a_lift_meets_its_conditions_exactly(string, key):
    def lifted(x, N, params):
        return x[0] * (1.0 - x[0]) * N

    problem = pde.PDEProblem(string.domain, string.residual, [], params={"force": 2.0}, lift=lifted, exact=string.exact)
    found = pde.solve(problem, SMALL, key=key)
    assert found([[0.0], [1.0]]).tolist() == [[0.0], [0.0]]
    assert pde.solution_error(found, 100).relative_l2 < 1e-6


@pytest.mark.slow
@pytest.mark.parametrize(
    ("draw", "activation"),
    [
        (approximate.Support(), jnp.tanh),
        (approximate.Fourier(), jnp.cos),
        (approximate.Normal(), jnp.cos),
        (approximate.Informed(), jax.nn.sigmoid),
    ],
    ids=lambda value: type(value).__name__,
)
def test_every_law_of_the_weights_solves_a_string(string, key, draw, activation):
    found = pde.solve(string, dataclasses.replace(SMALL, draw=draw, activation=activation), key=key)
    assert pde.solution_error(found, 100).relative_l2 < 1e-5


@pytest.mark.slow
def test_burgers_equation_is_solved_better_by_more_neurons(key):
    errors = []
    for width, interior in ((150, 600), (500, 1500)):
        method = pde.RandomFeatures(width, 10.0, points=pde.FixedPoints(interior, 150))
        errors.append(pde.solution_error(pde.solve(pde.catalogue.burgers(0.1), method, key=key)).relative_l2)
    assert errors[1] < 0.01
    assert errors[1] < 0.2 * errors[0]


def test_other_numbers_and_keys_do_not_compile_again(string, key, compilations):
    stronger = pde.PDEProblem(
        string.domain, string.residual, string.conditions, params={"force": 3.0}, exact=string.exact
    )
    pde.solve(string, SMALL, key=key)
    with compilations() as counted:
        pde.solve(stronger, dataclasses.replace(SMALL, bandwidth=(2.0, 8.0)), key=jax.random.key(1))
    assert not counted


def explodes(x, u, params):
    return 1e300 * u.d(0, 0) * 1e300 + 1.0


@pytest.mark.slow
def test_what_is_not_finite_raises(key):
    problem = pde.PDEProblem(pde.Box([0.0], [1.0]), explodes, [pde.Dirichlet()])
    with pytest.raises(core.SolverError, match="solve by RandomFeatures: A value became NaN or infinite"):
        pde.solve(problem, SMALL, key=key)


@pytest.mark.slow
def test_float32_is_warned_of(string, key):
    with pytest.warns(UserWarning, match="RandomFeatures in float32"):
        pde.solve(string, SMALL, key=key, precision="float32")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: pde.RandomFeatures(0), "width must be an integer >= 1"),
        (lambda: pde.RandomFeatures(steps=0), "steps must be an integer >= 1"),
        (lambda: pde.RandomFeatures(bandwidth=()), "bandwidth must be a positive number or several, got none"),
        (lambda: pde.RandomFeatures(bandwidth=(1.0, -1.0)), "bandwidth must be a number > 0"),
    ],
)
def test_bad_numbers_are_refused_by_name(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_bandwidth_cannot_be_chosen_without_rows_to_judge_by(string, key):
    method = dataclasses.replace(SMALL, points=pde.FixedPoints(3, 2))
    with pytest.raises(ValueError, match="points must give more rows than the rank of the features, 5,"):
        pde.solve(string, method, key=key)
