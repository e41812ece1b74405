"""From a network's raw output to what a sampler asks for: guidance, conversion, correction.

At a node of the process the raw output `y` of the network becomes `x_0 = a x + b y`; guidance that acts on the data
and correctors are applied to `x_0`; and what the sampler asked for, data or noise, is again linear in `x` and `x_0`.
Without any of them the conversion is one linear map.
"""

import abc
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from ..interop import concatenate
from ._corrector import AbstractMemoryCorrector
from ._prediction import AbstractPrediction, Data
from ._process import namespace


class Row(eqx.Module):
    """What a denoiser reads of a stage: times, and the coefficient pairs of the conversions (arrays over stages, or one
    stage)."""

    time: Any
    model_time: Any
    direct: Any
    to_data: Any
    to_noise: Any
    from_data: Any
    tilt: Any


def conversion_row(
    prediction: AbstractPrediction, time: Any, model_time: Any, alpha: Any, sigma: Any, wants_data: Any
) -> Row:
    """The row at one node, or the columns at several; traced values give traced rows."""
    xp = namespace(time, alpha, sigma)

    def pair(coefficients: tuple[Any, Any]) -> Any:
        return xp.stack(xp.broadcast_arrays(*coefficients, alpha + 0.0 * sigma)[:2], axis=-1)

    wants = xp.asarray(wants_data)[..., None]
    to_data, to_noise = pair(prediction.data(alpha, sigma)), pair(prediction.noise(alpha, sigma))
    return Row(
        time=time,
        model_time=model_time,
        direct=xp.where(wants, to_data, to_noise),
        to_data=to_data,
        to_noise=to_noise,
        from_data=xp.where(wants, pair(Data().data(alpha, sigma)), pair(Data().noise(alpha, sigma))),
        tilt=sigma**2 / alpha,
    )


class AbstractGuidance(eqx.Module):
    """A change of the network's output towards a condition."""

    scale: eqx.AbstractVar[Any]

    @abc.abstractmethod
    def raw(self, model: Callable, x: Any, model_time: Any, condition: Any) -> Any:
        """The network's output under guidance."""

    def data(self, x: Any, data: Any, row: Row) -> Any:
        """The data prediction under guidance."""
        return data


class ClassifierFree(AbstractGuidance):
    """`y = y_u + scale (y_c - y_u)`, both outputs from one call on a doubled batch; `scale=1` calls `y_c` only.

    Also known as CFG. Source: Ho & Salimans 2022, equation 6 (their `w` is `scale - 1`).

    **Arguments:**

    - `scale`: guidance scale; 1 is the conditional model, 0 the unconditional one.
    - `unconditional`: the condition of the unconditional model, a pytree like the problem's `condition` whose leaves
      have a leading axis of 1 or of the batch.

    >>> from perturbax import diffusion
    >>> diffusion.ClassifierFree(4.0, unconditional=0).scale
    4.0
    """

    scale: Any
    unconditional: Any

    def raw(self, model: Callable, x: Any, model_time: Any, condition: Any) -> Any:
        join = (lambda a, b: jnp.concatenate((a, b))) if isinstance(x, jax.Array) else concatenate
        doubled = join(x, x)
        both = checked_output(
            "model", model(doubled, model_time, jax.tree.map(join, condition, self.unconditional)), doubled
        )
        conditional, unconditional = both[: x.shape[0]], both[x.shape[0] :]
        return unconditional + self.scale * (conditional - unconditional)


class ClassifierGuidance(AbstractGuidance):
    """`e = e - scale sigma grad_x log p(c | x)`, with the gradient of a JAX classifier taken at every evaluation.

    Source: Dhariwal & Nichol 2021, algorithm 2.

    **Arguments:**

    - `scale`: guidance scale; 0 is the model alone.
    - `log_prob`: JAX function of `(x, model_time)` that returns `log p(c | x)` of every sample, shape `(batch,)`.

    >>> from perturbax import diffusion
    >>> diffusion.ClassifierGuidance(2.0, lambda x, t: -0.5 * (x**2).sum(-1)).scale
    2.0
    """

    scale: Any
    log_prob: Callable

    def raw(self, model: Callable, x: Any, model_time: Any, condition: Any) -> Any:
        return call_model(model, x, model_time, condition)

    def data(self, x: Any, data: Any, row: Row) -> Any:
        def total(x: Any) -> Any:
            log_prob = self.log_prob(x, row.model_time)
            if jnp.shape(log_prob) != x.shape[:1]:
                raise ValueError(
                    f"guidance.log_prob must return one value for every sample, shape {x.shape[:1]}, "
                    f"got {jnp.shape(log_prob)}"
                )
            return jnp.sum(log_prob)

        gradient = jax.grad(total)(x)
        return data + self.scale * row.tilt * gradient


def call_model(model: Callable, x: Any, model_time: Any, condition: Any) -> Any:
    """Call the network with the condition if there is one."""
    return model(x, model_time) if condition is None else model(x, model_time, condition)


class Denoiser(eqx.Module):
    """A network with its guidance and corrector."""

    model: Callable
    guidance: AbstractGuidance | None
    corrector: Callable | AbstractMemoryCorrector | None

    def __call__(self, x: Any, row: Row, condition: Any) -> tuple[Any, Any, Any]:
        """The output that the stage asks for, the data prediction that it stands for, and the uncorrected noise."""
        if isinstance(self.corrector, AbstractMemoryCorrector):
            raise TypeError(
                f"corrector {type(self.corrector).__name__} carries a memory from step to step, for which `sample` "
                "needs a method with fixed steps"
            )
        return self.evaluate(x, row, condition, None)[:3]

    def begin(self, x: Any) -> Any:
        """The memory of the corrector before the first evaluation; `None` when it has none."""
        return self.corrector.begin(x) if isinstance(self.corrector, AbstractMemoryCorrector) else None

    def evaluate(self, x: Any, row: Row, condition: Any, memory: Any) -> tuple[Any, Any, Any, Any]:
        """As when called, and the memory of the corrector for the next evaluation."""
        raw = self._raw(x, row.model_time, condition)
        noise = _combine(row.to_noise, x, raw)
        if self.corrector is None and not isinstance(self.guidance, ClassifierGuidance):
            return _combine(row.direct, x, raw), _combine(row.to_data, x, raw), noise, memory
        data = _combine(row.to_data, x, raw)
        if self.guidance is not None:
            data = self.guidance.data(x, data, row)
        if isinstance(self.corrector, AbstractMemoryCorrector):
            corrected, memory = self.corrector.correct(data, row.time, memory)
            data = checked_output("corrector", corrected, data)
        elif self.corrector is not None:
            data = checked_output("corrector", self.corrector(data, row.time), data)
        return _combine(row.from_data, x, data), data, noise, memory

    def _raw(self, x: Any, model_time: Any, condition: Any) -> Any:
        if self.guidance is None:
            raw = call_model(self.model, x, model_time, condition)
        else:
            raw = self.guidance.raw(self.model, x, model_time, condition)
        return checked_output("model", raw, x)


def checked_output(name: str, output: Any, wanted: Any) -> Any:
    """An output of the shape of its input, in its dtype."""
    shape = tuple(wanted.shape)
    if not hasattr(output, "shape") or not hasattr(output, "dtype"):
        raise TypeError(f"{name} must return an array of shape {shape}, got {type(output).__name__}")
    if tuple(output.shape) != shape:
        raise ValueError(f"{name} must return the shape of its input, {shape}, got {tuple(output.shape)}")
    if not is_floating(output.dtype):
        raise TypeError(f"{name} must return floating numbers, got dtype {output.dtype}")
    if output.dtype == wanted.dtype:
        return output
    return output.astype(wanted.dtype) if hasattr(output, "astype") else output.to(wanted.dtype)


def is_floating(dtype: Any) -> bool:
    """Whether a dtype of any framework holds real floating numbers: all of them have it in the name."""
    return "float" in str(dtype)


def _combine(pair: Any, x: Any, y: Any) -> Any:
    a, b = pair[0], pair[1]
    if isinstance(a, float) and a == 0.0:
        return y if b == 1.0 else b * y
    return a * x + b * y


def as_values(guidance: AbstractGuidance | None, dtype: Any) -> AbstractGuidance | None:
    """The guidance with its scale as an array, so that another scale does not recompile."""
    if guidance is None:
        return None
    return eqx.tree_at(lambda g: g.scale, guidance, jnp.asarray(guidance.scale, dtype))
