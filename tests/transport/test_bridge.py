"""The verb and its solution: what every method has in common, and bad input by name."""

import jax
import numpy as np
import pytest

from perturbax import transport

KEY = jax.random.key(0)
X = np.random.default_rng(0).normal(size=(50, 2))
PROBLEM = transport.BridgeProblem(X, 2.0 * X + 1.0, 0.5)
SOLVED = transport.bridge_of_mixture([0.0, 0.5], [[-1.0, 0.0], [2.0, 1.0]], [[0.5, 1.0], [0.3, 0.8]], 0.5)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: transport.BridgeProblem(X, X[:, :1], 1.0), ValueError, "x1 must have the 2 dimensions of x0, got 1"),
        (lambda: transport.BridgeProblem(X[0], X, 1.0), ValueError, "x0 must have 2 axes"),
        (lambda: transport.BridgeProblem(X, np.zeros((0, 2)), 1.0), ValueError, "x1 must not be empty"),
        (lambda: transport.BridgeProblem(X, X.astype(int), 1.0), TypeError, "x1 must be an array of kind floating"),
        (lambda: transport.BridgeProblem(lambda key, n: X, X, 1.0), ValueError, "x0 must be samples .* or a sampler"),
        (lambda: transport.BridgeProblem(X, X, 0.0), ValueError, "epsilon must be a number > 0"),
        (lambda: transport.BridgeProblem(X, X, 1.0, transport.Brownian), TypeError, "reference"),
        (lambda: transport.bridge(X, transport.GaussianBridge(), key=KEY), TypeError, "problem"),
        (lambda: transport.bridge(PROBLEM, "light-sb", key=KEY), TypeError, "method"),
        (lambda: transport.bridge(PROBLEM, transport.GaussianBridge(), key=0), TypeError, "key must be"),
        (lambda: SOLVED.sample(KEY, X[:, :1]), ValueError, "x must have 2 entries in its last axis"),
        (lambda: SOLVED.sample(KEY, X[0]), ValueError, "x must have 2 axes"),
        (lambda: SOLVED.drift(X, 1.0), ValueError, "t must be < 1"),
        (lambda: SOLVED.drift(X, np.zeros(3)), ValueError, r"t must be a scalar or have one entry per point, \(50,\)"),
        (lambda: SOLVED.drift(X, -0.1), ValueError, "t must be a number in"),
        (lambda: SOLVED.drift(np.full((1, 2), np.nan), 0.5), ValueError, "x must be finite"),
        (lambda: SOLVED.path(KEY, X, [0.5, 0.2]), ValueError, "ts must increase"),
        (lambda: SOLVED.path(KEY, X, [0.5, 1.2]), ValueError, "ts must increase within"),
        (lambda: SOLVED.marginal(0.5), ValueError, "marginal has no closed form for a MixtureProcess"),
        (lambda: SOLVED.kl_gap(X, X, X), TypeError, "other must be a Bridge"),
        (lambda: SOLVED.sample_backward(KEY, X, X[:, :1]), ValueError, "candidates must have 2 entries"),
        (lambda: transport.bridge_of_mixture([0.0], [[0.0]], [[-1.0]], 1.0), ValueError, "positive"),
        (lambda: transport.bridge_of_mixture([0.0, 1.0], [[0.0]], [[1.0]], 1.0), ValueError, "log_alpha must have"),
        (lambda: transport.bridge_of_gaussians([0.0], [[0.0]], [0.0], [[1.0]], 1.0), ValueError, "covariance_0 must"),
        (
            lambda: transport.bridge_of_gaussians([0.0, 0.0], np.eye(2), [0.0, 0.0], [[1.0, 0.5], [0.0, 1.0]], 1.0),
            ValueError,
            "covariance_1 must be symmetric",
        ),
    ],
)
def test_bad_input_is_refused_by_name(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_methods_that_need_brownian_motion_say_so():
    problem = transport.BridgeProblem(X, X, 1.0, transport.OrnsteinUhlenbeck(1.0))
    for method in (transport.LightSB(), transport.LightSBM(), transport.Sinkhorn(), transport.BridgeMatching()):
        with pytest.raises(ValueError, match=f"{type(method).__name__} needs the reference Brownian"):
            transport.bridge(problem, method, key=KEY)
    problem = transport.BridgeProblem(X, X, 1.0, transport.DriftReference(lambda x, t: -x))
    with pytest.raises(ValueError, match="GaussianBridge needs Brownian"):
        transport.bridge(problem, transport.GaussianBridge(), key=KEY)


def test_the_same_key_gives_the_same_draws_and_another_one_others():
    one, two, other = (SOLVED.path(key, X, [0.5, 1.0]) for key in (KEY, KEY, jax.random.key(1)))
    np.testing.assert_array_equal(one, two)
    assert np.abs(np.asarray(one - other)).max() > 0.1
    np.testing.assert_array_equal(SOLVED.at(KEY, X, 0.5), SOLVED.path(KEY, X, [0.5])[0])


def test_the_gaussian_method_takes_the_samples_moments():
    problem = transport.BridgeProblem(X, 2.0 * X + 1.0, 0.5, transport.OrnsteinUhlenbeck(0.5))
    solved = transport.bridge(problem, transport.GaussianBridge(floor=0.0), key=KEY)
    np.testing.assert_allclose(solved.marginal(1.0).mean, 2.0 * X.mean(0) + 1.0, atol=1e-4)
    np.testing.assert_allclose(solved.marginal(1.0).covariance, 4.0 * np.cov(X.T), rtol=1e-3, atol=1e-4)
    constant = transport.BridgeProblem(np.column_stack([X[:, 0], np.ones(50)]), X, 0.5)
    assert np.isfinite(transport.bridge(constant, transport.GaussianBridge(), key=KEY).moments(X)[0]).all()
    with pytest.raises(ValueError, match="2 points or more"):
        transport.bridge(transport.BridgeProblem(X[:1], X, 0.5), transport.GaussianBridge(), key=KEY)
