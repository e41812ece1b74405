"""Sinkhorn's algorithm: POT's plan on the samples, and an extension that is a bridge."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perturbax import core, transport
from perturbax.core import Result

pytest.importorskip("ott")

KEY = jax.random.key(0)
X0, X1 = np.random.default_rng(0).normal(size=(2, 40, 2))
X1 = X1[:30] + 1.0


@pytest.fixture(scope="module")
def solved():
    problem = transport.BridgeProblem(X0, X1, 0.5)
    return transport.bridge(problem, transport.Sinkhorn(tolerance=1e-6, max_iterations=5000), key=KEY)


def test_the_plan_has_both_marginals_and_is_an_exponential_of_potentials_and_cost(solved):
    weights = np.exp([solved.plan(x).log_weights for x in X0])
    np.testing.assert_allclose(weights.sum(1), 1.0, rtol=1e-5)
    np.testing.assert_allclose(weights.mean(0), 1 / 30, rtol=1e-3)
    ends = np.asarray(solved.process.points)
    left = np.log(weights) + np.square(X0[:, None] - ends).sum(-1) / (2 * 0.5)
    # A sum of a function of the row and one of the column has no mixed differences.
    np.testing.assert_allclose(left - left[:1] - left[:, :1] + left[0, 0], 0.0, atol=1e-3)


def test_it_agrees_with_pot(solved):
    ot = pytest.importorskip("ot")
    ends = np.asarray(solved.process.points, np.float64)
    cost = np.square(X0[:, None] - ends).sum(-1) / 2
    plan = ot.sinkhorn(np.full(40, 1 / 40), np.full(30, 1 / 30), cost, 0.5, stopThr=1e-12)
    means = plan @ ends / plan.sum(1, keepdims=True)
    np.testing.assert_allclose(solved.moments(X0)[0], means, atol=2e-4)


def test_the_drift_is_the_gradient_of_the_potential_and_ends_on_the_samples(solved):
    x = jnp.asarray(X0[:5], jnp.float32)
    for t in (0.0, 0.7):
        gradient = jax.vmap(jax.grad(lambda x, t=t: solved.process.log_potential(x, jnp.asarray(t))))(x)
        np.testing.assert_allclose(solved.drift(x, t), 0.5 * gradient, rtol=1e-3, atol=1e-3)
    ends = np.asarray(solved.sample(KEY, X0))
    assert np.abs(ends[:, None] - X1).sum(-1).min(1).max() < 1e-5
    with pytest.raises(ValueError, match="t must be < 1"):
        solved.log_potential(x, 1.0)


def test_moments_are_those_of_the_law(solved):
    mean, covariance = solved.moments(X0[:2])
    np.testing.assert_allclose(solved.plan(X0[0]).mean, mean[0], atol=1e-5)
    np.testing.assert_allclose(solved.plan(X0[0]).covariance, covariance[0], atol=1e-5)
    drawn = solved.plan(X0[0]).sample(KEY, 5000)
    np.testing.assert_allclose(drawn.mean(0), mean[0], atol=0.05)


def test_too_few_iterations_raise_or_say_so():
    problem = transport.BridgeProblem(X0, X1, 0.01)
    quick = transport.Sinkhorn(max_iterations=10)
    with pytest.raises(core.SolverError, match="largest number of steps"):
        transport.bridge(problem, quick, key=KEY)
    assert transport.bridge(problem, quick, key=KEY, throw=False).result == Result.max_steps


def test_large_samples_are_thinned():
    solved = transport.bridge(transport.BridgeProblem(X0, X1, 1.0), transport.Sinkhorn(points=20), key=KEY)
    assert solved.stats["points"] == (20, 20)


@pytest.mark.parametrize("change", [{"points": 0}, {"max_iterations": 0}, {"tolerance": 0.0}])
def test_parameters_out_of_range_are_refused(change):
    with pytest.raises(ValueError, match=f"{next(iter(change))} must be"):
        transport.Sinkhorn(**change)
