"""Correlations: values, curvature at zero, digits near zero, and fits through empirical ones."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perturbax import stats
from perturbax.core import float64

C = stats.covariances
SMOOTH = {
    "matern 3/2": (C.Matern(1.5), lambda t: (1 + 3**0.5 * t) * np.exp(-(3**0.5) * t)),
    "matern 5/2": (C.Matern(2.5), lambda t: (1 + 5**0.5 * t + 5 * t**2 / 3) * np.exp(-(5**0.5) * t)),
    "matern 7/2": (
        C.Matern(3.5),
        lambda t: (1 + 7**0.5 * t + 14 * t**2 / 5 + 7**1.5 * t**3 / 15) * np.exp(-(7**0.5) * t),
    ),
    "squared exponential": (C.SquaredExponential(), lambda t: np.exp(-0.5 * t**2)),
    "diffusion": (C.Diffusion(3), lambda t: np.cosh(t / 2) ** -1.5),
    "random acceleration": (C.RandomAcceleration(), lambda t: 1.5 * np.exp(-t / 2) - 0.5 * np.exp(-1.5 * t)),
    "cosine": (C.Cosine(2.0), lambda t: np.cos(2 * t)),
    "product": (C.Product(C.SquaredExponential(), C.Cosine(2.0)), lambda t: np.exp(-0.5 * t**2) * np.cos(2 * t)),
    "rescaled": (C.Rescaled(C.SquaredExponential(), 3.0), lambda t: np.exp(-(t**2) / 18)),
    "mixture": (C.ScaleMixture([0.25, 0.75], [1, 2]), lambda t: (np.exp(-(t**2) / 2) + 3 * np.exp(-(t**2) / 8)) / 4),
}  # fmt: skip
every = pytest.mark.parametrize("name", SMOOTH)


@every
def test_values(name):
    covariance, formula = SMOOTH[name]
    t = np.linspace(0.0, 12.0, 97)
    with float64():
        np.testing.assert_allclose(covariance(t), formula(t), atol=1e-14)


@every
def test_one_minus_r_keeps_its_digits_near_zero(name):
    covariance, _ = SMOOTH[name]
    with float64():
        t = jnp.asarray([1e-7, 1e-6])
        np.testing.assert_allclose(covariance.decorrelation(t) / t**2, covariance.lambda2 / 2, rtol=1e-5)
        slope = jax.vmap(jax.grad(covariance.decorrelation))(t)
        np.testing.assert_allclose(slope / t, covariance.lambda2, rtol=1e-5)


@every
def test_float32_follows_float64(name):
    covariance, formula = SMOOTH[name]
    t = np.linspace(0.0, 8.0, 33, dtype=np.float32)
    assert covariance(t).dtype == np.float32
    np.testing.assert_allclose(covariance(t), formula(t.astype(float)), atol=2e-6)


def test_a_markov_process_has_no_derivative():
    assert C.OrnsteinUhlenbeck().lambda2 == math.inf
    assert C.Rescaled(C.OrnsteinUhlenbeck(), 2.0).lambda2 == math.inf
    np.testing.assert_allclose(C.OrnsteinUhlenbeck()(2.0), math.exp(-2.0), rtol=1e-6)


def test_a_fit_finds_a_noisy_monotone_correlation():
    random = np.random.default_rng(0)
    lags = np.linspace(0.0, 12.0, 120)
    truth = np.asarray(C.Matern(2.5)(lags))
    noisy = truth + 0.02 * random.normal(size=lags.size) * (lags > 0)
    fitted = C.from_samples(lags, noisy, crossing_rate=math.sqrt(5 / 3) / math.pi)
    assert np.abs(np.asarray(fitted(lags)) - truth).max() < 0.02
    assert float(fitted.lambda2) == pytest.approx(5 / 3, rel=0.01)
    assert np.all(np.diff(np.asarray(fitted(lags))) <= 0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"r": np.cos(np.linspace(0, 6, 40))}, "monotone"),
        ({"r": np.exp(-np.linspace(1, 6, 40))}, "r must be 1 at lag 0"),
        ({"t": np.linspace(1, 6, 40)}, "first of them 0"),
        ({"r": np.full(40, np.nan)}, "r must be finite"),
        ({"r": np.ones(3)}, "r must have shape"),
        ({"crossing_rate": -1.0}, "crossing_rate"),
        ({"crossing_rate": 1e6}, "crossing_rate"),
        ({"tolerance": 0.0}, "tolerance"),
    ],
)
def test_a_fit_refuses(change, message):
    t = np.linspace(0, 6, 40)
    with pytest.raises(ValueError, match=message):
        C.from_samples(**{"t": t, "r": np.exp(-0.5 * t**2), **change})


@pytest.mark.parametrize(
    "make",
    [
        lambda: C.Matern(2.0),
        lambda: C.Diffusion(-1.0),
        lambda: C.Cosine(math.nan),
        lambda: C.Rescaled(C.Matern(), 0.0),
        lambda: C.ScaleMixture([0.5, 0.6], [1.0, 2.0]),
        lambda: C.ScaleMixture([0.5, 0.5], [1.0, -2.0]),
    ],
)
def test_bad_parameters_are_refused(make):
    with pytest.raises(ValueError, match="must"):
        make()
