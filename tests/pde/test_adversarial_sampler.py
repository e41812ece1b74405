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
from perturbax.pde._flow_sampler import effective_sample_size
from perturbax.pde._sampler import Residual

SMALL_FLOW = functools.partial(nn.KRNet, depth=2, hidden=16, bins=8)
BOX = pde.Box([-1.0, -1.0], [1.0, 1.0])


def hill(x, u, params):
    """A residual whose square is a Gaussian of standard deviation 0.2 at 0."""
    return jnp.exp(-jnp.sum(x**2) / (4.0 * 0.2**2))


def constant(x, u, params):
    return params["value"] + 0.0 * x[0]


def frozen(residual, **params):
    """A problem with a residual that no solution changes, and this residual."""
    problem = core.settle_arrays(pde.PDEProblem(BOX, residual, [pde.Dirichlet()], params=params))
    return problem, Residual(problem, Theta(jnp.sum, {}))


def climb(sampler, problem, residual, updates, state=None):
    """The points and the state after some updates with a frozen residual."""
    points, first = sampler.start(problem, jax.random.key(0))
    state = first if state is None else state
    for k in range(updates):
        points, state = sampler.update(problem, points, state, residual, jax.random.key(k + 1))
    return points, state


SIDE = 40
MIDDLES = (np.arange(SIDE) + 0.5) * 2.0 / SIDE - 1.0
GRID = np.stack(np.meshgrid(MIDDLES, MIDDLES, indexing="ij"), -1)
CELL = (2.0 / SIDE) ** 2


@functools.cache
def best_density(beta):
    """The maximiser of `int r^2 p - beta int |grad p|^2` over densities, by a primal-dual active set on a grid.

    `-2 beta Laplacian p = r^2 - c + l` with `l >= 0`, `p >= 0`, `l p = 0`, no flux at the walls, and c from the mass.
    """
    square = np.exp(-np.sum(GRID**2, -1) / (2.0 * 0.2**2)).reshape(-1)
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


@pytest.fixture(scope="module")
def climbed():
    """Flows that have climbed to a hill, for two smoothnesses; they start where the other samplers' flows do."""
    found = {}
    with core.float64():
        problem, residual = frozen(hill)
        for beta in (0.1, 1.0):
            sampler = pde.AdversarialSampler(
                400, 8, beta=beta, flow_steps=40, learning_rate=5e-3, uniform_fraction=0.0, flow=SMALL_FLOW
            )
            found[beta] = climb(sampler, problem, residual, 25)
    return found


def on_grid(state):
    with core.float64():
        return np.exp(np.asarray(state.flow.log_density(jnp.asarray(GRID))))


@pytest.mark.parametrize("beta", [0.1, 1.0])
def test_the_flow_climbs_to_the_best_density(climbed, beta):
    p, best = on_grid(climbed[beta][1]), best_density(beta)
    square = np.exp(-np.sum(GRID**2, -1) / (2.0 * 0.2**2))
    # Total variation, of which the uniform density is at 0.48 and 0.11, and the share of what can be gained.
    assert 0.5 * np.abs(p - best).sum() * CELL < (0.15 if beta == 0.1 else 0.06)
    assert (square * p).sum() == pytest.approx((square * best).sum(), rel=0.15)


def test_what_is_not_uniform_is_told(climbed):
    points, state = climbed[0.1]
    assert points.x.shape == (400, 2)
    assert float(state.numbers["effective_sample_size"]) < 0.6
    assert int(state.evaluations) == 25 * 400


def test_a_constant_residual_returns_the_flow_to_uniform(climbed):
    with core.float64():
        problem, residual = frozen(constant, value=2.0)
        sampler = pde.AdversarialSampler(
            400, 8, beta=1.0, flow_steps=40, learning_rate=5e-3, uniform_fraction=0.0, flow=SMALL_FLOW
        )
        before = climbed[0.1][1]
        _, after = climb(sampler, problem, residual, 15, before)
    assert ratio(on_grid(before)) > 10.0
    assert ratio(on_grid(after)) < 1.5


@pytest.mark.parametrize("value", [0.0, np.inf], ids=["zero", "infinite"])
def test_a_residual_that_says_nothing_does_not_move_the_flow(climbed, value):
    with core.float64():
        problem, residual = frozen(constant, value=1.0)
        problem = eqx.tree_at(lambda p: p.params["value"], problem, jnp.asarray(value))
        residual = eqx.tree_at(lambda r: r.problem, residual, problem)
        sampler = pde.AdversarialSampler(
            400, 8, beta=1.0, flow_steps=40, learning_rate=5e-3, uniform_fraction=0.0, flow=SMALL_FLOW
        )
        before = climbed[0.1][1]
        points, after = climb(sampler, problem, residual, 1, before)
    for a, b in zip(jax.tree.leaves(before.flow), jax.tree.leaves(after.flow), strict=True):
        np.testing.assert_array_equal(a, b)
    assert np.isfinite(points.x).all()


def test_importance_weights_give_the_integral_back(climbed):
    """`E_p [f / p] = int f dx`, to five standard errors, and the share of the sample that counts is that of `1 / p`."""
    with core.float64():
        flow = climbed[1.0][1].flow
        x = flow.sample(jax.random.key(3), 20_000)
        log_p = flow.log_density(x)
        values = np.asarray(jnp.cos(x[:, 0]) * jnp.exp(-log_p))
        exact = 4.0 * np.sin(1.0)
        assert np.abs(values.mean() - exact) < 5.0 * values.std() / 20_000**0.5
        p = on_grid(climbed[1.0][1])
        share = (CELL * SIDE**2) ** 2 / (CELL * (1.0 / p).sum())
        assert float(effective_sample_size(log_p)) == pytest.approx(share, abs=0.02)


def test_a_share_of_the_points_is_uniform():
    sampler = pde.AdversarialSampler(150, 8)
    assert sampler.drawn == 100
    with core.float64():
        problem, residual = frozen(hill)
        points, state = sampler.start(problem, jax.random.key(0))
        far = eqx.tree_at(lambda s: s.flow.final.shift, state, jnp.full(1, -9.0))
        moved, _ = sampler.update(problem, points, far, residual, jax.random.key(1))
    assert (moved.x[:100, 0] > 0.9).all()
    assert (moved.x[100:, 0] < 0.9).sum() > 40
    assert moved.weights.tolist() == [1.0] * 150


def test_any_representation_and_optimiser_take_it_and_compile_once(compilations):
    sampler = pde.AdversarialSampler(24, 8, every=2, flow_steps=2, flow=SMALL_FLOW)
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
    problem = pde.PDEProblem(box, constant, [pde.Dirichlet()], params={"value": 1.0})
    sampler = pde.AdversarialSampler(24, 8, every=2, flow_steps=2, flow=SMALL_FLOW)
    method = pde.PINN((4,), pde.LM(1, chunk=1), sampler)
    solution = pde.solve(problem, method, key=jax.random.key(0))
    np.testing.assert_allclose(pde.sampling_density(solution, [[0.1, 1.2]]), 1.0 / 1.5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: pde.AdversarialSampler(beta=-1.0), "beta must be a number >= 0"),
        (lambda: pde.AdversarialSampler(uniform_fraction=1.0), "uniform_fraction must be a number < 1"),
        (lambda: pde.AdversarialSampler(flow_steps=0), "flow_steps must be an integer >= 1"),
        (lambda: pde.AdversarialSampler(learning_rate=0.0), "learning_rate must be a number > 0"),
        (lambda: pde.AdversarialSampler(flow="krnet"), "flow must be a function"),
        (lambda: pde.AdversarialSampler(every=0), "every must be an integer >= 1"),
        (lambda: pde.sampling_density(None, [[0.0, 0.0]]), "solution"),
    ],
)
def test_bad_arguments_are_refused_by_name(make, message):
    with pytest.raises((ValueError, TypeError), match=message):
        make()
