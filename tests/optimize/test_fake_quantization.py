"""Training with rounding in the loop: the loss is that of integers, and its gradient passes the rounding."""

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
import pytest

from perturbax import core, optimize

from .quantized_networks import MLP, X, Y

PROBLEM = optimize.QuantizationProblem(MLP, X, Y, bits=(2, 8), fixed={})


@pytest.fixture(scope="module")
def coarse():
    return optimize.FakeQuantization(PROBLEM, (8, 2, 8))


@pytest.mark.slow
def test_the_loss_is_that_of_the_network_in_integers(coarse):
    problem = optimize.QuantizationProblem(
        MLP, X, Y, bits=(2, 8), fixed=dict(zip([layer.name for layer in PROBLEM.layers], coarse.bits, strict=True))
    )
    quantized = optimize.quantize(problem, optimize.UniformBits(8), key=jax.random.key(0))
    assert tuple(quantized.bits.values()) == coarse.bits
    wanted = optax.softmax_cross_entropy_with_integer_labels(quantized(X), Y).mean()
    # A rounded activation in a thousand falls to the other side.
    assert float(coarse(MLP, (X, Y), None)) == pytest.approx(float(wanted), rel=1e-2)
    assert abs(float(wanted) - float(problem.mean_loss())) > 0.02


def test_the_gradient_is_that_of_the_rounded_network_without_rounding(coarse):
    gradient = eqx.filter_jit(eqx.filter_grad(coarse))(MLP, (X, Y), None)
    for leaf in jax.tree.leaves(gradient):
        assert float(jnp.linalg.norm(leaf)) > 0.0
    fine = optimize.FakeQuantization(PROBLEM, (8, 8, 8))
    exact = jax.grad(lambda w: PROBLEM.mean_loss(w))(PROBLEM.weights)
    ours = eqx.filter_jit(eqx.filter_grad(fine))(MLP, (X, Y), None)
    for layer, wanted in zip(ours.layers, exact, strict=True):
        # Units close to zero may change sides.
        assert float(jnp.linalg.norm(layer.weight - wanted)) < 0.1 * float(jnp.linalg.norm(wanted))


@pytest.mark.slow
def test_training_recovers_what_rounding_lost(coarse):
    done = core.fit(coarse, MLP, (X, Y), steps=300, optimizer=optax.adam(1e-2), key=jax.random.key(0), progress=False)
    assert done.losses[-1] < 0.8 * done.losses[0]


def test_bits_that_do_not_fit_are_named():
    with pytest.raises(ValueError, match="bits must be 3 of"):
        optimize.FakeQuantization(PROBLEM, (8, 8))
    with pytest.raises(ValueError, match="targets must be given"):
        optimize.FakeQuantization(optimize.QuantizationProblem(MLP, X), (8, 8, 8))
