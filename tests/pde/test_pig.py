"""PIG: closed forms against differentiation, shapes, sets, frozen Gaussians, bad input."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perturbax import core, pde
from perturbax.pde._gaussians import GaussianNetwork
from perturbax.pde._jet import automatic

TINY = {"n_gaussians": 6, "hidden": (5,), "optimiser": pde.LM(3, chunk=3), "points": pde.FixedPoints(12, 2)}
INDICES_2 = ((), (0,), (0, 0), (0, 1), (1,), (1, 1))


def network_of(method, dimension, key):
    """A network of a method whose Gaussians have been moved and turned."""
    box = pde.Box(-np.ones(dimension), np.ones(dimension))
    problem = pde.PDEProblem(box, lambda x, u, params: u.value, [pde.Dirichlet()])
    network = method.network(core.settle_arrays(problem), key)
    leaves, tree = jax.tree.flatten(network)
    keys = jax.random.split(key, len(leaves))
    return jax.tree.unflatten(
        tree, [leaf + 0.2 * jax.random.normal(k, leaf.shape) for leaf, k in zip(leaves, keys, strict=True)]
    )


@pytest.mark.parametrize(("covariance", "sets"), [(pde.Diagonal(), 2), (pde.Isotropic(), 1), (pde.Full(), 1)])
def test_derivatives_in_closed_form_are_those_of_differentiation(covariance, sets, key):
    with core.float64():
        network = network_of(pde.PIG(**TINY, covariance=covariance, sets=sets, features=2), 2, key)
        x = jnp.array([0.3, -0.4])
        closed = jax.jit(lambda x: network.derivatives(x, INDICES_2))(x)
        by_ad = jax.jit(lambda x: automatic(network.__call__, x, INDICES_2))(x)
        for index in INDICES_2:
            np.testing.assert_allclose(closed[index], by_ad[index], atol=1e-10)


def test_quaternions_turn_gaussians_in_three_dimensions_and_third_derivatives_fall_back(key):
    with core.float64():
        network = network_of(pde.PIG(**TINY, covariance=pde.Full()), 3, key)
        precision = network.sets[0].shape.precision()
        values = np.linalg.eigvalsh(precision)
        wanted = np.sort(1.0 / (np.exp(2.0 * network.sets[0].shape.log_sigma) + 2e-3**2), -1)
        np.testing.assert_allclose(values, wanted, rtol=1e-10)
        assert np.abs(precision[:, 0, 1]).max() > 0.1
        x = jnp.array([0.1, 0.2, -0.3])
        found = jax.jit(lambda x: network.derivatives(x, ((0, 1, 2),))[0, 1, 2])(x)
        third = jax.jit(jax.jacfwd(jax.jacfwd(jax.jacfwd(network))))(x)[:, 0, 1, 2]
        np.testing.assert_allclose(found, third, atol=1e-10)


def test_a_gaussian_that_shrinks_to_nothing_stays_finite():
    with core.float64():
        shape = pde.Diagonal().start(1, 2, 0.5)
        shrunk = dataclasses.replace(shape, log_sigma=jnp.full((1, 2), -1e3))
        assert float(shrunk.precision().max()) == pytest.approx(2e-3**-2)


def test_the_derivatives_are_scaled_to_the_domain(key):
    box = pde.Box([1.0, -3.0], [2.0, 5.0])
    problem = pde.PDEProblem(box, lambda x, u, params: u.laplacian(), [pde.Dirichlet()])
    with core.float64():
        problem = core.settle_arrays(problem)
        field = pde.Field(problem, pde.PIG(**TINY).network(problem, key), {})
        x = jnp.array([1.4, 2.0])
        closed = jax.jit(lambda x: field.derivatives(x, INDICES_2))(x)
        by_ad = jax.jit(lambda x: automatic(field.__call__, x, INDICES_2))(x)
        for index in INDICES_2:
            np.testing.assert_allclose(closed[index], by_ad[index], atol=1e-10)


@pytest.fixture(scope="module")
def solved(string):
    return pde.solve(string, pde.PIG(**TINY), key=jax.random.key(0))


def test_gaussians_move_and_are_told_in_the_coordinates_of_the_problem(string, solved):
    mean, covariance = pde.gaussians(solved)
    assert mean.shape == (6, 1)
    assert covariance.shape == (6, 1, 1)
    network = solved.model.network
    assert isinstance(network, GaussianNetwork)
    np.testing.assert_allclose(mean, 0.5 * (network.sets[0].mean + 1.0))
    np.testing.assert_allclose(covariance[:, :, 0], 0.25 * (np.exp(2.0 * network.sets[0].shape.log_sigma) + 2e-3**2))
    start = pde.PIG(**TINY).start(string, jax.random.key(0)).network
    assert np.abs(network.sets[0].mean - np.asarray(start.sets[0].mean)).max() > 1e-3


def test_fixed_gaussians_stay_and_have_fewer_parameters(string, solved):
    fixed = pde.solve(string, pde.FixedGaussians(**TINY), key=jax.random.key(0))
    with core.float64():
        start = pde.PIG(**TINY).start(core.settle_arrays(string), jax.random.key(0)).network
    np.testing.assert_array_equal(fixed.model.network.sets[0].mean, start.sets[0].mean)
    np.testing.assert_array_equal(fixed.model.network.sets[0].shape.log_sigma, start.sets[0].shape.log_sigma)
    assert solved.stats["parameters"] - fixed.stats["parameters"] == 6 * 2
    assert fixed.history["loss"][-1] < 4.0  # that of nothing


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda string: pde.PIG(n_gaussians=0), "n_gaussians must be an integer >= 1"),
        (lambda string: pde.PIG(features=3, sets=2), "sets must divide features, 3, got 2"),
        (lambda string: pde.PIG(sigma=0.0), "sigma must be a number > 0"),
        (lambda string: pde.PIG(feature_std=-1.0), "feature_std must be a number > 0"),
        (lambda string: pde.PIG(hidden=()), "hidden must name"),
        (lambda string: pde.FixedGaussians(covariance="full"), "covariance"),
        (lambda string: pde.solve(string, pde.PIG(covariance=pde.Full()), key=jax.random.key(0)), "in 1 dimensions"),
        (lambda string: pde.gaussians(None), "solution"),
    ],
)
def test_bad_arguments_are_refused_by_name(string, make, message):
    with pytest.raises((ValueError, TypeError), match=message):
        make(string)
