"""Iterative proportional fitting and its regression: the exact bridge between Gaussians, for several references."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perturbax import transport

KEY = jax.random.key(0)
N = 4000
X0 = np.random.default_rng(0).normal(size=(N, 1))
X1 = 0.7 * np.random.default_rng(1).normal(size=(N, 1)) + 1.0
# Without waves the family is that of the drifts between Gaussians.
METHOD = transport.IPF(iterations=4, particles=4000, steps=20, regressor=transport.RandomFeatures(2, degree=3))


@pytest.mark.parametrize(
    ("reference", "same"),
    [
        (transport.Brownian(), transport.Brownian()),
        (transport.DriftReference(lambda x, t: 0.5 - x), transport.OrnsteinUhlenbeck(1.0, 0.5)),
    ],
)
def test_it_comes_close_to_the_exact_bridge(reference, same):
    solved = transport.bridge(transport.BridgeProblem(X0, X1, 1.0, reference), METHOD, key=KEY)
    exact = transport.bridge_of_gaussians([0.0], [[1.0]], [1.0], [[0.49]], 1.0, same)
    path = np.asarray(solved.path(KEY, X0, [0.5, 1.0]))
    for states, t in zip(path, (0.5, 1.0), strict=True):
        wanted = exact.marginal(t)
        assert states.mean() == pytest.approx(float(wanted.mean[0]), abs=0.06)
        assert states.var() == pytest.approx(float(wanted.covariance[0, 0]), rel=0.12)
    assert np.cov(X0[:, 0], path[1][:, 0])[0, 1] == pytest.approx(float(exact.process.cross_covariance[0, 0]), abs=0.08)
    assert solved.losses[-1] < 0.1 * solved.losses[0]
    assert solved.stats["evaluations"] == 9 * 4000 * 20


def test_regression_finds_an_affine_drift_and_a_wave():
    x = np.linspace(-2.0, 2.0, 400, dtype=np.float32)[:, None]
    t = np.linspace(0.0, 1.0, 400, dtype=np.float32)[np.random.default_rng(0).permutation(400)]
    regressor = transport.RandomFeatures(100)
    drawn = regressor.draw(KEY, 1)

    def error(drift):
        targets = jnp.asarray(drift(x, t[:, None]))
        fitted = regressor.fit(drawn, jnp.asarray(x), jnp.asarray(t), targets, jnp.array(1e-6))
        return float(jnp.abs(fitted(jnp.asarray(x), jnp.asarray(t)) - targets).max())

    assert error(lambda x, t: 1.0 - x * (1 + t**3)) < 0.01
    assert error(lambda x, t: np.sin(2 * x)) < 0.05


def test_noise_shrinks_towards_nothing():
    x = jax.random.normal(KEY, (200, 2))
    noise = 10.0 * jax.random.normal(jax.random.key(1), (200, 2))
    regressor = transport.RandomFeatures(100, prior_std=1e-3)
    fitted = regressor.fit(regressor.draw(KEY, 2), x, jnp.zeros(200), noise, jnp.array(100.0))
    assert float(jnp.abs(fitted(x, 0.0)).max()) < 0.1


def test_what_it_does_not_know_it_says():
    quick = transport.IPF(iterations=1, particles=50, steps=2, regressor=transport.RandomFeatures(2, degree=1))
    solved = transport.bridge(transport.BridgeProblem(X0, X1, 1.0), quick, key=KEY)
    for call, instead in ((lambda: solved.plan(X0[0]), "sample"), (lambda: solved.moments(X0), "draws")):
        with pytest.raises(ValueError, match=f"no closed form for a DriftProcess; .*{instead}"):
            call()
    with pytest.raises(ValueError, match="not known to be a gradient"):
        solved.kl_gap(X0, X1, solved)
    assert np.isfinite(solved.transport_cost(X0, KEY))


@pytest.mark.parametrize("change", [{"iterations": 0}, {"particles": 1}, {"steps": 0}])
def test_parameters_out_of_range_are_refused(change):
    with pytest.raises(ValueError, match=f"{next(iter(change))} must be"):
        transport.IPF(**change)
    with pytest.raises(TypeError, match="regressor"):
        transport.IPF(regressor="gp")
    with pytest.raises(ValueError, match="features must be"):
        transport.RandomFeatures(features=0)
