"""Functions of many kinds on small shapes, shared so that what is compiled for them is shared too."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perturbax import nn, verify

KEY = jax.random.key(0)


def sampled(f, inputs, count=2000, key=KEY):
    """The least and the largest values of `f` at random members of a box or ball, and after steps uphill and down."""
    xs = jax.vmap(inputs.sample)(jax.random.split(key, count))
    slope = jax.jit(jax.vmap(jax.grad(lambda x: f(x).sum())))
    values = jax.jit(jax.vmap(f))
    found = [values(xs)]
    size = 0.2 * (inputs.interval().upper - inputs.interval().lower)
    for sign in (1.0, -1.0):
        x = xs[:50]
        for _ in range(8):
            x = jax.vmap(inputs.project)(x + sign * size * jnp.sign(slope(x)))
        found.append(values(x))
    found = jnp.concatenate(found)
    return np.asarray(found.min(0)), np.asarray(found.max(0))


def assert_sound(f, inputs, *methods, **settings):
    """Every bound contains every value that was found."""
    low, high = sampled(f, inputs, **settings)
    slack = 1e-5 * (1.0 + np.maximum(abs(low), abs(high)))
    for method in methods:
        found = verify.bound(f, inputs, method)
        assert np.all(np.asarray(found.lower) <= low + slack), method
        assert np.all(np.asarray(found.upper) >= high - slack), method


@pytest.fixture(scope="session")
def network():
    return nn.MLP(3, (6, 5), 2, key=KEY, activation=jax.nn.relu)
