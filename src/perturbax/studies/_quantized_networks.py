"""The networks of the study of quantisation, and how they are trained."""

import functools
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax
from jaxtyping import Array, Float

from perturbax import core, data, nn

_BATCH = 64


class ResidualCNN(eqx.Module):
    """A convolution of stride 2, a residual block of two, maximum pooling, and a dense layer, for 28 x 28 pixels."""

    stem: Float[Array, "8 1 3 3"]
    first: Float[Array, "8 8 3 3"]
    second: Float[Array, "8 8 3 3"]
    biases: tuple[Array, Array, Array]
    head: nn.Linear

    def __init__(self, *, key: Any):
        a, b, c, d = jax.random.split(key, 4)
        self.stem = jax.random.normal(a, (8, 1, 3, 3)) * (2.0 / 9) ** 0.5
        self.first = jax.random.normal(b, (8, 8, 3, 3)) * (2.0 / 72) ** 0.5
        self.second = jax.random.normal(c, (8, 8, 3, 3)) * (1.0 / 72) ** 0.5
        self.biases = (jnp.zeros((8, 1, 1)), jnp.zeros((8, 1, 1)), jnp.zeros((8, 1, 1)))
        self.head = nn.Linear(392, 10, key=d)

    def __call__(self, x: Float[Array, "784"]) -> Float[Array, "10"]:
        h = jax.nn.relu(_convolve(x.reshape(1, 28, 28), self.stem, 2) + self.biases[0])
        inner = jax.nn.relu(_convolve(h, self.first, 1) + self.biases[1])
        h = jax.nn.relu(h + _convolve(inner, self.second, 1) + self.biases[2])
        h = lax.reduce_window(h, -jnp.inf, lax.max, (1, 2, 2), (1, 2, 2), "VALID")
        return self.head(h.reshape(-1))


def _convolve(x: Array, kernel: Array, stride: int) -> Array:
    return lax.conv_general_dilated(x[None], kernel, (stride, stride), "SAME")[0]


def _mlp(key: Any) -> nn.MLP:
    return nn.MLP(784, (128, 96, 64, 48, 32), 10, key=key, activation=jax.nn.relu)


NETWORKS: dict[str, Callable[[Any], Any]] = {"mlp": _mlp, "residual": lambda key: ResidualCNN(key=key)}


@functools.lru_cache(maxsize=2)
def digits(samples: int) -> tuple[Any, Any, Any, Any]:
    """Training and test pictures of MNIST in [0, 1], flat, with labels; so many for training, of all classes."""
    train, test = data.reference_split("mnist")
    part = np.linspace(0, len(train) - 1, min(samples, len(train))).astype(int)
    pairs = ((train.flat[part], train.labels[part]), (test.flat, test.labels))
    (x, y), (x_test, y_test) = ((jnp.asarray(0.5 + 0.5 * flat), np.asarray(labels)) for flat, labels in pairs)
    return x, y, x_test, y_test


def train(name: str, epochs: int, samples: int, key: Any) -> Any:
    """A network after so many epochs of Adam."""
    x, labels, *_ = digits(samples)
    model_key, fit_key = jax.random.split(key)
    done = core.fit(
        _loss,
        NETWORKS[name](model_key),
        (x, jnp.asarray(labels)),
        steps=epochs * (len(x) // _BATCH),
        batch_size=_BATCH,
        optimizer=_adam(),
        key=fit_key,
        progress=False,
    )
    return done.model


@functools.lru_cache(maxsize=1)
def _adam() -> Any:
    """The same object every time, or `fit` compiles anew."""
    return optax.adam(1e-3)


def _loss(model: Any, batch: Any, key: Any) -> Float[Array, ""]:
    scores = jax.vmap(model)(batch[0])
    return optax.softmax_cross_entropy_with_integer_labels(scores, batch[1]).mean()


def missed(scores: Array, label: Any) -> Array:
    """1 for a wrong class, else 0: the loss whose mean is the error rate."""
    return (jnp.argmax(scores) != label).astype(jnp.float32)
