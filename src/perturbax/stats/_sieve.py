"""Sieves: the classes of generators among which the likelihood is maximised."""

import abc
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
from jaxtyping import Array, Float

from ..core import check_integer, check_number
from ..nn import Linear


class AbstractSieve(eqx.Module):
    """A class of maps from a latent space to data."""

    @abc.abstractmethod
    def draw(self, key: Any, inputs: int, outputs: int) -> Callable:
        """A member to start from: an `eqx.Module` called as `f(z)` on arrays of shape `(..., inputs)`."""


class ReLUNetworks(AbstractSieve):
    """Fully connected networks with ReLU of a given depth and width.

    The first layer starts with biases from `U(-spread, spread)` and weights from `U(-spread, spread) / sqrt(inputs)`,
    so that its kinks lie within the range of the latent variable; with small ones a generator starts as an almost
    straight line and stays in bad optima.

    **Arguments:** `hidden`: widths of the hidden layers, one or more; `spread`: of the first layer.

    **Raises:** `ValueError` when there is no hidden layer, a width is not positive, or `spread` is not.

    >>> ReLUNetworks((8, 8)).draw(jax.random.key(0), 1, 3)(jax.numpy.ones((5, 1))).shape
    (5, 3)
    """

    hidden: tuple[int, ...] = (64, 64)
    spread: float = 3.0

    def __check_init__(self):
        if not self.hidden:
            raise ValueError("hidden must name at least one layer, got none; for affine maps use AffineMaps()")
        for i, width in enumerate(self.hidden):
            check_integer(f"hidden[{i}]", width, minimum=1)
        check_number("spread", self.spread, minimum=0.0, exclusive=True)

    def draw(self, key: Any, inputs: int, outputs: int) -> "ReLUNetwork":
        sizes = (inputs, *self.hidden, outputs)
        bias_key, *keys = jax.random.split(key, len(sizes))
        # After ReLU weights of variance 2 / inputs keep the scale (He et al. 2015).
        scales = [self.spread, *[6.0**0.5] * (len(sizes) - 3), 1.0]
        layers = [Linear(a, b, key=k, scale=s) for a, b, k, s in zip(sizes[:-1], sizes[1:], keys, scales, strict=True)]
        bias = jax.random.uniform(bias_key, layers[0].bias.shape, minval=-self.spread, maxval=self.spread)
        return ReLUNetwork((eqx.tree_at(lambda layer: layer.bias, layers[0], bias), *layers[1:]))


class AffineMaps(AbstractSieve):
    """Affine maps `z W + b`; with a normal latent variable the model is probabilistic PCA.

    >>> AffineMaps().draw(jax.random.key(0), 2, 3)(jax.numpy.ones((5, 2))).shape
    (5, 3)
    """

    def draw(self, key: Any, inputs: int, outputs: int) -> Linear:
        return Linear(inputs, outputs, key=key)


class ReLUNetwork(eqx.Module):
    """Layers with ReLU between them."""

    layers: tuple[Linear, ...]

    def __call__(self, z: Float[Array, "*batch inputs"]) -> Float[Array, "*batch outputs"]:
        for layer in self.layers[:-1]:
            z = jax.nn.relu(layer(z))
        return self.layers[-1](z)
