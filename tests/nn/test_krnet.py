"""KRnet: exact inverse, exact density, the uniform start, the order of Knothe and Rosenblatt, bad input."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.scipy.special import ndtri
from scipy.stats import norm

from perturbax import core, nn
from perturbax.nn._krnet import _through


def flow(dimension, key=3, scale=0.3, **options):
    """A flow with random weights everywhere."""
    made = nn.KRNet(dimension, key=jax.random.key(key), **{"depth": 2, "hidden": 8, "bins": 8} | options)
    leaves, tree = jax.tree.flatten(made)
    keys = jax.random.split(jax.random.key(key + 1), len(leaves))
    moved = [leaf + scale * jax.random.normal(k, leaf.shape) for leaf, k in zip(leaves, keys, strict=True)]
    return jax.tree.unflatten(tree, moved)


to_prior = jax.jit(lambda flow, x: flow.to_prior(x))
from_prior = jax.jit(lambda flow, z: flow.from_prior(z))
log_density = jax.jit(lambda flow, x: flow.log_density(x))


@pytest.mark.parametrize(("dimension", "block"), [(1, 1), (2, 1), (5, 2)])
def test_the_inverse_is_exact_and_the_determinant_is_that_of_the_jacobian(dimension, block):
    with core.float64():
        made = flow(dimension, block=block)
        x = jax.random.uniform(jax.random.key(0), (50, dimension), minval=-0.999, maxval=0.999)
        z, log_det = to_prior(made, x)
        np.testing.assert_allclose(from_prior(made, z), x, atol=1e-12)
        jacobians = jax.jit(jax.vmap(jax.jacfwd(lambda y: made.to_prior(y)[0])))(x)
        np.testing.assert_allclose(log_det, jnp.linalg.slogdet(jacobians)[1], atol=1e-10)


def test_the_density_integrates_to_one():
    with core.float64():
        made = flow(2, scale=0.1)
        # x = 2 Phi(w) - 1, since the density may have poles at the faces that can be integrated.
        nodes, weights = np.polynomial.legendre.leggauss(100)
        w = 8.0 * nodes
        weights = 8.0 * weights * 2.0 * norm.pdf(w)
        x = 2.0 * norm.cdf(np.stack(np.meshgrid(w, w, indexing="ij"), -1)) - 1.0
        p = np.exp(log_density(made, jnp.asarray(x)))
        assert p[20:-20, 20:-20].max() / p[20:-20, 20:-20].min() > 2.0
        assert weights @ p @ weights == pytest.approx(1.0, abs=2e-4)


def test_points_are_drawn_from_the_density():
    with core.float64():
        made = flow(1)
        x = jax.jit(lambda key: made.sample(key, 20_000))(jax.random.key(0))[:, 0]
        edges = np.linspace(-1.0, 1.0, 2001)
        middles = 0.5 * (edges[1:] + edges[:-1])
        mass = np.exp(log_density(made, jnp.asarray(middles[:, None]))) * np.diff(edges)
        distribution = np.interp(np.sort(x), edges, np.concatenate([[0.0], np.cumsum(mass)]))
        # Kolmogorov and Smirnov's distance is above 1.95 / sqrt(n) once in a thousand times.
        assert np.abs(distribution - (np.arange(20_000) + 0.5) / 20_000).max() < 1.95 / 20_000**0.5


def test_it_starts_exactly_uniform():
    with core.float64():
        made = nn.KRNet(3, key=jax.random.key(0), depth=2, hidden=4)
        x = jax.random.uniform(jax.random.key(0), (20, 3), minval=-1.0, maxval=1.0).at[0].set(1.0)
        np.testing.assert_allclose(log_density(made, x), -3.0 * np.log(2.0), atol=1e-12)


def test_blocks_are_in_the_order_of_knothe_and_rosenblatt():
    """After a stage the first coordinates do not depend on the later ones of the prior, and the last ones are done."""
    with core.float64():
        made = flow(5, scale=0.1, block=2)
        z = jax.random.normal(jax.random.key(0), (7, 5))
        other = z.at[:, 3:].add(1.0)
        x, moved = from_prior(made, z), from_prior(made, other)
        assert (jnp.abs(x - moved).max(0)[jnp.array([0, 1, 3, 4])] > 1e-3).all()
        states = [_through(made.stages[0], ndtri(0.5 * (points + 1.0)))[0] for points in (x, moved)]
        np.testing.assert_allclose(states[0][:, :3], states[1][:, :3], atol=1e-10)
        np.testing.assert_allclose(states[1][:, 3:], other[:, 3:], atol=1e-10)
        states = [_through(made.stages[1], state[:, :3])[0] for state in states]
        np.testing.assert_allclose(states[1][:, 1:], other[:, 1:3], atol=1e-10)


@pytest.mark.slow
def test_gradients_of_the_density_and_of_their_squares_are_finite_at_the_faces():
    made = flow(2)
    x = jnp.array([[1.0, -1.0], [0.0, 1.0], [0.3, 0.3]])

    @jax.jit
    def penalty(made):
        return jnp.sum(jnp.square(jax.vmap(jax.grad(made.log_density))(x)))

    assert all(jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(jax.grad(penalty)(made)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dimension": 0}, "dimension must be an integer >= 1"),
        ({"block": 3}, "block must be an integer .* 2"),
        ({"depth": 3}, "depth must be even"),
        ({"hidden": 0}, "hidden must be an integer >= 1"),
        ({"bins": 1}, "bins must be an integer >= 2"),
    ],
)
def test_bad_arguments_are_refused_by_name(options, message):
    with pytest.raises((ValueError, TypeError), match=message):
        nn.KRNet(**{"dimension": 2, "key": jax.random.key(0)} | options)
