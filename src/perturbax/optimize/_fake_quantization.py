r"""Training with rounding in the loop.

    W_hat = S_W q(W / S_W),    a_hat = S_a q(a / S_a),    q(v) = clip(round(v)),    dq/dv = 1 within the clip, else 0

Every layer takes rounded weights and rounded activations in floating point, and the derivative passes the rounding as
if it were not there, the straight-through estimator of Bengio et al. 2013, arXiv 1308.3432.
"""

from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..core import check_instance
from ._quantizable import Network
from ._quantization import QuantizationProblem, need_targets
from ._rounding import code_range


class FakeQuantization(eqx.Module):
    """The loss of a network that is rounded to given widths, as `core.fit` takes it.

    The ranges of activations are those of the calibration data at the beginning. A model that was trained goes into a
    new `QuantizationProblem`. The learning rate should be small: the authors train with SGD at 1e-4.

    **Arguments:** `problem`: with targets; `bits`: of each layer, such as those of a `QuantizedModel`.

    **Raises:** `TypeError`, `ValueError` for arguments that do not fit.

    Source: Yao et al. 2021, arXiv 2011.10680.

    >>> from perturbax import nn, optimize
    >>> x, y = jax.random.normal(jax.random.key(0), (64, 4)), jnp.arange(64) % 3
    >>> model = nn.MLP(4, (8,), 3, key=jax.random.key(1), activation=jax.nn.relu)
    >>> loss = FakeQuantization(optimize.QuantizationProblem(model, x, y), (8, 8))
    >>> bool(abs(loss(model, (x, y), None) - optimize.QuantizationProblem(model, x, y).mean_loss()) < 0.01)
    True
    """

    bits: tuple[int, ...] = eqx.field(static=True)
    channels: tuple[tuple[int, ...], ...] = eqx.field(static=True)
    nonnegative: tuple[bool, ...] = eqx.field(static=True)
    ranges: Float[Array, " layers"]
    apply: Callable[[Any, Any], Any] = eqx.field(static=True)
    loss: Callable[[Array, Any], Array] = eqx.field(static=True)
    shape: tuple[int, ...] = eqx.field(static=True)

    def __init__(self, problem: QuantizationProblem, bits: Sequence[int]):
        check_instance("problem", problem, QuantizationProblem, "a problem QuantizationProblem(...)")
        need_targets(problem)
        problem.check_bits(bits)
        self.bits = tuple(map(int, bits))
        self.channels = tuple(layer.channels for layer in problem.layers)
        smallest, largest = (np.asarray(end) for end in _ends(problem.network, problem.inputs))
        self.nonnegative = tuple(bool(value >= 0.0) for value in smallest)
        self.ranges = jnp.asarray(np.maximum(largest, -smallest).astype(np.float32))
        self.apply, self.loss, self.shape = problem.network.apply, problem.loss, problem.network.shape

    def __call__(self, model: Any, batch: tuple[Array, Any], key: Any) -> Float[Array, ""]:
        network = Network(model, self.apply, self.shape)

        def at_layer(i: int, activation: Array, weight: Array) -> tuple[Array, Array]:
            codes = code_range(self.bits[i], self.nonnegative[i])
            return _rounded(activation, self.ranges[i], codes), self._weight(i, weight)

        return jnp.mean(jax.vmap(lambda x, y: self.loss(network.changed(x, at_layer), y))(*batch))

    def _weight(self, i: int, weight: Array) -> Array:
        others = tuple(axis for axis in range(weight.ndim) if axis not in self.channels[i])
        largest = jnp.max(jnp.abs(jax.lax.stop_gradient(weight)), others, keepdims=True)
        return _rounded(weight, largest, code_range(self.bits[i], nonnegative=False))


def _rounded(x: Array, largest: Array, codes: tuple[int, int]) -> Array:
    scale = jnp.where(largest > 0.0, largest, 1.0) / codes[1]
    v = x / scale
    code = jax.lax.stop_gradient(jnp.round(v))
    # What is rounded to the last code is inside: the largest weight of every channel is.
    inside = (code >= codes[0]) & (code <= codes[1])
    return scale * (jnp.clip(code, *codes) + jnp.where(inside, v - jax.lax.stop_gradient(v), 0.0))


@eqx.filter_jit
def _ends(network: Network, inputs: Array) -> Any:
    """The smallest and the largest activation that goes into each layer."""

    def one(x: Array) -> tuple[Array, Array]:
        seen: list[tuple[Array, Array]] = []

        def at_layer(i: int, activation: Array, weight: Array) -> tuple[Array, Array]:
            seen.append((activation.min(), activation.max()))
            return activation, weight

        network.changed(x, at_layer)
        smallest, largest = zip(*seen, strict=True)
        return jnp.stack(smallest), jnp.stack(largest)

    smallest, largest = jax.lax.map(one, inputs, batch_size=min(256, inputs.shape[0]))
    return smallest.min(0), largest.max(0)
