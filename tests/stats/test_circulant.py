"""Circulant embedding: exact covariances, both precisions, and what it refuses."""

import jax
import numpy as np
import pytest

from perturbax import stats
from perturbax.core import float64

C = stats.covariances
KEY = jax.random.key(0)


def test_the_covariance_of_a_ring_is_exact():
    """Its transform is deterministic: the covariance that the eigenvalues stand for is r, to rounding."""
    embedding = stats.CirculantEmbedding(C.Matern(1.5), points=100, spacing=0.1)
    row = np.fft.irfft(embedding.eigenvalues, embedding.period)
    with float64():
        np.testing.assert_allclose(row[:100], C.Matern(1.5)(np.arange(100) * 0.1), atol=1e-12)


def test_samples_have_the_covariance():
    embedding = stats.CirculantEmbedding(C.SquaredExponential(), points=40, spacing=0.25)
    x = np.asarray(embedding.sample(KEY, 20_000))
    lags = 0.25 * np.abs(np.subtract.outer(np.arange(40), np.arange(40)))
    # A covariance of n samples has the deviation sqrt((1 + r^2) / n) <= 0.01; five of them for 1600 entries.
    assert np.abs(x.T @ x / len(x) - np.exp(-0.5 * lags**2)).max() < 0.05
    assert abs(x.mean()) < 0.01


def test_both_precisions_draw_alike_in_law():
    embedding = stats.CirculantEmbedding(C.OrnsteinUhlenbeck(), points=64, spacing=0.5)
    with float64():
        double = embedding.sample(KEY, 4000, np.float64)
    single = embedding.sample(KEY, 4000)
    assert (single.dtype, double.dtype) == (np.float32, np.float64)
    n = single.size // 8  # an Ornstein-Uhlenbeck process forgets in a few points
    distance = stats.kolmogorov_smirnov(np.ravel(single), np.ravel(double))
    assert distance < 6 * stats.kolmogorov_smirnov_floor(n, n).mean


def test_a_ring_closes():
    x = np.asarray(stats.CirculantEmbedding(C.SquaredExponential(), 64, 0.2, period=256).ring(KEY, 500))
    around = np.concatenate([x, x[:, :1]], axis=1)
    steps = np.diff(around, axis=1)
    assert steps[:, -1].std() == pytest.approx(steps.std(), rel=0.1)


def test_a_period_grows_until_nothing_is_negative():
    """On 64 points the correlation is cut off far from 0."""
    slow = C.Rescaled(C.SquaredExponential(), 20.0)
    embedding = stats.CirculantEmbedding(slow, points=64, spacing=1.0)
    assert embedding.period >= 256
    assert embedding.negative_share < 1e-10


def test_negative_eigenvalues_are_told_and_not_clipped():
    with pytest.raises(ValueError, match=r"negative eigenvalues .* a share of"):
        stats.CirculantEmbedding(lambda t: np.where(np.asarray(t) < 3.0, 1.0, 0.0), points=50, spacing=0.5)
    with pytest.raises(ValueError, match="half way round"):
        stats.CirculantEmbedding(C.SquaredExponential(), points=8, spacing=0.1, period=8)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: stats.CirculantEmbedding(C.Matern(), 1, 0.1), "points"),
        (lambda: stats.CirculantEmbedding(C.Matern(), 10, np.nan), "spacing"),
        (lambda: stats.CirculantEmbedding(C.Matern(), 10, 0.1, period=21), "period"),
        (lambda: stats.CirculantEmbedding(lambda t: 2.0 * np.exp(-np.asarray(t)), 10, 0.1), "1 at lag 0"),
        (lambda: stats.CirculantEmbedding(C.Matern(), 10, 0.1).sample(KEY, 2, np.float64), "float64"),
        (lambda: stats.CirculantEmbedding(C.Matern(), 10, 0.1).sample(KEY, 0), "paths"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()
