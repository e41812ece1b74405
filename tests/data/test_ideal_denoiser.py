import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest

from perturbax import core
from perturbax.data import ideal_denoiser
from perturbax.stats import GaussianMixture

RNG = np.random.default_rng(0)
POINTS, LABELS = RNG.normal(size=(12, 3)), np.arange(12) % 3
X = RNG.normal(size=(5, 3))


def test_it_is_the_limit_of_a_mixture_of_narrow_gaussians():
    with core.float64():
        mixture = GaussianMixture(np.ones(12), POINTS, np.full((12, 3), 1e-10))
        got = ideal_denoiser(POINTS)(X, 0.6)
        np.testing.assert_allclose(got, mixture.denoise(X, 1.0, 0.6), atol=1e-8)


def test_no_noise_gives_the_nearest_point():
    nearest = POINTS[((X[:, None] - POINTS) ** 2).sum(-1).argmin(1)]
    np.testing.assert_allclose(ideal_denoiser(POINTS)(X, 1e-3), nearest, atol=1e-6)


def test_labels_restrict_the_points_and_minus_one_does_not():
    denoiser = eqx.filter_jit(ideal_denoiser(POINTS, LABELS))
    sigma = jnp.linspace(0.3, 1.0, 5)
    got = denoiser(jnp.asarray(X, jnp.float32), sigma, np.array([0, 1, 2, -1, -1]))
    for i, label in enumerate([0, 1, 2, None, None]):
        chosen = POINTS if label is None else POINTS[label == LABELS]
        np.testing.assert_allclose(got[i], ideal_denoiser(chosen)(X[i], float(sigma[i])), atol=1e-5)


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="points must be finite"):
        ideal_denoiser(np.full((3, 2), np.nan))
    with pytest.raises(ValueError, match="labels must have shape"):
        ideal_denoiser(POINTS, LABELS[:4])
    with pytest.raises(ValueError, match="x must have 3 entries"):
        ideal_denoiser(POINTS)(X[:, :2], 1.0)
    with pytest.raises(ValueError, match="made without labels"):
        ideal_denoiser(POINTS)(X, 1.0, 2)
