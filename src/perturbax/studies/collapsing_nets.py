"""Perceptrons trained past zero error with the squared loss, and the features of their layers.

A run is a network and its weight decays, which differ between the layers that make features and the last one, so that
all runs are one program. Digits are balanced to 170 of each class; pixels are centred and divided by one number, so
that no layer has a large common mean.
"""

import functools
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from perturbax import core, data, nn

_CLASSES, _PER_CLASS, _BATCH = 10, 170, 170
_RATE = 3e-3


@functools.cache
def balanced_digits() -> tuple[np.ndarray, np.ndarray]:
    """170 digits of each class with their labels, one class after another; pixels of mean 0 and mean square 1."""
    images = data.digits()
    chosen = np.concatenate([np.flatnonzero(images.labels == label)[:_PER_CLASS] for label in range(_CLASSES)])
    flat = images.flat[chosen]
    centred = flat - flat.mean(0)
    return (centred / np.sqrt(np.mean(centred**2))).astype(np.float32), images.labels[chosen].astype(np.int32)


def train(width: int, epochs: int, decays: Sequence[tuple[float, float]], key: Any) -> tuple[Any, np.ndarray]:
    """A four-layer perceptron for each pair of decays, of the features and of the last layer, all from one start.

    **Returns:** the networks with a leading axis of the pairs, and their last losses.
    """
    x, labels = balanced_digits()
    start_key, fit_key = jax.random.split(key)
    net = nn.MLP(x.shape[1], (width,) * 3, _CLASSES, key=start_key)
    nets = jax.tree.map(lambda leaf: jnp.stack([leaf] * len(decays)), net)
    targets = jax.nn.one_hot(jnp.asarray(labels), _CLASSES)
    steps = epochs * (x.shape[0] // _BATCH)
    done = core.fit(
        _loss,
        (nets, jnp.asarray(np.array(decays, np.float32))),
        (jnp.asarray(x), targets),
        steps=steps,
        batch_size=_BATCH,
        optimizer=core.adam(_RATE, steps),
        # One order of the samples for all.
        key=jnp.stack([fit_key] * len(decays)),
        filter_spec=(True, False),
        progress=False,
    )
    return done.model[0], done.losses[..., -1]


@eqx.filter_jit
def layers_of(nets: Any, x: Any) -> list[Any]:
    """The features of all hidden layers, each with a leading axis of the networks."""
    found = []
    h = x
    for layer in nets.layers[:-1]:
        h = eqx.filter_vmap(_layer, in_axes=(eqx.if_array(0), None, 0 if found else None))(layer, nets.activation, h)
        found.append(h)
    return found


def _layer(layer: Any, activation: Any, h: Any) -> Any:
    return activation(layer(h))


def _loss(model: Any, batch: Any, key: Any) -> Any:
    net, decays = model
    fitted = 0.5 * jnp.mean(jnp.sum((net(batch[0]) - batch[1]) ** 2, 1))
    feature_weights = sum(jnp.sum(layer.weight**2) for layer in net.layers[:-1])
    return fitted + 0.5 * (decays[0] * feature_weights + decays[1] * jnp.sum(net.layers[-1].weight ** 2))
