"""Observed series: correlations, excursions with both ends, and the fitted problem."""

import jax
import numpy as np
import pytest

from perturbax import stats

QUICK = stats.SlepianIIA(points=2**12)


@pytest.fixture(scope="module")
def series():
    paths = stats.CirculantEmbedding(stats.covariances.Matern(2.5), points=8000, spacing=0.25)
    return np.asarray(paths.sample(jax.random.key(0), 1)[0], np.float64)


def test_the_correlation_is_the_mean_of_products():
    x = np.random.default_rng(0).normal(size=50)
    z = x - x.mean()
    direct = [np.sum(z[: 50 - k] * z[k:]) / np.sum(z**2) for k in range(12)]
    np.testing.assert_allclose(stats.autocorrelation(x), direct, atol=1e-14)


def test_excursions_have_both_ends():
    x = np.array([1.0, -1.0, 3.0, 3.0, -3.0, -1.0, 1.0])  # the first and the last one are cut off
    np.testing.assert_allclose(stats.excursion_durations(x, spacing=10.0), [22.5])
    assert stats.excursion_durations(np.ones(5)).size == 0


def test_a_series_leads_to_the_law_of_its_process(series):
    problem = stats.stationary_gaussian(series, 0.25)
    law = stats.excursions(problem, QUICK)
    true = stats.excursions(stats.StationaryGaussian(stats.covariances.Matern(2.5)), QUICK)
    assert float(law.theta / true.theta) == pytest.approx(1.0, abs=0.1)
    assert np.abs(law.survival_at(true.t) - true.survival).max() < 0.03


def test_the_bootstrap_covers_the_truth(series):
    drawn = stats.bootstrap_theta(series, QUICK, 0.25, key=jax.random.key(1), repeats=8)
    assert drawn.shape == (8,)
    assert np.isfinite(drawn).sum() >= 6
    assert np.nanmean(drawn) == pytest.approx(0.49, abs=4 * np.nanstd(drawn))
    assert 0.005 < np.nanstd(drawn) < 0.1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: stats.autocorrelation(np.ones(9)), "must vary"),
        (lambda x: stats.autocorrelation(x, lags=0), "lags"),
        (lambda x: stats.stationary_gaussian(np.arange(50.0)), "cross its mean"),
        (lambda x: stats.stationary_gaussian(np.append(x, np.nan)), "x must be finite"),
        (lambda x: stats.stationary_gaussian(x, 0.0), "spacing"),
        (lambda x: stats.stationary_gaussian(np.sin(np.arange(999.0))), "oscillates"),
        (lambda x: stats.bootstrap_theta(x, QUICK, key=jax.random.key(0), repeats=1), "repeats"),
    ],
)
def test_bad_input(series, call, message):
    with pytest.raises(ValueError, match=message):
        call(series)
