"""A shuffle that is never made is a permutation all the same, and a random one."""

import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from perturbax.core._shuffle import round_keys, shuffled

all_places = jax.jit(
    lambda keys, epoch, size: shuffled(keys, epoch, jnp.arange(size, dtype=jnp.int32), size), static_argnums=2
)


# Squares, rectangles, primes and the numbers beside them; each size is compiled.
@given(st.sampled_from([1, 2, 3, 12, 49, 50, 257]), st.integers(0, 2**31 - 1))
def test_it_is_a_permutation(size, epoch):
    entries = all_places(round_keys(jax.random.key(0)), jnp.int32(epoch), size)
    np.testing.assert_array_equal(np.sort(entries), np.arange(size))


def test_every_entry_is_as_likely_at_every_place():
    """Chi-squared over many epochs: of entries at places, and of which entry follows which."""
    size, epochs = 12, 6000
    keys = round_keys(jax.random.key(1))
    orders = np.asarray(jax.vmap(lambda epoch: all_places(keys, epoch, size))(jnp.arange(epochs, dtype=jnp.int32)))
    at = np.stack([np.bincount(orders[:, i], minlength=size) for i in range(size)])
    chi = ((at - epochs / size) ** 2 / (epochs / size)).sum()
    degrees = (size - 1) ** 2
    assert abs(chi - degrees) < 5 * np.sqrt(2 * degrees)
    after = np.zeros((size, size))
    np.add.at(after, (orders[:, :-1], orders[:, 1:]), 1)
    pairs = after[~np.eye(size, dtype=bool)]
    chi = ((pairs - pairs.mean()) ** 2 / pairs.mean()).sum()
    assert abs(chi - pairs.size) < 5 * np.sqrt(2 * pairs.size)


def test_parts_of_an_epoch_fit_together_and_keys_differ():
    keys = round_keys(jax.random.key(2))
    whole = all_places(keys, jnp.int32(3), 50)
    parts = [shuffled(keys, jnp.int32(3), jnp.arange(i, i + 10, dtype=jnp.int32), 50) for i in range(0, 50, 10)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    others = [all_places(keys, jnp.int32(4), 50), all_places(round_keys(jax.random.key(3)), jnp.int32(3), 50)]
    assert all((np.asarray(other) != np.asarray(whole)).mean() > 0.8 for other in others)
