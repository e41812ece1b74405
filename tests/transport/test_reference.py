"""Reference processes: transitions that compose, and what they become in known cases."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perturbax import core, transport

from .conftest import RATE, REFERENCES


def test_transitions_compose():
    reference = REFERENCES["OrnsteinUhlenbeck"]
    with core.float64():
        first, second, whole = (reference.transition(s, t, 0.3, 3) for s, t in ((0.1, 0.4), (0.4, 0.9), (0.1, 0.9)))
        np.testing.assert_allclose(second.factor @ first.factor, whole.factor, atol=1e-12)
        np.testing.assert_allclose(second.factor @ first.shift + second.shift, whole.shift, atol=1e-12)
        passed = second.factor @ first.covariance @ second.factor.T + second.covariance
        np.testing.assert_allclose(passed, whole.covariance, atol=1e-12)


def test_a_scalar_rate_has_the_textbook_transition():
    with core.float64():
        law = transport.OrnsteinUhlenbeck(2.0, 1.5).transition(0.0, 0.5, 0.3, 1)
    np.testing.assert_allclose(law.factor, np.exp(-1.0), rtol=1e-12)
    np.testing.assert_allclose(law.shift, 1.5 * (1 - np.exp(-1.0)), rtol=1e-12)
    np.testing.assert_allclose(law.covariance, 0.3 * (1 - np.exp(-2.0)) / 4, rtol=1e-12)


def test_without_a_rate_it_is_brownian_motion():
    with core.float64():
        still = transport.OrnsteinUhlenbeck(0.0)
        for ours, wanted in zip(
            still.pinned(0.2, 0.5, 0.3, 2), transport.Brownian().pinned(0.2, 0.5, 0.3, 2), strict=True
        ):
            np.testing.assert_allclose(ours, wanted, atol=1e-12)


def test_pinned_draws_of_brownian_motion_have_the_pinned_law():
    key, x = jax.random.key(0), jnp.ones((50_000, 1))
    drawn = np.asarray(transport.Brownian().between(key, x, 3.0 * x, 0.2, 0.6, 0.4))
    law = transport.Brownian().pinned(0.2, 0.6, 0.4, 1)
    assert drawn.mean() == pytest.approx(float(law.on_start[0, 0] + 3.0 * law.on_end[0, 0]), abs=0.01)
    assert drawn.var() == pytest.approx(float(law.covariance[0, 0]), rel=0.03)


def test_bad_references_are_refused():
    with pytest.raises(ValueError, match="rate must be finite"):
        transport.OrnsteinUhlenbeck(np.full((2, 2), np.nan))
    with pytest.raises(ValueError, match="mean must be"):
        transport.OrnsteinUhlenbeck(1.0, float("inf"))
    with pytest.raises(TypeError, match="function"):
        transport.DriftReference(3.0)
    with pytest.raises(ValueError, match=r"reference\.rate must be of 2 dimensions"):
        transport.BridgeProblem(np.zeros((4, 2)), np.zeros((4, 2)), 1.0, transport.OrnsteinUhlenbeck(RATE))
