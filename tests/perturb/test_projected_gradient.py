"""Projected gradient descent: linear objectives exactly, non-convex ones no worse than their start, bad numbers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perturbax import perturb

LOWER, UPPER = jnp.array([-1.0, -2.0, 0.0]), jnp.array([1.0, 0.5, 3.0])


def test_a_linear_objective_is_minimised_exactly():
    slope = jnp.array([1.0, -2.0, 0.5])
    x, value = perturb.projected_gradient(lambda x: slope @ x, 0.5 * (LOWER + UPPER), LOWER, UPPER)
    np.testing.assert_array_equal(x, [-1.0, 0.5, 0.0])
    assert value == slope @ x


def test_it_stays_in_the_box_and_keeps_the_best_of_all_starts():
    def waves(x):
        return jnp.sin(9.0 * x[0]) * jnp.cos(7.0 * x[1]) + jnp.sin(5.0 * x[2])

    starts = LOWER + jax.random.uniform(jax.random.key(0), (16, 3)) * (UPPER - LOWER)
    x, values = jax.jit(jax.vmap(lambda x: perturb.projected_gradient(waves, x, LOWER, UPPER, steps=30)))(starts)
    assert np.all((x >= LOWER) & (x <= UPPER))
    np.testing.assert_allclose(values, jax.vmap(waves)(x), atol=1e-6)
    assert np.all(values <= jax.vmap(waves)(starts))
    assert values.min() < -1.99


@pytest.mark.parametrize(("name", "value"), [("steps", 0), ("step_size", 0.0)])
def test_numbers_out_of_range_are_named(name, value):
    with pytest.raises(ValueError, match=f"{name} must be"):
        perturb.projected_gradient(jnp.sum, LOWER, LOWER, UPPER, **{name: value})
