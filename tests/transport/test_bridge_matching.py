"""Bridge matching: the frame of the network, and the exact bridge after a longer training."""

import jax
import numpy as np
import pytest

from perturbax import transport

pytest.importorskip("ott")

KEY = jax.random.key(0)
X0 = np.random.default_rng(0).normal(size=(4000, 1))
X1 = 0.5 * np.random.default_rng(1).normal(size=(4000, 1)) + 20.0


def test_it_starts_with_the_shift_between_the_means():
    untrained = transport.BridgeMatching(steps=1, batch_size=8, learning_rate=1e-12, width=4, blocks=1, iterations=10)
    solved = transport.bridge(transport.BridgeProblem(X0, X1, 1.0), untrained, key=KEY, progress=False)
    np.testing.assert_allclose(solved.drift(X0, 0.3), X1.mean() - X0.mean(), rtol=1e-4)


@pytest.mark.slow
def test_it_comes_close_to_the_exact_bridge():
    method = transport.BridgeMatching(steps=1500, width=32, blocks=2)
    solved = transport.bridge(transport.BridgeProblem(X0, X1, 1.0), method, key=KEY, progress=False)
    exact = transport.bridge_of_gaussians([0.0], [[1.0]], [20.0], [[0.25]], 1.0)
    ends = np.asarray(solved.sample(KEY, X0))
    assert ends.mean() == pytest.approx(20.0, abs=0.05)
    assert ends.std() == pytest.approx(0.5, abs=0.05)
    assert np.cov(X0[:, 0], ends[:, 0])[0, 1] == pytest.approx(float(exact.process.cross_covariance[0, 0]), abs=0.05)


@pytest.mark.parametrize("change", [{"steps": 0}, {"width": 0}, {"batch_size": 1}, {"learning_rate": 0.0}])
def test_parameters_out_of_range_are_refused(change):
    with pytest.raises(ValueError, match=f"{next(iter(change))} must be"):
        transport.BridgeMatching(**change)
