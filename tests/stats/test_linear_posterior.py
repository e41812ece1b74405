"""The posterior of a mixture given linear measurements, against its special cases."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perturbax.stats import GaussianMixture, linear_posterior


def test_observing_coordinates_is_conditioning_on_them():
    random = np.random.default_rng(3)
    roots = random.normal(size=(2, 4, 4))
    mixture = GaussianMixture([0.3, 0.7], random.normal(size=(2, 4)), roots @ roots.transpose(0, 2, 1) + np.eye(4))
    seen, y = np.array([0, 2]), np.array([0.4, -1.0])
    posterior = linear_posterior(mixture, np.eye(4)[seen], y, variance=0.0)
    wanted = mixture.condition(seen, y)
    np.testing.assert_allclose(posterior.weights, wanted.weights, atol=1e-5)
    np.testing.assert_allclose(posterior.means[:, [1, 3]], wanted.means, atol=1e-4)
    np.testing.assert_allclose(posterior.means[:, seen], np.tile(y, (2, 1)), atol=1e-4)
    np.testing.assert_allclose(posterior.covariances[:, [1, 3]][:, :, [1, 3]], wanted.covariances, atol=1e-4)


def test_observing_everything_with_noise_is_denoising():
    random = np.random.default_rng(4)
    mixture = GaussianMixture([0.3, 0.7], random.normal(size=(2, 3)), [[0.5, 1.0, 2.0], [1.0, 0.2, 0.3]])
    y = jnp.asarray(random.normal(size=(5, 3)), jnp.float32)
    means = jax.vmap(lambda y: linear_posterior(mixture, jnp.eye(3), y, 0.25).mean)(y)
    np.testing.assert_allclose(means, mixture.denoise(y, alpha=1.0, sigma=0.5), atol=1e-5)


def test_bad_input_is_refused_by_name():
    mixture = GaussianMixture([1.0], np.zeros((1, 3)), np.ones((1, 3)))
    with pytest.raises(ValueError, match="variance must be"):
        linear_posterior(mixture, np.eye(3), np.ones(3), -1.0)
    with pytest.raises(ValueError, match="y must have shape"):
        linear_posterior(mixture, np.eye(3), np.ones(2), 1.0)
    with pytest.raises(ValueError, match="operator must have shape"):
        linear_posterior(mixture, np.eye(2), np.ones(2), 1.0)
