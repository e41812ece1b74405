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


SAMPLER = pde.AdversarialSampler(150, 8, beta=1.0, flow_steps=30, flow=small_flow)


def climb(updates, state=None, **residual):
    """The points and the state after some updates with a frozen residual."""
    with core.float64():
        problem, frozen_residual = frozen(**residual)
        points, first = SAMPLER.start(problem, jax.random.key(0))
        state = first if state is None else state
        for k in range(updates):
            points, state = SAMPLER.update(problem, points, state, frozen_residual, jax.random.key(k + 1))
    return points, state


SIDE = 40
MIDDLES = (np.arange(SIDE) + 0.5) * 2.0 / SIDE - 1.0
GRID = np.stack(np.meshgrid(MIDDLES, MIDDLES, indexing="ij"), -1)
SQUARE = np.exp(-np.sum(GRID**2, -1) / (2.0 * 0.2**2))
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
def climb_by_quadrature(flow, square, beta, rounds):
    """Ascent with a grid of points of equal weight in the place of random ones, the mean residual followed."""
    x = jnp.asarray(GRID[::2, ::2].reshape(-1, 2))
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


@pytest.mark.parametrize("beta", [0.1, 1.0])
def test_the_flow_climbs_to_the_best_density(beta):
    with core.float64():
        flow = small_flow(2, key=jax.random.key(0))
        square = jnp.asarray(SQUARE[::2, ::2].reshape(-1))
        flow = climb_by_quadrature(flow, square, jnp.asarray(beta), 30)
    p, best = np.exp(log_density(flow, GRID)), best_density(beta)
    # Total variation, of which the uniform density is at 0.40 and 0.09.
    assert 0.5 * np.abs(p - best).sum() * CELL < 0.03
    assert (SQUARE * p).sum() == pytest.approx((SQUARE * best).sum(), rel=0.05)


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


def test_a_constant_residual_returns_the_flow_to_uniform(climbed):
    before = climbed[1]
    _, after = climb(15, before, level=2.0, height=0.0)
    assert ratio(np.exp(log_density(before.flow, GRID))) > 5.0
    assert ratio(np.exp(log_density(after.flow, GRID))) < 1.5


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
