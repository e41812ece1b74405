"""Priors on boxes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perturbax import stats


def test_draws_fill_the_box_and_the_density_ends_at_it():
    prior = stats.UniformPrior([0.0, -2.0], [1.0, 4.0], ["a", "b"])
    drawn = np.asarray(prior.sample(jax.random.key(0), 2000))
    np.testing.assert_allclose(drawn.mean(0), [0.5, 1.0], atol=0.15)
    np.testing.assert_allclose(drawn.std(0), np.array([1.0, 6.0]) / 12**0.5, rtol=0.05)
    assert float(prior.log_density(jnp.array([0.5, 0.0]))) == 0.0
    assert np.isneginf(float(prior.log_density(jnp.array([1.1, 0.0]))))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0.0], [1.0, 2.0]), "high must have shape"),
        (([0.0, 3.0], [1.0, 2.0]), "high must be above low"),
        (([0.0], [np.nan]), "high must be finite"),
        (([0.0], [1.0], ["a", "b"]), "names must be 1 texts"),
    ],
)
def test_boxes_that_are_none_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        stats.UniformPrior(*arguments)
