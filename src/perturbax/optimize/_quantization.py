"""A network to quantise, with the data that it is calibrated on, the widths that there are, and what they may cost."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float

from ..core import check_array, check_integer, check_number
from ._bit_budget import Budget
from ._least_squares import call
from ._quantizable import Layer, Network, find_layers, joined
from ._rounding import round_weight

# Samples whose activations are held at a time.
_BATCH = 256


def cross_entropy(scores: Array, label: Any) -> Array:
    """The cross entropy of the scores of one input with its label."""
    return optax.softmax_cross_entropy_with_integer_labels(scores.reshape(-1), label)


class QuantizationProblem(eqx.Module):
    r"""How many bits the weights and activations of each layer shall have, such that the loss grows least.

        min_b  L(Q_b(theta)) - L(theta)      with size, bit operations and latency within a budget

    Layers are found in the jaxpr of the model: products and convolutions with arrays. Between them may be biases, ReLU
    and its like, maximum and average pooling, batch normalisation with fixed statistics, residual additions, reshaping.
    An array that serves several layers is rounded, stored and counted for each.

    **Arguments:**

    - `model`: a pytree, such as an Equinox module, with floating arrays.
    - `inputs`: the calibration data, shape `(n, ...)`; where no value is negative, codes of inputs are unsigned.
    - `targets`: shape `(n, ...)`, for methods that look at the loss; `None` for none.
    - `apply`: `apply(model, x)` for one input, traceable; `model(x)` by default. A function of a module, and no new
      lambda for each call, which would be compiled anew.
    - `loss`: `loss(output, target)` of one input; the cross entropy with a label by default.
    - `bits`: the widths that the hardware has, from 2 to 8, in ascending order.
    - `budget`: a `Budget`, or `None` for none.
    - `fixed`: layers that keep a width, by name; by default the first and the last one the largest.
    - `float_islands`: let primitives without a counterpart in integers be computed in float32 between two scales. What
      comes out is no integer-only network then.

    **Raises:** `TypeError`, `ValueError` for data that do not fit together or to the model, a model without layers or
    with values that are not finite, widths or names that there are not.

    >>> from perturbax import nn, optimize
    >>> model = nn.MLP(4, (8, 6), 3, key=jax.random.key(0), activation=jax.nn.relu)
    >>> problem = optimize.QuantizationProblem(model, jnp.ones((5, 4)))
    >>> [(layer.name, layer.parameters) for layer in problem.layers]
    [('layers.0.weight', 32), ('layers.1.weight', 48), ('layers.2.weight', 18)]
    """

    network: Network
    inputs: Array
    targets: Array | None
    loss: Callable[[Array, Any], Array] = eqx.field(static=True)
    bits: tuple[int, ...] = eqx.field(static=True)
    budget: Budget | None
    layers: tuple[Layer, ...] = eqx.field(static=True)
    fixed: tuple[int | None, ...] = eqx.field(static=True)
    tied: tuple[tuple[int, ...], ...] = eqx.field(static=True)
    float_islands: bool = eqx.field(static=True)

    def __init__(
        self,
        model: Any,
        inputs: Any,
        targets: Any = None,
        *,
        apply: Any = call,
        loss: Any = cross_entropy,
        bits: Sequence[int] = (4, 8),
        budget: Budget | None = None,
        fixed: Mapping[str, int] | None = None,
        float_islands: bool = False,
    ):
        for name, function in (("apply", apply), ("loss", loss)):
            if not callable(function):
                raise TypeError(f"{name} must be callable, got {type(function).__name__}")
        self.inputs = _on_device(check_array("inputs", inputs))
        if self.inputs.ndim == 0:
            raise ValueError("inputs must have a row for each sample, got one number")
        if not np.any(np.asarray(self.inputs)):
            raise ValueError("inputs must not all be zero: they say how large values are")
        # As arrays of JAX, by which the layers of a jaxpr are known again.
        model = jax.tree.map(lambda leaf: _on_device(leaf) if isinstance(leaf, np.ndarray) else leaf, model)
        for leaf in jax.tree.leaves(eqx.filter(model, eqx.is_inexact_array)):
            check_array("model", leaf, nonempty=False)
        self.network = Network(model, apply, self.inputs.shape[1:])
        self.targets = None if targets is None else _on_device(check_array("targets", targets, kind="number"))
        self.loss, self.budget, self.float_islands = loss, budget, bool(float_islands)
        self.bits = _settle_bits(bits)
        program = self.network.program()
        if len(program.outputs) != 1 or not program.outputs[0].varying:
            raise ValueError(f"model must return one array that depends on its input, got {len(program.outputs)}")
        self.layers = find_layers(self.network, program)
        self.fixed = _settle_fixed(fixed, self.layers, self.bits)
        self.tied = tuple(
            free for group in joined(program) if len(free := tuple(i for i in group if self.fixed[i] is None)) > 1
        )
        if self.targets is not None:
            _check_targets(self)
        if budget is not None:
            budget.check(self.layers, self.bits)

    @property
    def weights(self) -> list[Array]:
        """The weights of the layers."""
        return [jnp.asarray(layer.weight) for layer in self.layers]

    def rounded(self, bits: Sequence[int]) -> list[Float[Array, "..."]]:
        """The weights of the layers, rounded to so many bits each."""
        self.check_bits(bits)
        return [jnp.asarray(_rounded(layer, b)) for layer, b in zip(self.layers, bits, strict=True)]

    def squared_errors(self) -> Float[np.ndarray, "layers widths"]:
        """`|Q_b(W) - W|^2` of each layer and width."""
        return np.array(
            [[np.sum((_rounded(layer, b) - layer.weight) ** 2) for b in self.bits] for layer in self.layers]
        )

    def mean_loss(self, weights: Sequence[Array] | None = None) -> Float[Array, ""]:
        """The mean loss on the calibration data, for other weights of the layers."""
        need_targets(self)
        return _mean_loss(self.network, self.loss, self.weights if weights is None else list(weights), self._data)

    def losses(self, allocations: Any) -> Float[np.ndarray, " k"]:
        """The mean losses with weights rounded as each row of `allocations` says, activations left as they are.

        **Arguments:** `allocations`: widths of the layers, shape `(k, layers)`, of those in `bits`.
        """
        need_targets(self)
        for row in np.asarray(allocations):
            self.check_bits(row)
        chosen = jnp.asarray(np.searchsorted(self.bits, np.asarray(allocations)).astype(np.int32))
        stacks = [jnp.stack([jnp.asarray(_rounded(layer, b)) for b in self.bits]) for layer in self.layers]
        return np.asarray(_losses(self.network, self.loss, stacks, self._data, chosen))

    def check_bits(self, bits: Any) -> None:
        """Refuse widths that there are not."""
        if len(bits) != len(self.layers) or not set(map(int, bits)) <= set(self.bits):
            raise ValueError(f"bits must be {len(self.layers)} of {self.bits}, one per layer, got {tuple(bits)}")

    @property
    def _data(self) -> tuple[Array, Array | None]:
        return self.inputs, self.targets


def need_targets(problem: QuantizationProblem) -> None:
    """Raise when there is no loss to look at."""
    if problem.targets is None:
        raise ValueError("targets must be given to QuantizationProblem for a method that looks at the loss")


def mean_loss(network: Network, loss: Any, weights: Any, data: tuple[Array, Any]) -> Array:
    """The mean over the data; only a batch of activations is held, also by its derivatives."""

    @jax.checkpoint
    def one(pair: Any) -> Array:
        return loss(network(weights, pair[0]), pair[1])

    return jnp.mean(jax.lax.map(one, data, batch_size=min(_BATCH, data[0].shape[0])))


_mean_loss = eqx.filter_jit(mean_loss)


@eqx.filter_jit
def _losses(network: Network, loss: Any, stacks: list[Array], data: Any, chosen: Array) -> Array:
    def one(row: Array) -> Array:
        return mean_loss(network, loss, [stack[i] for stack, i in zip(stacks, row, strict=True)], data)

    return jax.lax.map(one, chosen)


@eqx.filter_jit
def ranges(network: Network, weights: list[Array], inputs: Array, percentile: float) -> list[Array]:
    """The largest over batches of a percentile of the magnitudes of each activation; 100 is the maximum."""

    def one(batch: Array) -> list[Array]:
        found = jax.vmap(lambda x: network.activations(weights, x))(batch)
        if percentile == 100.0:  # without sorting
            return [jnp.max(jnp.abs(value)) for value in found]
        return [jnp.percentile(jnp.abs(value), percentile) for value in found]

    size = min(_BATCH, inputs.shape[0])
    whole = inputs.shape[0] // size * size
    batches = inputs[:whole].reshape(-1, size, *inputs.shape[1:])
    found = [value.max() for value in jax.lax.map(one, batches)]
    if whole == inputs.shape[0]:
        return found
    return [jnp.maximum(a, b) for a, b in zip(found, one(inputs[whole:]), strict=True)]


def _rounded(layer: Layer, bits: int) -> np.ndarray:
    codes, scale = round_weight(layer.weight, bits, layer.channels)
    return (codes * scale).astype(np.float32)


def _on_device(array: Any) -> Array:
    # In float32; JAX 0.10 caches traces under the dtype that a NumPy array came with.
    if not isinstance(array, jax.Array):
        array = jnp.asarray(array.astype(jax.dtypes.canonicalize_dtype(array.dtype)))
    return array.astype(jnp.float32) if jnp.issubdtype(array.dtype, jnp.floating) else array


def _settle_bits(bits: Any) -> tuple[int, ...]:
    settled = tuple(check_integer(f"bits[{i}]", b, minimum=2, maximum=8) for i, b in enumerate(bits))
    if not settled or list(settled) != sorted(set(settled)):
        raise ValueError(f"bits must be widths in ascending order, got {settled}")
    return settled


def _settle_fixed(fixed: Any, layers: tuple[Layer, ...], bits: tuple[int, ...]) -> tuple[int | None, ...]:
    names = [layer.name for layer in layers]
    if fixed is None:
        fixed = {names[0]: bits[-1], names[-1]: bits[-1]}
    if not isinstance(fixed, Mapping):
        raise TypeError(f"fixed must map names of layers to widths, got {type(fixed).__name__}")
    unknown = [name for name in fixed if name not in names]
    if unknown:
        raise ValueError(f"fixed names {unknown[0]!r}, which is none of the layers {', '.join(names)}")
    for name, width in fixed.items():
        if width not in bits:
            raise ValueError(f"fixed[{name!r}] must be one of the bits {bits}, got {width!r}")
    return tuple(fixed.get(name) for name in names)


def _check_targets(problem: QuantizationProblem) -> None:
    targets = problem.targets
    assert targets is not None
    if targets.ndim == 0 or len(targets) != len(problem.inputs):
        raise ValueError(f"targets must have a row for each of inputs, got {targets.shape} and {problem.inputs.shape}")
    found = eqx.filter_eval_shape(
        lambda x, y: problem.loss(problem.network(problem.weights, x), y), problem.inputs[0], targets[0]
    )
    if found.shape != ():
        raise ValueError(f"loss must return one number for an output and a target, got shape {found.shape}")
    check_number("loss of the model on the calibration data", float(problem.mean_loss()))
