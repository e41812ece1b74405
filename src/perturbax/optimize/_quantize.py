"""`quantize`: a network that computes with integers of chosen widths. The verb, its solution, and its methods."""

import abc
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Integer

from ..core import Method, check_array, check_instance, check_key, check_number
from ._bit_allocation import allocate, check_feasible
from ._integer_builder import Builder
from ._integer_rules import build
from ._integer_steps import AbstractStep
from ._quantizable import layer_outputs, observed
from ._quantization import QuantizationProblem, ranges
from ._rounding import code_range


class QuantizedLayer(NamedTuple):
    """A layer of a quantised network: `name`, `bits`, `parameters`, `multiplications` for one input, and
    `perturbation`, what the method expects the loss to grow by its rounding, where it expects anything."""

    name: str
    bits: int
    parameters: int
    multiplications: int
    perturbation: float | None

    @property
    def size(self) -> float:
        """Bytes of the weights."""
        return self.parameters * self.bits / 8.0

    @property
    def bit_operations(self) -> int:
        """Bit operations of one input."""
        return self.multiplications * self.bits**2


class QuantizedModel(eqx.Module):
    """What `quantize` returns: a program in integers that stands for itself, without the model that it was made of.

    - `steps`: the program; `output`: the number of the value that it ends in.
    - `input_scale`, `input_codes`: an input `x` is given as `clip(round(x / input_scale), *input_codes)`;
      `input_shape`: of one.
    - `output_scale`: an output is `output_scale` times what the program returns.
    - `layers`: a `QuantizedLayer` for each layer.
    - `stats`: `"evaluations"`, products with the Hessian or passes over the data, and what else the method tells.
    """

    steps: tuple[AbstractStep, ...]
    output: int = eqx.field(static=True)
    input_scale: float = eqx.field(static=True)
    input_codes: tuple[int, int] = eqx.field(static=True)
    input_shape: tuple[int, ...] = eqx.field(static=True)
    output_scale: float = eqx.field(static=True)
    layers: tuple[QuantizedLayer, ...] = eqx.field(static=True)
    stats: dict[str, Any]

    @property
    def bits(self) -> dict[str, int]:
        """The widths of the layers by name."""
        return {layer.name: layer.bits for layer in self.layers}

    @property
    def size(self) -> float:
        """Bytes of the weights."""
        return sum(layer.size for layer in self.layers)

    @property
    def bit_operations(self) -> int:
        """Bit operations of one input."""
        return sum(layer.bit_operations for layer in self.layers)

    @property
    def code_dtype(self) -> Any:
        """The dtype of the codes of inputs."""
        return jnp.uint8 if self.input_codes[0] == 0 else jnp.int8

    def encode(self, x: Any) -> Integer[Array, "n ..."]:
        """The codes of inputs of shape `(n, ...)`: the one step in floating point, before inference."""
        x = jnp.asarray(self._checked(check_array("x", x)), jnp.float32)
        return jnp.clip(jnp.round(x / self.input_scale), *self.input_codes).astype(self.code_dtype)

    def __call__(self, x: Any) -> Float[Array, "n ..."]:
        """The outputs for inputs of shape `(n, ...)`, by inference in integers."""
        return integer_apply(self, self.encode(x)) * jnp.float32(self.output_scale)

    def _checked(self, x: Any) -> Any:
        if x.shape[1:] != self.input_shape:
            raise ValueError(f"x must have shape (n, {', '.join(map(str, self.input_shape))}), got {tuple(x.shape)}")
        return x


class Allocation(NamedTuple):
    """The widths of the layers, what they are expected to do to the loss at each width, and statistics."""

    bits: tuple[int, ...]
    perturbation: Float[np.ndarray, "layers widths"] | None = None
    stats: Mapping[str, Any] = {}


class AbstractQuantizer(Method):
    """A method of `optimize.quantize`."""

    # Whether scales are changed by dyadic numbers, in integers, or by float32 numbers.
    dyadic: ClassVar[bool] = True

    @abc.abstractmethod
    def allocate(self, problem: QuantizationProblem, key: Any) -> Allocation:
        """The width of each layer."""


class AbstractSensitivity(AbstractQuantizer):
    """A method that tells how much the rounding of each layer matters, and leaves the rest to the linear program."""

    @abc.abstractmethod
    def perturbation(
        self, problem: QuantizationProblem, key: Any
    ) -> tuple[Float[np.ndarray, "layers widths"], dict[str, Any]]:
        """What each layer does at each width, not negative and on one scale, and statistics."""

    def allocate(self, problem: QuantizationProblem, key: Any) -> Allocation:
        perturbation, stats = self.perturbation(problem, key)
        rows = allocate(perturbation, *costs_and_limits(problem), allowed(problem), problem.tied)
        return Allocation(tuple(problem.bits[i] for i in rows), perturbation, stats)


def allowed(problem: QuantizationProblem) -> np.ndarray:
    """Which widths each layer may have."""
    return np.array([[one in (None, b) for b in problem.bits] for one in problem.fixed])


def costs_and_limits(problem: QuantizationProblem) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    """What the budget limits, and to what."""
    if problem.budget is None:
        return {}, {}
    costs = problem.budget.costs(problem.layers, problem.bits)
    return costs, problem.budget.limits(costs, allowed(problem))


def within_budget(problem: QuantizationProblem, bits: Any) -> bool:
    """Whether an allocation costs no more than it may."""
    costs, limits = costs_and_limits(problem)
    rows = np.searchsorted(problem.bits, bits)[:, None]
    spent = {name: float(np.take_along_axis(cost, rows, 1).sum()) for name, cost in costs.items()}
    return all(value <= limits[name] * (1.0 + 1e-12) for name, value in spent.items())


def quantize(
    problem: QuantizationProblem, method: AbstractQuantizer, *, key: Any, percentile: float | int = 100.0
) -> QuantizedModel:
    """Choose the width of every layer, and write the network as a program in integers.

    **Arguments:**

    - `problem`: `QuantizationProblem(model, inputs, targets, budget=Budget(...))`.
    - `method`: `Hawq()`, or a baseline such as `UniformBits(8)`.
    - `key`: PRNG key of the method's probes.
    - `percentile`: of the magnitudes of activations on a batch of calibration data, up to which they are represented.

    **Returns:** a `QuantizedModel`.

    **Raises:** `TypeError`, `ValueError` for arguments that do not fit: a budget that nothing satisfies, sums that
    could leave 32 bits, a ratio of scales beyond them; `MissingRuleError` for a primitive that has no counterpart in
    integers, by its line; `SolverError` when an eigenvalue does not converge.

    >>> from perturbax import nn, optimize
    >>> x = jax.random.normal(jax.random.key(0), (64, 4))
    >>> model = nn.MLP(4, (8,), 3, key=jax.random.key(1), activation=jax.nn.relu)
    >>> quantized = quantize(optimize.QuantizationProblem(model, x), optimize.UniformBits(8), key=jax.random.key(2))
    >>> bool(jnp.max(jnp.abs(quantized(x) - model(x))) < 0.1)
    True
    """
    check_instance("problem", problem, QuantizationProblem, "a problem QuantizationProblem(...)")
    check_instance("method", method, AbstractQuantizer, "a method such as Hawq()")
    key = check_key("key", key)
    check_number("percentile", percentile, minimum=0.0, maximum=100.0)
    if percentile == 0.0:
        raise ValueError("percentile must be > 0, got 0")
    check_feasible(*costs_and_limits(problem), allowed(problem), problem.tied)
    allocation = method.allocate(problem, key)
    problem.check_bits(allocation.bits)
    program = problem.network.program()
    found = ranges(problem.network, problem.weights, problem.inputs, float(percentile))
    largest = dict(zip(observed(program), map(float, found), strict=True))
    codes = code_range(8, nonnegative=bool(np.min(np.asarray(problem.inputs)) >= 0.0))
    scale = largest[program.inputs[0]] / codes[1]
    if scale == 0.0:
        raise ValueError(f"percentile must leave something of the inputs, whose percentile {percentile:g} is 0")
    chosen = dict(zip(layer_outputs(program), zip(problem.layers, allocation.bits, strict=True), strict=True))
    builder = Builder(chosen, largest, method.dyadic, problem.float_islands)
    output = build(builder, program, codes, scale)
    return QuantizedModel(
        steps=tuple(builder.steps),
        output=output.place,
        input_scale=scale,
        input_codes=codes,
        input_shape=problem.network.shape,
        output_scale=float(output.scale.item()),
        layers=_report(problem, allocation),
        stats={"evaluations": 0, **allocation.stats},
    )


def integer_apply(quantized: QuantizedModel, codes: Any) -> Int[Array, "n ..."]:
    """Inference from codes to outputs, without a floating-point number in between.

    `core.find_floats(lambda codes: integer_apply(quantized, codes), codes)` shows that.

    **Arguments:** `quantized`: what `quantize` returned; `codes`: uint8 or int8 as `quantized.encode` makes them, shape
    `(n, ...)`.

    **Returns:** int32, on the one scale `quantized.output_scale`, shape `(n, ...)`.

    **Raises:** `TypeError`, `ValueError` for codes of another dtype or shape.
    """
    check_instance("quantized", quantized, QuantizedModel, "a QuantizedModel that quantize returned")
    codes = check_array("codes", codes, kind="integer")
    if codes.dtype != quantized.code_dtype:
        raise TypeError(f"codes must be {np.dtype(quantized.code_dtype)}, as encode makes them, got {codes.dtype}")
    quantized._checked(codes)
    return _run(quantized.steps, quantized.output, jnp.asarray(codes))


@eqx.filter_jit
def _run(steps: tuple[AbstractStep, ...], output: int, codes: Array) -> Array:
    def one(code: Array) -> Array:
        values = [code]
        for step in steps:
            values.append(step(*(values[i] for i in step.inputs)))
        return values[output].astype(jnp.int32)

    return jax.vmap(one)(codes)


def _report(problem: QuantizationProblem, allocation: Allocation) -> tuple[QuantizedLayer, ...]:
    rows = np.searchsorted(problem.bits, allocation.bits)
    expected = allocation.perturbation
    return tuple(
        QuantizedLayer(
            layer.name,
            int(b),
            layer.parameters,
            layer.multiplications,
            None if expected is None else float(expected[i, rows[i]]),
        )
        for i, (layer, b) in enumerate(zip(problem.layers, allocation.bits, strict=True))
    )
