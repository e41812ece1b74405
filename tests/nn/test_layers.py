import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perturbax.nn import MLP, ResidualMLP

KEY = jax.random.key(0)


def test_any_batch_shape_gives_the_same_rows():
    network = MLP(3, (7, 5), 2, key=KEY)
    x = jax.random.normal(KEY, (2, 4, 3))
    np.testing.assert_allclose(network(x).reshape(8, 2), network(x.reshape(8, 3)), atol=1e-6)
    np.testing.assert_allclose(network(x)[1, 2], network(x[1, 2]), atol=1e-6)


def test_scores_are_linear_in_the_features():
    network = MLP(3, (7, 5), 2, key=KEY)
    x = jax.random.normal(KEY, (6, 3))
    features = network.features(x)
    assert features.shape == (6, 5)
    np.testing.assert_allclose(network(x), features @ network.layers[-1].weight, atol=1e-6)


def test_the_scale_of_a_random_input_survives_many_layers():
    network = MLP(256, (256,) * 6, 10, key=KEY)
    spread = float(network.features(jax.random.normal(KEY, (50, 256))).std())
    assert 0.3 < spread < 3.0


def test_the_activation_can_be_chosen():
    plain, other = MLP(3, (7,), 2, key=KEY), MLP(3, (7,), 2, key=KEY, activation=jnp.abs)
    x = jax.random.normal(KEY, (6, 3))
    np.testing.assert_allclose(other.features(x), jnp.abs(plain.layers[0](x)), atol=1e-6)


def test_residual_network_starts_as_the_zero_function():
    network = ResidualMLP(4, width=8, blocks=2, classes=3, key=KEY)
    assert not network(jnp.ones((5, 4)), jnp.zeros(5), jnp.arange(5) % 3).any()


def trained_by_hand(classes):
    network = ResidualMLP(4, width=8, blocks=2, classes=classes, key=KEY)
    leaves, structure = jax.tree.flatten(network)
    keys = jax.random.split(KEY, len(leaves))
    noisy = [leaf + 0.3 * jax.random.normal(k, leaf.shape) for leaf, k in zip(leaves, keys, strict=True)]
    return jax.tree.unflatten(structure, noisy)


def test_label_minus_one_is_no_label_and_other_labels_matter():
    network = trained_by_hand(classes=3)
    x, level = jax.random.normal(KEY, (4, 4)), jnp.full(4, 0.2)
    without = network(x, level)
    np.testing.assert_allclose(network(x, level, jnp.full(4, -1)), without, atol=1e-6)
    assert jnp.abs(network(x, level, jnp.array([0, 1, 2, 0])) - without).max() > 0.05


def test_one_level_and_label_for_all_points_equals_one_per_point():
    network = trained_by_hand(classes=3)
    x = jax.random.normal(KEY, (4, 4))
    each = network(x, jnp.full(4, 0.2), jnp.full(4, 1))
    np.testing.assert_allclose(network(x, jnp.array(0.2), jnp.array(1)), each, atol=1e-6)
    assert jnp.abs(network(x, jnp.array(0.7), jnp.array(1)) - each).max() > 0.05


def test_bad_sizes_and_labels_are_refused():
    with pytest.raises(ValueError, match="hidden must name at least one layer"):
        MLP(3, (), 2, key=KEY)
    with pytest.raises(ValueError, match=r"hidden\[1\] must be an integer >= 1, got 0"):
        MLP(3, (4, 0), 2, key=KEY)
    with pytest.raises(ValueError, match="blocks must be"):
        ResidualMLP(3, blocks=0, key=KEY)
    with pytest.raises(ValueError, match="made with classes=0"):
        ResidualMLP(3, key=KEY)(jnp.zeros((2, 3)), jnp.zeros(2), jnp.zeros(2, int))
