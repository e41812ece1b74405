"""The residual U-net runs on every grid, and nothing that it does depends on where on the grid."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perturbax import nn


@pytest.mark.parametrize(("dimensions", "grid"), [(2, (8, 6)), (3, (4, 6, 4))])
def test_the_same_weights_serve_grids_and_batches_of_any_size(dimensions, grid):
    network = nn.ResidualUNet(dimensions, width=2, levels=1, key=jax.random.key(0))
    x = jax.random.normal(jax.random.key(1), (3, *grid))
    y = network(x)
    assert y.shape == x.shape
    if dimensions == 2:
        np.testing.assert_allclose(network(x[1]), y[1], rtol=1e-4, atol=1e-5)


def test_a_size_that_cannot_be_halved_is_padded_and_cut():
    network = nn.ResidualUNet(2, width=2, levels=2, key=jax.random.key(0))
    x = jax.random.normal(jax.random.key(1), (7, 9))
    padded = jnp.pad(x, ((0, 1), (0, 3)))
    np.testing.assert_allclose(network(x), network(padded)[:7, :9], rtol=1e-5, atol=1e-6)


def test_a_shift_by_a_block_shifts_the_answer():
    network = nn.ResidualUNet(2, width=2, levels=1, key=jax.random.key(0))
    x = jnp.zeros((48, 48)).at[20:24, 20:24].set(1.0)
    shifted = jnp.roll(x, (2, 4), (0, 1))
    np.testing.assert_allclose(
        jnp.roll(network(x), (2, 4), (0, 1))[24:28, 24:28], network(shifted)[24:28, 24:28], atol=1e-5
    )


def test_the_count_of_operations():
    """One layer of width 1 without levels: 8 convolutions of nine taps and the last one of one."""
    network = nn.ResidualUNet(2, width=1, levels=0, key=jax.random.key(0))
    assert network.flops((10, 10)) == 2 * 100 * (9 + 7 * 9 + 1)


@pytest.mark.parametrize(
    ("options", "message"), [({"dimensions": 4}, "dimensions"), ({"width": 0}, "width"), ({"levels": -1}, "levels")]
)
def test_bad_sizes_are_refused_by_name(options, message):
    with pytest.raises(ValueError, match=message):
        nn.ResidualUNet(**options, key=jax.random.key(0))
    with pytest.raises(ValueError, match="x must have at least 2 axes"):
        nn.ResidualUNet(2, width=1, key=jax.random.key(0))(jnp.ones(3))
