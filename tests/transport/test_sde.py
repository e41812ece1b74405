"""Simulation: orders without noise, the law with it, and steps that may differ from interval to interval."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perturbax import core, transport

KEY = jax.random.key(0)


def end(stepper, steps):
    with core.float64():
        ts = jnp.array([0.0, 1.0])
        x = transport.simulate(
            lambda x, t: -x * (1 + t), jnp.ones((1, 1)), ts, 0.0, key=KEY, steps=steps, stepper=stepper
        )
    return float(x[-1, 0, 0])


@pytest.mark.parametrize(("stepper", "order"), [(transport.EulerMaruyama(), 1), (transport.Heun(), 2)])
def test_order_without_noise(stepper, order):
    errors = [abs(end(stepper, steps) - np.exp(-1.5)) for steps in (50, 100)]
    assert np.log2(errors[0] / errors[1]) == pytest.approx(order, abs=0.1)


@pytest.mark.parametrize("stepper", [transport.EulerMaruyama(), transport.Heun()])
def test_the_stationary_variance_of_a_decay(stepper):
    ts = jnp.array([0.0, 0.5, 3.0])
    x = transport.simulate(lambda x, t: -2.0 * x, jnp.zeros((20_000, 1)), ts, 0.8, key=KEY, steps=400, stepper=stepper)
    np.testing.assert_allclose(x.var(axis=1)[1:, 0], 0.8 / 4 * (1 - np.exp(-4 * np.array([0.5, 3.0]))), rtol=0.05)


def test_each_coordinate_may_have_its_noise():
    ts = jnp.array([0.0, 1.0])
    x = transport.simulate(lambda x, t: 0.0 * x, jnp.zeros((20_000, 2)), ts, jnp.array([1.0, 0.0]), key=KEY)
    np.testing.assert_allclose(x[-1].var(0), [1.0, 0.0], atol=0.05)


def test_steps_by_interval():
    ts = jnp.array([0.0, 0.0, 0.5, 1.0])
    one, two = (
        transport.simulate(lambda x, t: -x, jnp.ones((1, 1)), ts, 0.0, key=KEY, steps=steps)
        for steps in (jnp.array([0, 4, 4]), 4)
    )
    np.testing.assert_array_equal(one, two)
    assert one[:2].tolist() == [[[1.0]], [[1.0]]]


def test_paths_can_be_differentiated_in_reverse():
    ts = jnp.array([0.0, 1.0])

    def final(rate):
        return transport.simulate(lambda x, t: -rate * x, jnp.ones((1, 1)), ts, 0.0, key=KEY, steps=1000)[-1, 0, 0]

    assert float(jax.grad(final)(1.0)) == pytest.approx(-np.exp(-1.0), rel=2e-3)
