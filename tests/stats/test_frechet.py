import numpy as np
import pytest
from scipy.linalg import sqrtm

from perturbax.stats import GaussianMixture, frechet_distance, frechet_distance_of_moments


def moments(seed, d=5):
    rng = np.random.default_rng(seed)
    factor = rng.normal(size=(d, d))
    return rng.normal(size=d), factor @ factor.T


def test_distance_of_moments_is_the_formula_with_a_matrix_square_root():
    (m, s), (n, t) = moments(0), moments(1)
    wanted = np.sum((m - n) ** 2) + np.trace(s + t - 2 * np.real(sqrtm(s @ t)))
    assert frechet_distance_of_moments(m, s, n, t) == pytest.approx(wanted, rel=1e-9)
    assert frechet_distance_of_moments(n, t, m, s) == pytest.approx(wanted, rel=1e-9)


def test_distance_of_gaussians_with_one_basis_is_closed_form():
    a, b = np.array([0.0, 1.0, 4.0]), np.array([1.0, 1.0, 9.0])
    got = frechet_distance_of_moments(np.zeros(3), np.diag(a), np.ones(3), np.diag(b))
    assert got == pytest.approx(3.0 + np.sum((np.sqrt(a) - np.sqrt(b)) ** 2))


def test_samples_distance_uses_their_moments():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(50, 3)), 2.0 * rng.normal(size=(70, 3)) + 1.0
    wanted = frechet_distance_of_moments(x.mean(0), np.cov(x.T), y.mean(0), np.cov(y.T))
    assert frechet_distance(x, y.astype(np.float32)) == pytest.approx(wanted, rel=1e-5)


def test_a_shift_adds_its_square_and_equal_samples_are_at_zero():
    x = np.random.default_rng(0).normal(size=(40, 6))
    assert frechet_distance(x, x) == pytest.approx(0.0, abs=1e-9)
    assert frechet_distance(x, x[::-1] + 2.0) == pytest.approx(24.0)


def test_more_dimensions_than_points_is_finite():
    rng = np.random.default_rng(0)
    assert np.isfinite(frechet_distance(rng.normal(size=(5, 30)), rng.normal(size=(6, 30))))


def test_large_samples_of_a_mixture_reach_its_moments():
    import jax

    mixture = GaussianMixture([0.3, 0.7], [[-2.0, 0.0], [1.0, 1.0]], [[0.5, 0.5], [1.0, 0.1]])
    x = mixture.sample(jax.random.key(0), 50_000)
    x = np.asarray(x, np.float64)
    assert frechet_distance_of_moments(x.mean(0), np.cov(x.T), mixture.mean, mixture.covariance) < 1e-3


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (np.zeros((3, 2)), np.zeros((3, 4)), r"y must have shape \(any, 2\)"),
        (np.zeros((1, 2)), np.zeros((3, 2)), "x must have 2 points or more"),
        (np.zeros((3, 2)), np.full((3, 2), np.inf), "y must be finite"),
        (np.zeros((0, 2)), np.zeros((3, 2)), "x must not be empty"),
        (np.zeros(3), np.zeros(3), "x must have 2 axes"),
    ],
)
def test_bad_samples_are_refused(x, y, message):
    with pytest.raises(ValueError, match=message):
        frechet_distance(x, y)


def test_batches_of_moments_are_pairs_one_by_one():
    x, y = ([moments(seed) for seed in seeds] for seeds in ((0, 1, 2), (3, 4, 5)))
    parts = [np.stack(part) for pairs in (x, y) for part in zip(*pairs, strict=True)]
    each = [frechet_distance_of_moments(*a, *b) for a, b in zip(x, y, strict=True)]
    np.testing.assert_allclose(frechet_distance_of_moments(*parts), each, rtol=1e-12)
    with pytest.raises(ValueError, match=r"covariance_y must have shape \(3, 5, 5\)"):
        frechet_distance_of_moments(*parts[:3], parts[3][0])
