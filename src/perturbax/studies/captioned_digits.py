"""A small world of captions: real digits, told by their class and by how much ink they have.

A caption is a multi-hot vector: a one-hot code of the class and codes of the thirds that the ink (and, for MNIST, the
slant) of the picture falls into. A captioner reads captions off pictures, imperfectly; a quality reward says how much a
picture looks like some digit, whatever it was asked for. The denoiser is trained on captions of which many attributes
are wrong or missing, so that its samples often ignore what is asked for, as those of large models do.
"""

import functools
from dataclasses import dataclass
from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float

from perturbax import core, data, diffusion, nn, perturb

SIGMA_DATA = 0.75
LEVELS = diffusion.LogNormalLevels(-1.0, 1.2, SIGMA_DATA)
PROCESS = diffusion.EDM(0.02, 80.0)
# 9 steps of Heun's method, the last of which costs one evaluation.
SAMPLER = diffusion.Heun(steps=17)
_CLASSES, _THIRDS, _FEATURES, _FREQUENCIES = 10, 3, 400, 16


@dataclass(frozen=True)
class World:
    """Pictures as rows, their captions, and what is known about pictures from them alone.

    `weights` and `scores` are a ridge regression of the classes on random features; `edges` has for each measured
    attribute the two values that part its thirds.
    """

    images: np.ndarray
    labels: np.ndarray
    slanted: bool
    weights: np.ndarray
    offsets: np.ndarray
    scores: np.ndarray
    edges: np.ndarray

    @property
    def groups(self) -> tuple[int, ...]:
        """Sizes of the codes of a caption."""
        return (_CLASSES, *(_THIRDS,) * len(self.edges))

    @property
    def captions(self) -> np.ndarray:
        """The true captions of the pictures."""
        return self._code(self.labels, self.images)

    def classify(self, x: np.ndarray) -> np.ndarray:
        """Scores of the classes, about 1 for the right one of a real digit."""
        return np.tanh(x @ self.weights + self.offsets) @ self.scores

    def caption(self, x: np.ndarray) -> np.ndarray:
        """What the captioner says of pictures."""
        return self._code(self.classify(x).argmax(1), x)

    def quality(self, x: np.ndarray) -> np.ndarray:
        """How much pictures look like a digit of any class, less for what leaves the range of pixels."""
        return 2.0 * self.classify(x).max(1) - 0.3 * np.maximum(np.abs(x) - 1.0, 0.0).sum(1)

    def thirds(self, x: np.ndarray) -> np.ndarray:
        """The thirds that the measured attributes of pictures fall into, shape `(n, attributes)`."""
        values = _measured(x, self.slanted)
        return np.stack([np.digitize(value, edges) for value, edges in zip(values.T, self.edges, strict=True)], axis=1)

    def adherence(self, x: np.ndarray, captions: np.ndarray) -> tuple[float, float]:
        """The shares of pictures of the asked class, by the nearest real picture, and of the asked amount of ink."""
        asked = captions[:, :_CLASSES].argmax(1)
        ink = captions[:, _CLASSES : _CLASSES + _THIRDS].argmax(1)
        return float(np.mean(self.nearest_class(x) == asked)), float(np.mean(self.thirds(x)[:, 0] == ink))

    def nearest_class(self, x: np.ndarray) -> np.ndarray:
        """The class of the nearest real picture: a classifier that is not the captioner's."""
        from sklearn.neighbors import KNeighborsClassifier

        return KNeighborsClassifier(1).fit(self.images, self.labels).predict(x)

    def draw_captions(self, key: Any, count: int) -> np.ndarray:
        """True captions of random real pictures."""
        return self.captions[np.asarray(jax.random.choice(key, len(self.images), (count,)))]

    def _code(self, labels: np.ndarray, x: np.ndarray) -> np.ndarray:
        codes = [np.eye(_CLASSES)[labels], *(np.eye(_THIRDS)[third] for third in self.thirds(x).T)]
        return np.concatenate(codes, axis=1).astype(np.float32)


@functools.cache
def world(name: Literal["digits", "mnist"]) -> World:
    """The world of a data set; the same in every process."""
    from sklearn.linear_model import Ridge

    pictures = data.digits() if name == "digits" else data.mnist()
    x, size = pictures.flat, pictures.flat.shape[1]
    random = np.random.default_rng(0)
    weights, offsets = random.normal(size=(size, _FEATURES)) / np.sqrt(size), random.normal(size=_FEATURES)
    ridge = Ridge(alpha=1.0, fit_intercept=False).fit(np.tanh(x @ weights + offsets), np.eye(_CLASSES)[pictures.labels])
    slanted = name == "mnist"
    edges = np.quantile(_measured(x, slanted), [1 / 3, 2 / 3], axis=0).T
    return World(x, pictures.labels, slanted, weights, offsets, np.asarray(ridge.coef_).T, edges)


def _measured(x: np.ndarray, slanted: bool) -> np.ndarray:
    """Ink, and slant where it is asked for, shape `(n, attributes)`."""
    ink = x.sum(1)
    if not slanted:
        return ink[:, None]
    side = round(x.shape[1] ** 0.5)
    mass = np.maximum(x.reshape(-1, side, side) + 1.0, 0.0) + 1e-6
    mass /= mass.sum((1, 2), keepdims=True)
    rows, columns = np.mgrid[:side, :side]
    down, right = (at - (mass * at).sum((1, 2), keepdims=True) for at in (rows, columns))
    return np.stack([ink, -(mass * down * right).sum((1, 2)) / (mass * down**2).sum((1, 2))], axis=1)


class CaptionedNetwork(eqx.Module):
    """Dense layers with residual connections that read picture, noise level and caption at their entrance."""

    layers: tuple[eqx.nn.Linear, ...]
    outputs: eqx.nn.Linear

    def __init__(self, size: int, captions: int, width: int, key: Any, depth: int = 3):
        *keys, last = jax.random.split(key, depth + 1)
        inputs = [size + 2 * _FREQUENCIES + captions, *(width,) * (depth - 1)]
        self.layers = tuple(eqx.nn.Linear(n, width, key=key) for n, key in zip(inputs, keys, strict=True))
        self.outputs = eqx.nn.Linear(width, size, key=last)

    def __call__(self, x: Float[Array, "batch size"], level: Any, label: Any) -> Float[Array, "batch size"]:
        angles = level[..., None] * jnp.geomspace(0.25, 16.0, _FREQUENCIES)
        told = jnp.concatenate((jnp.sin(angles), jnp.cos(angles)), axis=-1)
        told = jnp.broadcast_to(told, (len(x), 2 * _FREQUENCIES))
        h = jax.nn.silu(_dense(self.layers[0], jnp.concatenate((x, told, label.astype(x.dtype)), axis=1)))
        for layer in self.layers[1:]:
            h = h + jax.nn.silu(_dense(layer, h))
        return _dense(self.outputs, h)


def _dense(layer: Any, h: Array) -> Array:
    return h @ layer.weight.T + layer.bias


def train_base(world: World, key: Any, *, steps: int, width: int) -> nn.EDMPreconditioned:
    """The denoiser that is aligned: EDM's loss on three noisy captions of each picture."""
    redraw_key, drop_key, network_key, fit_key = jax.random.split(key, 4)
    captions = jnp.tile(jnp.asarray(world.captions), (3, 1))
    captions = perturb.RedrawAttributes(0.4, world.groups)(captions, key=redraw_key)
    captions = perturb.DropAttributes(0.15, world.groups)(captions, key=drop_key)
    network = CaptionedNetwork(world.images.shape[1], captions.shape[1], width, network_key)
    return core.fit(
        _base_loss,
        nn.EDMPreconditioned(network, SIGMA_DATA),
        (np.tile(world.images, (3, 1)), captions),
        steps=steps,
        batch_size=64,
        optimizer=optax.adam(2e-3),
        key=fit_key,
        devices=jax.local_devices()[:1],
        progress=False,
    ).model


def _base_loss(model: Any, batch: tuple[Array, Array], key: Any) -> Float[Array, ""]:
    x, captions = batch
    level_key, noise_key = jax.random.split(key)
    sigma = jax.vmap(lambda key: LEVELS.time(key, PROCESS))(jax.random.split(level_key, len(x)))
    noisy = x + sigma[:, None] * jax.random.normal(noise_key, x.shape)
    weight = LEVELS.weight(diffusion.Data(), jnp.ones_like(sigma), sigma)
    return jnp.mean(weight[:, None] * jnp.square(model(noisy, sigma, captions) - x))


def draw(model: nn.EDMPreconditioned, captions: np.ndarray, key: Any) -> np.ndarray:
    """A sample for each caption; with one key, from the same noise whatever the model."""
    size = model.network.outputs.out_features  # pyright: ignore[reportFunctionMemberAccess]
    problem = diffusion.Sampling(model, PROCESS, (size,), diffusion.Data(), condition=jnp.asarray(captions))
    return np.asarray(diffusion.sample(problem, SAMPLER, key=key, num_samples=len(captions)).x)
