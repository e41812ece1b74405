"""Adversarial sampling: the best density by a grid, what moves the flow, importance, bad input."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.sparse import diags_array, eye_array, kron
from scipy.sparse.linalg import spsolve

from perturbax import core, nn, pde
from perturbax.pde._field import Theta
from perturbax.pde._flow_sampler import effective_sample_size, train
from perturbax.pde._sampler import Residual
from perturbax.pde.adversarial_sampler import _descent

BOX = pde.Box([-1.0, -1.0], [1.0, 1.0])


def small_flow(dimension, *, key):
    return nn.KRNet(dimension, key=key, depth=2, hidden=16, bins=8)


def hill(x, u, params):
    """A residual that no solution changes: where `level` is 0 its square is a Gaussian of standard deviation 0.2."""
    return params["level"] + params["height"] * jnp.exp(-jnp.sum(x**2) / (4.0 * 0.2**2))


def frozen(level=0.0, height=1.0):
    problem = core.settle_arrays(pde.PDEProblem(BOX, hill, [pde.Dirichlet()], params={"level": 0.0, "height": 1.0}))
    # Not by the constructor, which refuses what is not finite.
    values = {"level": jnp.asarray(level), "height": jnp.asarray(height)}
    problem = eqx.tree_at(lambda p: p.params, problem, values)
    return problem, Residual(problem, Theta(jnp.sum, {}))


SAMPLER = pde.AdversarialSampler(150, 8, beta=0.1, flow_steps=30, learning_rate=3e-3, flow=small_flow)


def climb(updates, state=None, **residual):
    """The points and the state after some updates with a frozen residual."""
    with core.float64():
        problem, frozen_residual = frozen(**residual)
        points, first = SAMPLER.start(problem, jax.random.key(0))
        state = first if state is None else state
        for k in range(updates):
            points, state = SAMPLER.update(problem, points, state, frozen_residual, jax.random.key(k + 1))
    return points, state


def cells(side):
    """The middles of equal cells of the square, and the squared hill there."""
    middles = (np.arange(side) + 0.5) * 2.0 / side - 1.0
    grid = np.stack(np.meshgrid(middles, middles, indexing="ij"), -1)
    return grid, np.exp(-np.sum(grid**2, -1) / (2.0 * 0.2**2))


SIDE = 40
GRID, SQUARE = cells(SIDE)
CELL = (2.0 / SIDE) ** 2


@functools.cache
def best_density(beta):
    """The maximiser of `int r^2 p - beta int |grad p|^2` over densities, by a primal-dual active set on a grid.

    `-2 beta Laplacian p = r^2 - c + l` with `l >= 0`, `p >= 0`, `l p = 0`, no flux at the walls, and c from the mass.
    """
    square = SQUARE.reshape(-1)
    ends = np.ones(SIDE)
    ends[1:-1] = 2.0
    second = diags_array([-np.ones(SIDE - 1), ends, -np.ones(SIDE - 1)], offsets=[-1, 0, 1]) / (2.0 / SIDE) ** 2
    stiff = (2.0 * beta * (kron(second, eye_array(SIDE)) + kron(eye_array(SIDE), second))).tocsr()
    # The mean over the points of the flow is that of its density: the scale of r^2 depends on p.
    p = np.full(SIDE**2, 0.25)
    for _ in range(60):
        scaled = square / (CELL * square @ p)
        free = np.ones(SIDE**2, bool)
        for _ in range(60):
            inner = stiff[free][:, free]
            per_source = spsolve(
                inner + 1e-10 * eye_array(free.sum()), np.stack([scaled[free], np.ones(free.sum())], 1)
            )
            # p = A^-1 (r^2 - c); A is singular where all is free, so c is then the mean of r^2.
            c = (CELL * per_source[:, 0].sum() - 1.0) / (CELL * per_source[:, 1].sum())
            new = np.zeros(SIDE**2)
            new[free] = per_source[:, 0] - c * per_source[:, 1]
            pull = stiff @ new - scaled + c
            wanted = new - pull > 0.0
            if (wanted == free).all():
                break
            free = wanted
        if np.abs(new - p).max() < 1e-6:
            break
        p = 0.5 * (p + new)
    return new.reshape(SIDE, SIDE)


def ratio(p):
    return p.max() / p.min()


def test_the_best_density_is_as_smooth_as_the_documentation_says():
    near = np.linalg.norm(GRID, axis=-1) < 0.6
    assert best_density(1e-2)[near].sum() * CELL > 0.99
    assert best_density(0.1)[near].sum() * CELL == pytest.approx(0.68, abs=0.01)
    assert ratio(best_density(1.0)) == pytest.approx(2.4, abs=0.05)
    assert ratio(best_density(10.0)) == pytest.approx(1.16, abs=0.01)


def log_density(flow, x):
    with core.float64():
        return np.asarray(_log_density(flow, jnp.asarray(x)))


_log_density = eqx.filter_jit(lambda flow, x: flow.log_density(x))


@eqx.filter_jit
def climb_by_quadrature(flow, x, square, beta, rounds):
    """Ascent with a grid of points of equal weight in the place of random ones, the mean residual followed."""
    transformation = core.adam(1e-2)
    optimiser = transformation.init(eqx.filter(flow, eqx.is_inexact_array))

    def one(_, carry):
        trained, optimiser = carry
        flow = eqx.combine(trained, rest)
        p = jnp.exp(flow.log_density(x))
        batch = x, square / (square @ p / p.sum()) - 1.0, jnp.full(len(x), -jnp.log(4.0)), beta
        flow, optimiser = train(_descent, transformation, flow, optimiser, batch, 10, True)
        return eqx.partition(flow, eqx.is_inexact_array)[0], optimiser

    trained, rest = eqx.partition(flow, eqx.is_inexact_array)
    return eqx.combine(jax.lax.fori_loop(0, rounds, one, (trained, optimiser))[0], rest)


def gained(p, beta, scale):
    """The objective on the grid."""
    slopes = sum(np.sum(np.diff(p, axis=axis) ** 2) for axis in (0, 1))
    return CELL * (SQUARE * p).sum() / scale - beta * slopes


def test_the_flow_climbs_to_the_best_density():
    beta = 0.1
    with core.float64():
        flow = small_flow(2, key=jax.random.key(0))
        x, square = (jnp.asarray(values.reshape(400, -1)) for values in cells(20))
        flow = climb_by_quadrature(flow, x, square[:, 0], jnp.asarray(beta), 10)
    p, best = np.exp(log_density(flow, GRID)), best_density(beta)
    # Total variation, of which the uniform density is at 0.40, and the share of what can be gained that is missing.
    assert 0.5 * np.abs(p - best).sum() * CELL < 0.1
    scale = CELL * (SQUARE * best).sum()
    most, ours, none = (gained(density, beta, scale) for density in (best, p, np.full_like(p, 0.25)))
    assert ours < most
    assert (most - ours) / (most - none) < 0.1


@pytest.fixture(scope="module")
def climbed():
    """Points and state after the flow has followed a hill."""
    return climb(12)


def test_points_gather_where_the_residual_is_large_and_the_history_tells(climbed):
    points, state = climbed
    assert SAMPLER.drawn == 100
    assert np.mean(np.linalg.norm(points.x[:100], axis=-1) < 0.6) > 0.4  # uniform: 0.28
    assert points.weights.tolist() == [1.0] * 150
    assert 0.1 < float(state.numbers["effective_sample_size"]) < 0.95
    assert int(state.evaluations) == 12 * 100


@pytest.mark.slow
def test_a_constant_residual_returns_the_flow_to_uniform():
    sampler = pde.AdversarialSampler(600, 8, beta=1.0, flow_steps=30, flow=small_flow)
    with core.float64():
        problem, residual = frozen(level=2.0, height=0.0)
        points, state = sampler.start(problem, jax.random.key(0))
        state = eqx.tree_at(lambda s: s.flow.stages[0].normal.shift, state, jnp.full((2, 2), 0.15))
        before = log_density(state.flow, GRID)
        for k in range(30):
            points, state = sampler.update(problem, points, state, residual, jax.random.key(k))
    assert np.ptp(before) > np.log(5.0)
    assert np.ptp(log_density(state.flow, GRID)) < np.log(1.5)


@pytest.mark.parametrize(("level", "height"), [(0.0, 0.0), (np.inf, 1.0)], ids=["zero", "infinite"])
def test_a_residual_that_says_nothing_does_not_move_the_flow(climbed, level, height):
    before = climbed[1]
    points, after = climb(1, before, level=level, height=height)
    for a, b in zip(jax.tree.leaves(before.flow), jax.tree.leaves(after.flow), strict=True):
        np.testing.assert_array_equal(a, b)
    assert np.isfinite(points.x).all()


def test_importance_weights_give_integrals_back(climbed):
    """The mean of `f / q` over points of the flow and uniform ones is the integral of `f`, to five standard errors."""
    flow, n = climbed[1].flow, 20_000
    with core.float64():
        drawn = np.asarray(eqx.filter_jit(lambda flow: flow.sample(jax.random.key(3), 2 * n))(flow))
    x = np.concatenate([drawn, np.random.default_rng(0).uniform(-1.0, 1.0, (n, 2))])
    q = np.exp(log_density(flow, x)) * 2.0 / 3.0 + 0.25 / 3.0
    values = np.cos(x[:, 0]) / q
    assert np.abs(values.mean() - 4.0 * np.sin(1.0)) < 5.0 * values.std() / (3 * n) ** 0.5
    # Points with two densities, one twice the other, count like 9 / 10 of as many equal ones.
    assert float(effective_sample_size(jnp.log(jnp.array([2.0, 1.0])))) == pytest.approx(0.9)


@pytest.mark.slow
def test_any_representation_and_optimiser_take_it_and_compile_once(compilations):
    sampler = pde.AdversarialSampler(24, 8, every=2, flow_steps=2, flow=small_flow)
    method = pde.PIG(n_gaussians=4, hidden=(4,), optimiser=pde.LBFGS(6, chunk=2), points=sampler)
    problem = pde.catalogue.peak(60.0)
    solution = pde.solve(problem, method, key=jax.random.key(0))
    with compilations() as counted:
        again = pde.solve(problem, method, key=jax.random.key(1))
    assert not counted
    history = solution.history
    assert {"effective_sample_size", "residual_mean", "residual_variance", "clipped"} <= history.keys()
    assert solution.stats["sampler_evaluations"] == 3 * 16
    assert pde.sampling_density(again, [[0.0, 0.0], [3.0, 0.0]])[1] == 0.0


def test_the_density_is_that_of_the_domain():
    box = pde.Box([0.0, 1.0], [3.0, 1.5])
    problem = pde.PDEProblem(box, hill, [pde.Dirichlet()], params={"level": 1.0, "height": 0.0})
    method = pde.PINN((4,), pde.Adam(1, chunk=1), pde.AdversarialSampler(24, 8, flow=small_flow))
    solution = pde.solve(problem, method, key=jax.random.key(0))
    np.testing.assert_allclose(pde.sampling_density(solution, [[0.1, 1.2]]), 1.0 / 1.5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: pde.AdversarialSampler(beta=-1.0), "beta must be a number >= 0"),
        (lambda: pde.AdversarialSampler(uniform_fraction=1.0), "uniform_fraction must be a number < 1"),
        (lambda: pde.AdversarialSampler(flow_steps=0), "flow_steps must be an integer >= 1"),
        (lambda: pde.AdversarialSampler(learning_rate=0.0), "learning_rate must be a number > 0"),
        (lambda: pde.AdversarialSampler(flow="krnet"), "flow"),
        (lambda: pde.AdversarialSampler(every=0), "every must be an integer >= 1"),
        (lambda: pde.sampling_density(None, [[0.0, 0.0]]), "solution"),
    ],
)
def test_bad_arguments_are_refused_by_name(make, message):
    with pytest.raises((ValueError, TypeError), match=message):
        make()
