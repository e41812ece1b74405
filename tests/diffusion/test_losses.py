"""`diffusion.losses`: the same numbers and gradients for all arrays, closed forms, and the formulas of torch code."""

import math

import hypothesis
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import strategies

from perturbax.diffusion import losses

FOUR = np.abs(np.random.default_rng(0).normal(size=(4, 50))).astype(np.float32)
CALLS = {
    "dpo": lambda e: losses.dpo(*e, beta=3.0),
    "ipo": lambda e: losses.ipo(*e, beta=3.0),
    "mapo": lambda e: losses.mapo(*e[:2], beta=0.1, scale=0.5, timesteps=10),
    "implicit_accuracy": lambda e: losses.implicit_accuracy(*e),
}


@pytest.mark.parametrize("name", CALLS)
def test_numpy_and_jax_agree(name):
    by_numpy, by_jax = CALLS[name](FOUR), CALLS[name](jnp.asarray(FOUR))
    assert isinstance(by_jax, jax.Array)
    np.testing.assert_allclose(by_numpy, by_jax, rtol=1e-6)


def torch_losses(torch, e):
    """The losses as torch code has them, from the formulas of the papers; in float64, where they do not cancel."""
    e = e.double()
    logsigmoid = torch.nn.functional.logsigmoid
    inside = -0.5 * 3.0 * ((e[0] - e[1]) - (e[2] - e[3]))
    odds = [0.5 * x / (torch.exp(0.5 * x) - 1) for x in e[:2]]
    return {
        "dpo": -logsigmoid(inside).mean(),
        "ipo": ((inside / 3.0 - 1 / (2 * 3.0)) ** 2).mean(),
        "mapo": e[0].mean() - 0.1 * logsigmoid(10 * (odds[0] - odds[1])).mean(),
        "implicit_accuracy": (inside > 0).double().mean(),
    }


@pytest.mark.parametrize("name", CALLS)
def test_torch_code_agrees_in_value_and_gradient(name):
    torch = pytest.importorskip("torch")
    ours, theirs = (torch.from_numpy(FOUR.copy()).requires_grad_() for _ in range(2))
    value, wanted = CALLS[name](ours), torch_losses(torch, theirs)[name]
    assert value.item() == pytest.approx(wanted.item(), abs=1e-6)
    if name != "implicit_accuracy":
        value.backward()
        wanted.backward()
        np.testing.assert_allclose(ours.grad, theirs.grad, atol=1e-6)
        by_jax = jax.grad(CALLS[name])(jnp.asarray(FOUR))
        np.testing.assert_allclose(by_jax, theirs.grad, atol=1e-6)


@hypothesis.given(strategies.floats(-5.0, 5.0), strategies.floats(0.1, 1e4))
def test_shifting_both_errors_or_both_references_changes_nothing(shift, beta):
    def loss(moved):
        return losses.dpo(*(FOUR.astype(np.float64) + np.reshape(moved, (4, 1))), beta=beta)

    assert loss([shift, shift, 0, 0]) == pytest.approx(loss([0, 0, 0, 0]), rel=1e-9)
    assert loss([shift, 0, shift, 0]) == pytest.approx(loss([0, 0, 0, 0]), rel=1e-9)


def test_the_minimum_of_ipo_is_a_margin_of_one_over_beta():
    zeros = jnp.zeros(1)
    slope = jax.grad(lambda w: losses.ipo(w, zeros, zeros, zeros, beta=4.0))
    assert slope(jnp.array([-0.25]))[0] == pytest.approx(0.0, abs=1e-7)
    assert slope(jnp.array([-0.2]))[0] > 0 > slope(jnp.array([-0.3]))[0]


def test_losses_and_gradients_stay_finite_where_exponentials_overflow():
    huge = jnp.array([1e4])
    for loss in (CALLS["dpo"], CALLS["mapo"]):
        for signs in ((1, 0), (0, 1)):
            errors = [signs[0] * huge + 0.1, signs[1] * huge + 0.1, 0 * huge, 0 * huge]
            assert np.isfinite(loss(errors))
            assert all(np.isfinite(g).all() for g in jax.grad(loss)(errors))
    assert losses.dpo(huge, 0 * huge, 0 * huge, 0 * huge, beta=2.0) == pytest.approx(1e4)


def test_ties_count_half():
    assert losses.implicit_accuracy(*np.ones((4, 3))) == 0.5
    assert losses.dpo(*np.ones((4, 3)), beta=7.0) == math.log(2.0)
