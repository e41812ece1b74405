"""A wave on top of a sequence: its frequency, its amplitude and its phases."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perturbax import perturb

KEY = jax.random.key(0)


def test_one_frequency_of_the_given_amplitude_and_random_phases():
    x = jnp.zeros((500, 64, 2))
    wave = np.asarray(perturb.FourierMode(0.3, frequency=5 / 64)(x, key=KEY))
    spectrum = np.fft.rfft(wave[..., 0], axis=1) / 32.0
    np.testing.assert_allclose(np.abs(spectrum[:, 5]), 0.3, rtol=1e-4)
    assert np.abs(np.delete(spectrum, 5, axis=1)).max() < 1e-5
    np.testing.assert_array_equal(wave[..., 0], wave[..., 1])
    # A mean of 500 random phases has standard deviation 500^-1/2 = 0.045.
    assert np.abs(np.mean(spectrum[:, 5] / 0.3)) < 0.2


def test_it_adds_to_the_sequence_and_nothing_at_strength_zero():
    x = jax.random.normal(KEY, (4, 8, 1))
    wave = perturb.FourierMode(0.5, 0.25)
    np.testing.assert_allclose(wave(x, key=KEY) - x, wave(0.0 * x, key=KEY), atol=1e-6)
    np.testing.assert_array_equal(perturb.FourierMode(0.0, 0.25)(x, key=KEY), x)


def test_bad_input_is_refused_by_name():
    with pytest.raises(ValueError, match="frequency must be"):
        perturb.FourierMode(0.1, 0.6)
    with pytest.raises(ValueError, match="strength must be"):
        perturb.FourierMode(-0.1, 0.2)
    with pytest.raises(ValueError, match="x must have shape"):
        perturb.FourierMode(0.1, 0.2)(jnp.zeros(5), key=KEY)
