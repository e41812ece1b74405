"""Networks along a closed curve: they know no first node, and are trained and kept like any other."""

import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perturbax import rom
from perturbax.rom._closed_curve import AlongCurve

KEYS = jax.random.split(jax.random.key(0), 4)
CURVE = rom.ClosedCurve(components=2, channels=4, reach=1)


def test_a_layer_moves_with_the_nodes_and_sees_its_reach_only():
    layer, x = AlongCurve(3, 2, 2, key=KEYS[0]), jax.random.normal(KEYS[1], (5, 9, 3))
    np.testing.assert_allclose(layer(jnp.roll(x, 4, 1)), jnp.roll(layer(x), 4, 1), atol=1e-6)
    changed = np.abs(layer(x.at[:, 0].add(1.0)) - layer(x)).max((0, 2)) > 1e-6
    assert changed.tolist() == [True, True, True, False, False, False, False, True, True]


@pytest.mark.slow
def test_networks_take_any_batch():
    z, p = jax.random.normal(KEYS[0], (3, 5, 2)), jax.random.normal(KEYS[1], (3, 5, 1))
    generator, critic = CURVE.generator(2, 1, 12, KEYS[2]), CURVE.critic(12, 1, KEYS[3])
    u = generator(z, p)
    assert (u.shape, critic(u, p).shape) == ((3, 5, 12), (3, 5))
    np.testing.assert_allclose(generator(z[1, 2], p[1, 2]), u[1, 2], atol=1e-6)
    np.testing.assert_allclose(critic(u[1, 2], p[1, 2]), critic(u, p)[1, 2], atol=1e-6)


def test_a_critic_hears_of_the_parameters():
    u = jnp.ones((1, 12))
    critic = CURVE.critic(12, 1, KEYS[3])
    assert abs(float(critic(u, jnp.ones((1, 1)))[0] - critic(u, jnp.zeros((1, 1)))[0])) > 1e-3


@pytest.mark.slow
def test_it_is_trained_and_kept_in_a_file(tmp_path):
    random = np.random.default_rng(0)
    problem = rom.SubmodelProblem(random.normal(size=(40, 12)), random.uniform(size=(40, 1)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        method = rom.WGANGP(networks=CURVE, steps=2, batch=8)
        found = rom.boundary_generator(problem, method, key=KEYS[0])
        rom.save_boundary_generator(tmp_path / "g.npz", found)
        again = rom.load_boundary_generator(tmp_path / "g.npz")
        np.testing.assert_array_equal(again.generate(KEYS[1], [0.5], 3), found.generate(KEYS[1], [0.5], 3))
        constant = rom.SubmodelProblem(problem.traces * (np.arange(12) > 0))
        with pytest.raises(ValueError, match=r"traces must have 3 nodes or more .* got 11"):
            rom.boundary_generator(constant, method, key=KEYS[0])


@pytest.mark.parametrize("name", ["components", "channels", "reach"])
def test_wrong_sizes_are_refused_by_name(name):
    with pytest.raises(ValueError, match=name):
        rom.ClosedCurve(**{name: 0})
