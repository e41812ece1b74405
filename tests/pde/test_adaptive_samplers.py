"""Samplers that choose among candidates or follow the residual: their laws against exact ones, growth, bad input."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perturbax import core, nn, pde
from perturbax.pde._adaptive import Candidates, begin, grow
from perturbax.pde._field import Theta
from perturbax.pde._least_squares import Points, rows
from perturbax.pde._sampler import Residual
from perturbax.pde.rad import choose

BOX = pde.Box([-1.0, -1.0], [1.0, 1.0])


def small_flow(dimension, *, key):
    return nn.KRNet(dimension, key=key, depth=2, hidden=16, bins=8)


def hill(x, u, params):
    return jnp.exp(-jnp.sum((x - 0.5) ** 2) / (4.0 * 0.15**2))


def frozen():
    problem = core.settle_arrays(pde.PDEProblem(BOX, hill, [pde.Dirichlet()]))
    return problem, Residual(problem, Theta(jnp.sum, {}))


def test_rad_draws_with_its_probabilities_and_without_replacement():
    """Of four candidates two are drawn: each ordered pair has the probability p_i p_j / (1 - p_i)."""
    residual = np.array([0.0, 1.0, 2.0, 5.0])
    p = residual / residual.mean() + 1.0
    p = p / p.sum()
    pool = Candidates(jnp.arange(4.0)[:, None], jnp.asarray(residual**2))
    keys = jax.random.split(jax.random.key(0), 20_000)
    drawn = np.asarray(jax.jit(jax.vmap(lambda key: choose(pool, 2, 1.0, 1.0, key)))(keys))[..., 0].astype(int)
    for i, j in itertools.permutations(range(4), 2):
        exact = p[i] * p[j] / (1.0 - p[i])
        share = np.mean((drawn[:, 0] == i) & (drawn[:, 1] == j))
        assert abs(share - exact) < 4.5 * (exact * (1.0 - exact) / 20_000) ** 0.5
    assert (drawn[:, 0] != drawn[:, 1]).all()


def test_rad_without_a_residual_or_with_power_0_is_uniform():
    pool = Candidates(jnp.arange(3.0)[:, None], jnp.zeros(3))
    keys = jax.random.split(jax.random.key(1), 6000)
    drawn = np.asarray(jax.jit(jax.vmap(lambda key: choose(pool, 1, 1.0, 1.0, key)))(keys))
    assert np.abs(np.bincount(drawn.reshape(-1).astype(int)) / 6000 - 1 / 3).max() < 4.5 * (2 / 9 / 6000) ** 0.5


def test_rar_adds_the_candidates_with_the_largest_residuals():
    sampler = pde.RAR(20, 8, initial=10, added=4, candidates=50)
    with core.float64():
        problem, residual = frozen()
        points, state = sampler.start(problem, jax.random.key(0))
        key = jax.random.key(1)
        new, after = sampler.update(problem, points, state, residual, key)
        pool = problem.domain.sample(key, 50, pde.Uniform())
        order = np.argsort(-np.abs(residual(pool)[:, 0]))
    np.testing.assert_array_equal(new.x[:10], points.x[:10])
    np.testing.assert_array_equal(new.x[10:14], pool[order[:4]])
    assert (int(after.count), int(after.evaluations)) == (14, 50)
    np.testing.assert_allclose(new.weights, [20 / 14] * 14 + [0.0] * 6)


def test_points_without_a_weight_do_not_count_and_growth_ends_at_the_room():
    with core.float64():
        problem, _ = frozen()
        theta = Theta(lambda x: jnp.zeros(1), {})
        points, count = begin(problem, jax.random.key(0), 3, 5, 8)
        few = Points(points.x[:3], jnp.ones(3), points.sites)
        assert jnp.sum(rows(problem, theta, points) ** 2) == pytest.approx(jnp.sum(rows(problem, theta, few) ** 2))
        full, count = grow(points, count, jnp.full((4, 2), 0.25))
    assert int(count) == 5
    np.testing.assert_array_equal(full.x[3:], [[0.25, 0.25]] * 2)
    np.testing.assert_array_equal(full.weights, np.ones(5))


@pytest.mark.slow
def test_the_cross_entropy_fits_the_density_of_the_squared_residual():
    sampler = pde.DASReplace(100, 8, candidates=600, flow_steps=100, learning_rate=1e-2, flow=small_flow)
    grid = np.stack(np.meshgrid(*[(np.arange(40) + 0.5) / 20 - 1.0] * 2, indexing="ij"), -1)
    exact = np.exp(-np.sum((grid - 0.5) ** 2, -1) / (2.0 * 0.15**2))
    exact = exact / (exact.sum() / 400)
    with core.float64():
        problem, residual = frozen()
        points, state = sampler.start(problem, jax.random.key(0))
        for k in range(4):
            points, state = sampler.update(problem, points, state, residual, jax.random.key(k))
        p = np.exp(np.asarray(state.flow.log_density(jnp.asarray(grid))))
    assert 0.5 * np.abs(p - exact).sum() / 400 < 0.15  # that of the uniform density is 0.75
    assert points.x.shape == (100, 2)
    assert int(state.evaluations) == 4 * 600
    assert np.mean(np.linalg.norm(points.x - 0.5, axis=-1) < 0.45) > 0.85


def test_das_grow_keeps_what_it_has():
    sampler = pde.DASGrow(
        20, 8, initial=10, added=6, candidates=600, flow_steps=100, learning_rate=1e-2, flow=small_flow
    )
    with core.float64():
        problem, residual = frozen()
        points, state = sampler.start(problem, jax.random.key(0))
        new, state = sampler.update(problem, points, state, residual, jax.random.key(1))
    np.testing.assert_array_equal(new.x[:10], points.x[:10])
    assert int(state.count) == 16
    assert (new.weights[:16] > 0.0).all()
    assert (new.weights[16:] == 0.0).all()


@pytest.mark.parametrize("name", ["two_peaks", "nonlinear_peak"])
def test_the_sources_of_peaks_are_those_of_their_solutions(name):
    problem = {"two_peaks": pde.catalogue.two_peaks(60.0), "nonlinear_peak": pde.catalogue.nonlinear_peak(3)}[name]
    with core.float64():
        problem = core.settle_arrays(problem)
        x = problem.domain.sample(jax.random.key(0), 20, pde.Uniform())

        def left(y):
            u = lambda z: jnp.atleast_1d(problem.exact(z, problem.params))  # noqa: E731
            return problem.evaluate(y, pde.jet(u, y, problem.indices), problem.params)

        np.testing.assert_allclose(jax.jit(jax.vmap(left))(x), 0.0, atol=1e-12)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: pde.RAR(10, initial=11), "initial must be an integer .* 10"),
        (lambda: pde.RAR(added=20, candidates=10), "added must be an integer .* 10"),
        (lambda: pde.RAR(candidates=0), "candidates must be an integer >= 1"),
        (lambda: pde.RAD(100, candidates=99), "candidates must be an integer >= 100"),
        (lambda: pde.RAD(power=-1.0), "power must be a number >= 0"),
        (lambda: pde.RAD(offset=0.0), "offset must be a number > 0"),
        (lambda: pde.DASGrow(10, initial=11), "initial must be an integer .* 10"),
        (lambda: pde.DASGrow(added=0), "added must be an integer >= 1"),
        (lambda: pde.DASReplace(candidates=1), "candidates must be an integer >= 2"),
        (lambda: pde.DASReplace(flow_steps=0), "flow_steps must be an integer >= 1"),
        (lambda: pde.catalogue.two_peaks(0.0), "sharpness must be a number > 0"),
        (lambda: pde.catalogue.nonlinear_peak(0), "dimension must be an integer >= 1"),
    ],
)
def test_bad_arguments_are_refused_by_name(make, message):
    with pytest.raises((ValueError, TypeError), match=message):
        make()
