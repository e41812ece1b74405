"""The encoder of noisy images: unit variance at every level, and levels that are told apart."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perturbax import nn

KEY = jax.random.key(0)


def test_it_sees_images_of_unit_variance_and_the_level():
    encoder = nn.NoiseEncoder((3, 4), (13,), centre=0.3, deviation=0.5, key=KEY, activation=lambda h: h)
    encoder = eqx.tree_at(lambda encoder: encoder.layers[0].weight, encoder, jnp.eye(13))
    x, level = jax.random.normal(KEY, (2, 3, 4)), jnp.array([0.1, 5.0])
    h = np.asarray(encoder(x, level))
    scale = 1.0 / np.sqrt(np.square([0.1, 5.0]) + 0.25)
    np.testing.assert_allclose(h[:, :-1], (np.asarray(x).reshape(2, 12) - 0.3) * scale[:, None], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(h[:, -1], 0.25 * np.log([0.1, 5.0]), rtol=1e-5)
    np.testing.assert_allclose(encoder(x, 5.0)[1], h[1], rtol=1e-6)
    assert encoder.width == 13


def test_sizes_that_make_no_encoder_are_refused():
    for changed, message in (
        ({"shape": (0, 2)}, r"shape\[0\]"),
        ({"hidden": ()}, "hidden must name"),
        ({"hidden": (0,)}, r"hidden\[0\]"),
        ({"deviation": 0.0}, "deviation"),
        ({"centre": np.nan}, "centre"),
    ):
        with pytest.raises(ValueError, match=message):
            nn.NoiseEncoder(**{"shape": (2, 2), "hidden": (3,), "key": KEY, **changed})
