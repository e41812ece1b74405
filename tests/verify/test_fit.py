"""Certified training: its loss is an upper bound, and it makes a network certifiable."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from perturbax import core, nn, verify

from .conftest import KEY

METHODS = (verify.LossFusion(), verify.MarginTraining(), verify.MarginTraining(verify.IBP()))


def data(count=256):
    x = jax.random.normal(KEY, (count, 4))
    labels = (x[:, 0] * 2 + x[:, 1] > 0).astype(int) + (x[:, 2] > 0.5)
    return x, labels


@pytest.mark.parametrize("method", METHODS[:2], ids=lambda method: type(method).__name__)
def test_the_loss_lies_above_that_of_every_input(method):
    network = nn.MLP(4, (8,), 3, key=KEY, activation=jax.nn.relu)
    for radius in (0.0, 0.2):
        x = jnp.float32([0.3, -0.5, 0.2, 0.9])
        box = verify.Box(x - radius, x + radius)
        worst = jax.jit(lambda box: method.worst(network, box, jnp.int32(1)))(box)
        xs = jax.vmap(box.sample)(jax.random.split(KEY, 500))
        losses = optax.softmax_cross_entropy_with_integer_labels(network(xs), jnp.ones(500, int))
        assert worst >= losses.max() - 1e-5
        if radius == 0.0:
            np.testing.assert_allclose(worst, losses[0], rtol=1e-4)


def certified(network, x, labels, radius):
    found = verify.bound(
        network,
        verify.Ball(x, radius),
        verify.CROWN(verify.IBP()),
        specification=verify.margins(labels, 3),
        batched=True,
    )
    return float((found.lower > 0).all(1).mean())


@pytest.mark.slow
def test_training_certifies_what_ordinary_training_does_not():
    x, labels = data()
    network = nn.MLP(4, (16,), 3, key=KEY, activation=jax.nn.relu)
    settings = {"steps": 300, "batch_size": 64, "optimizer": optax.adam(1e-2), "key": KEY}
    shares = {}
    for radius in (0.0, 0.25):
        done = verify.fit(
            network, (x, labels), verify.LossFusion(), radius=radius, ramp=verify.Ramp(levels=6), **settings
        )
        shares[radius] = certified(done.network, x, np.asarray(labels), 0.25)
    assert done.radii[0] == 0.0
    assert done.radii[-1] == 0.25
    assert done.losses.shape == (300,)
    assert shares[0.25] > shares[0.0] + 0.05


def test_what_cannot_be_trained_is_refused():
    network = nn.MLP(4, (8,), 3, key=KEY, activation=jax.nn.relu)
    x, labels = data(64)
    settings = {"radius": 0.1, "steps": 20, "batch_size": 16, "optimizer": optax.adam(1e-2), "key": KEY}
    with pytest.raises(TypeError, match="data must be a pair"):
        verify.fit(network, x, METHODS[0], **settings)
    with pytest.raises(ValueError, match=r"data\[0\] must be finite"):
        verify.fit(network, (x.at[0].set(jnp.nan), labels), METHODS[0], **settings)
    with pytest.raises(ValueError, match="radius"):
        verify.fit(network, (x, labels), METHODS[0], **{**settings, "radius": -1.0})
    with pytest.raises(ValueError, match="steps"):
        verify.fit(network, (x, labels), METHODS[0], **{**settings, "steps": 5})
    with pytest.raises(ValueError, match="end must be > start"):
        verify.Ramp(0.5, 0.5)


@pytest.mark.slow
def test_a_loss_that_is_not_finite_is_told():
    network = nn.MLP(4, (8,), 3, key=KEY, activation=jax.nn.relu)
    settings = {"radius": 0.1, "steps": 20, "batch_size": 16, "optimizer": optax.sgd(1e30), "key": KEY}
    with pytest.raises(core.SolverError, match="fit stopped"):
        verify.fit(network, data(64), METHODS[0], **settings)
