"""Classifiers of digits, whose last hidden layer is the feature space of Frechet distances between pictures."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float

from ..nn import MLP
from ._denoisers import reference_split
from ._reference import ModelCard, Recipe, trained

_RECIPES = {
    "digits": Recipe(steps=600, batch_size=128, learning_rate=2e-3, ema=0.99, sizes=(128, 64), weight_decay=1e-2),
    "mnist": Recipe(steps=1000, batch_size=128, learning_rate=2e-3, ema=0.99, sizes=(256, 64), weight_decay=1e-2),
}
_INPUT_NOISE = 0.3


def digit_classifier(name: str = "digits", *, retrain: bool = False) -> MLP:
    """A classifier trained on the same training part as the denoisers of its data set.

    **Arguments:** `name`: `"digits"` (64 pixels) or `"mnist"` (784 pixels); `retrain`: train again.

    **Returns:** a JAX function from flat pictures in [-1, 1] to 10 scores, whose method `features` gives the 64 values
    of its last hidden layer.

    **Raises:** `ValueError` for another name; as `mnist`.
    """
    return _classifier(name, retrain)[0]


def classifier_card(name: str, retrain: bool) -> ModelCard:
    train, test = reference_split(name)
    return ModelCard(f"{name}-classifier", name, len(train), len(test), **_classifier(name, retrain)[1])


def _classifier(name: str, retrain: bool) -> tuple[MLP, dict[str, Any]]:
    train, test = reference_split(name)
    recipe = _RECIPES[name]

    def make_model() -> MLP:
        return MLP(train.flat.shape[1], recipe.sizes, train.classes, key=jax.random.key(recipe.seed))

    def measure(model: MLP) -> dict[str, float]:
        return {"test_accuracy": float((np.asarray(model(jnp.asarray(test.flat))).argmax(-1) == test.labels).mean())}

    return trained(
        f"{name}-classifier", recipe, make_model, _loss, (train.flat, train.labels), measure=measure, retrain=retrain
    )


def _loss(model: MLP, batch: tuple[Array, Array], key: Array) -> Float[Array, ""]:
    x, label = batch
    # Noise on the pictures is what keeps a small training set from being learned by heart.
    x = x + _INPUT_NOISE * jax.random.normal(key, x.shape)
    return optax.softmax_cross_entropy_with_integer_labels(model(x), label).mean()
