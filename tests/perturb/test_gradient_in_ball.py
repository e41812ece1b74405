"""Projected gradients in a Euclidean ball: the minimum of a linear function, an inner minimum, and never outside."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perturbax import perturb

KEY = jax.random.key(0)


def test_the_minimum_of_a_linear_function_is_on_the_sphere():
    w = jnp.array([1.0, -2.0, 2.0])
    x = perturb.gradient_in_ball(lambda x, key: x @ w, jnp.ones(3), 0.6, key=KEY)
    np.testing.assert_allclose(x, 1.0 - 0.6 * np.asarray(w) / 3.0, rtol=1e-5)


def test_random_objectives_are_descended_in_expectation_inside_of_the_ball():
    def objective(x, key):
        return jnp.sum((x - 0.2 + 0.5 * jax.random.normal(key, x.shape)) ** 2)

    keys = jax.random.split(KEY, 64)
    found = jax.vmap(
        lambda key: perturb.gradient_in_ball(objective, jnp.zeros((2, 2)), 1.0, key=key, steps=60, step_size=0.1)
    )(keys)
    assert float(jnp.sqrt(jnp.sum(found**2, (1, 2))).max()) <= 1.0 + 1e-6
    np.testing.assert_allclose(found.mean(0), 0.2, atol=0.08)


def test_where_the_gradient_vanishes_nothing_moves():
    x = perturb.gradient_in_ball(lambda x, key: 0.0 * x.sum(), jnp.ones(3), 0.5, key=KEY)
    np.testing.assert_array_equal(x, jnp.ones(3))


def test_numbers_out_of_range_are_refused():
    for name, value in (("steps", 0), ("step_size", 0.0), ("radius", -1.0)):
        settings = {"radius": 1.0, name: value}
        with pytest.raises(ValueError, match=name):
            perturb.gradient_in_ball(lambda x, key: x.sum(), jnp.ones(2), key=KEY, **settings)
