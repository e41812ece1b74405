"""Shifts: every whole number of pixels in reach, nothing else, and the same in every batch shape."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perturbax import perturb


def test_all_moves_come_and_none_beyond():
    image = jnp.zeros((7, 9)).at[3, 4].set(1.0)
    moved = perturb.RandomShift(2)(jnp.tile(image, (500, 1, 1)), key=jax.random.key(0))
    rows, columns = (np.asarray(moved.sum(axis)).argmax(1) for axis in (2, 1))
    assert np.all(moved.sum((1, 2)) == 1.0)
    assert set(rows) == {1, 2, 3, 4, 5}
    assert set(columns) == {2, 3, 4, 5, 6}
    counts = np.histogram2d(rows, columns, bins=5)[0]
    assert counts.min() > 5
    assert abs(np.corrcoef(rows, columns)[0, 1]) < 0.2


def test_what_comes_in_has_the_value_of_fill():
    moved = perturb.RandomShift(1, fill=-1.0)(jnp.ones((40, 3, 3)), key=jax.random.key(1))
    assert set(np.unique(moved)) == {-1.0, 1.0}


def test_batch_shapes_and_strength_zero():
    x = jax.random.normal(jax.random.key(0), (2, 3, 4, 5))
    key = jax.random.key(2)
    np.testing.assert_array_equal(perturb.RandomShift(0)(x, key=key), x)
    shift = perturb.RandomShift(1)
    flat = shift(x.reshape(6, 4, 5), key=key)
    np.testing.assert_array_equal(shift(x, key=key).reshape(6, 4, 5), flat)
    with pytest.raises(ValueError, match="x must have shape"):
        shift(jnp.ones(4), key=key)
    with pytest.raises(ValueError, match="strength"):
        perturb.RandomShift(-1)
    with pytest.raises(ValueError, match="fill"):
        perturb.RandomShift(1, fill=np.nan)
