"""Denoisers trained on real digits, small enough to train in well under a minute on one core."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..core import cached, check_choice
from ..nn import EDMPreconditioned, ResidualMLP, edm_loss
from ._image_set import ImageSet
from ._reference import ModelCard, Recipe, trained
from .digits import digits
from .mnist import mnist

# Sizes are the width and the number of residual blocks.
_DIGITS = Recipe(steps=2500, batch_size=128, learning_rate=2e-3, ema=0.995, sizes=(192, 3))
_MNIST = Recipe(steps=4000, batch_size=128, learning_rate=2e-3, ema=0.995, sizes=(256, 3))
_MNIST_LATENT = 128


class SubspaceDenoiser(eqx.Module):
    """A denoiser in the coordinates of an affine subspace, as a denoiser of the whole space.

        D(x, sigma) = centre + B d(B^T (x - centre), sigma),   B^T B = I

    Isotropic noise stays isotropic in the coordinates `B^T (x - centre)`, so this is the exact denoiser of data in the
    subspace whenever `latent` is that of its coordinates. Sampling in the small space with `latent` and decoding gives
    the same samples as sampling in the whole space, at the same cost of the network.

    **Arguments:** `latent`: the denoiser `(z, sigma, label=None)` of the coordinates; `basis`: orthonormal columns,
    shape `(d, coordinates)`; `centre`: shape `(d,)`.
    """

    latent: Callable
    basis: Float[Array, "d coordinates"]
    centre: Float[Array, " d"]

    def __call__(self, x: Any, sigma: Any, label: Any = None) -> Float[Array, "*batch d"]:
        return self.decode(self.latent(self.encode(x), sigma, label))

    def encode(self, x: Any) -> Float[Array, "*batch coordinates"]:
        """Coordinates of points of the whole space."""
        return (jnp.asarray(x) - self.centre) @ self.basis

    def decode(self, z: Any) -> Float[Array, "*batch d"]:
        """Points of the whole space with the given coordinates."""
        return self.centre + jnp.asarray(z) @ self.basis.T


def digits_denoiser(conditional: bool = True, *, retrain: bool = False) -> EDMPreconditioned:
    """The denoiser `(x, sigma, label=None) -> E[x_0 | x_0 + sigma z = x]` trained on one half of the 8 x 8 digits.

    A residual MLP of width 192 with three blocks under EDM preconditioning; 2500 steps of Adam on batches of 128. The
    first call trains it, later calls read it from the cache.

    **Arguments:** `conditional`: a network that takes labels 0 to 9, and -1 or none for the unconditional denoiser, as
    classifier-free guidance needs both; `False`: one that was trained without labels; `retrain`: train again.

    **Returns:** a JAX function of `x` of shape `(..., 64)`, `sigma` and labels, scalars or one per point.

    Source: Karras et al. 2022 (preconditioning and loss).
    """
    return _digits(conditional, retrain)[0]


def mnist_denoiser(*, retrain: bool = False) -> SubspaceDenoiser:
    """The class-conditional denoiser trained on 4,000 MNIST digits, in their first 128 principal components.

    The same kind of network as `digits_denoiser`, of width 256 and after 4000 steps, in the coordinates of that
    subspace. Decoding is linear.

    **Arguments:** `retrain`: train again.

    **Returns:** a JAX function `(x, sigma, label=None)` of `x` of shape `(..., 784)`, whose part `.latent` works on
    `(..., 128)` for use with `.encode` and `.decode`. Label -1, or none, is unconditional.

    **Raises:** as `mnist`.
    """
    return _mnist(retrain)[0]


def digits_card(conditional: bool, retrain: bool) -> ModelCard:
    name = "digits-denoiser" if conditional else "digits-denoiser-unconditional"
    return _card(name, reference_split("digits"), _digits(conditional, retrain)[1])


def mnist_card(retrain: bool) -> ModelCard:
    return _card("mnist-denoiser", reference_split("mnist"), _mnist(retrain)[1])


_SPLITS: dict[str, Callable[[], tuple[ImageSet, ImageSet]]] = {
    # In halves, since a small test part could not tell a good model from the data.
    "digits": lambda: digits().split(0.5),
    "mnist": lambda: mnist().split(0.2),
}


def reference_split(name: str) -> tuple[ImageSet, ImageSet]:
    """The part of a data set that its reference models were trained on, and the part that was kept from them.

    **Arguments:** `name`: `"digits"` (899 and 898 pictures) or `"mnist"` (4,000 and 1,000).

    **Returns:** the training part and the test part.

    **Raises:** `ValueError` for another name; as `mnist`.

    >>> [len(part) for part in reference_split("digits")]
    [899, 898]
    """
    return _SPLITS[check_choice("name", name, tuple(_SPLITS))]()


def _digits(conditional: bool, retrain: bool) -> tuple[EDMPreconditioned, dict[str, Any]]:
    train, _ = reference_split("digits")
    examples = (train.flat, train.labels) if conditional else (train.flat,)
    return _train("digits-denoiser", _DIGITS, examples, retrain)


def _mnist(retrain: bool) -> tuple[SubspaceDenoiser, dict[str, Any]]:
    train, _ = reference_split("mnist")
    subspace = cached("reference-models", ("mnist-subspace", _MNIST_LATENT, train.flat), lambda: _principal(train.flat))
    basis, centre = subspace["basis"], subspace["centre"]
    examples = ((train.flat - centre) @ basis, train.labels)
    latent, facts = _train(
        "mnist-denoiser", _MNIST, examples, retrain, content=(_MNIST_LATENT, train.flat, train.labels)
    )
    return SubspaceDenoiser(latent, jnp.asarray(basis), jnp.asarray(centre)), facts


def _principal(x: np.ndarray) -> dict[str, np.ndarray]:
    """The mean and the first principal directions, as float32."""
    x = x.astype(np.float64)
    _, vectors = np.linalg.eigh(np.cov(x, rowvar=False))
    return {"centre": x.mean(0).astype(np.float32), "basis": vectors[:, : -_MNIST_LATENT - 1 : -1].astype(np.float32)}


def _train(
    name: str, recipe: Recipe, examples: tuple[np.ndarray, ...], retrain: bool, content: Any = None
) -> tuple[EDMPreconditioned, dict[str, Any]]:
    x = examples[0]
    centre = x.mean(0)
    width, blocks = recipe.sizes
    classes = int(examples[1].max()) + 1 if len(examples) == 2 else 0

    def make_model() -> EDMPreconditioned:
        network = ResidualMLP(x.shape[1], width=width, blocks=blocks, classes=classes, key=jax.random.key(recipe.seed))
        return EDMPreconditioned(network, float(np.sqrt(np.square(x - centre).mean())), jnp.asarray(centre))

    return trained(
        name,
        recipe,
        make_model,
        _loss,
        examples,
        frozen=lambda model: model.centre,
        content=content,
        retrain=retrain,
    )


def _loss(model: EDMPreconditioned, batch: tuple[Array, ...], key: Array) -> Float[Array, ""]:
    return edm_loss(model, batch[0], batch[1] if len(batch) == 2 else None, key)


def _card(name: str, parts: tuple[ImageSet, ImageSet], facts: dict[str, Any]) -> ModelCard:
    train, test = parts
    return ModelCard(name, train.card.name, len(train), len(test), test_accuracy=None, **facts)
