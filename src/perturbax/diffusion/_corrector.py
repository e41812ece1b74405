"""Correctors of the data prediction, applied at every evaluation: any callable `(x_0, time) -> x_0` serves.

`DynamicThreshold` and `Clip` run on arrays of any framework that has `quantile` and `clip`. A corrector that has to
know what it did at earlier evaluations is an `AbstractMemoryCorrector`.
"""

import abc
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from ..core import check_number
from ..interop import namespace_of


class AbstractMemoryCorrector(eqx.Module):
    """A corrector that carries a memory, a pytree of arrays, from one evaluation of a planned sampler to the next."""

    @abc.abstractmethod
    def begin(self, x: Any) -> Any:
        """The memory before the first evaluation, of a run that starts from `x`."""

    @abc.abstractmethod
    def correct(self, data: Any, time: Any, memory: Any) -> tuple[Any, Any]:
        """The corrected data prediction, and the memory for the next evaluation, of the same structure."""


class DynamicThreshold(eqx.Module):
    """Rescale a sample whose data prediction leaves the range: `x_0 <- clip(x_0, -s, s) / s * max`.

    `s` is the larger of `max` and the `ratio` quantile of `|x_0|` over the sample. With `ratio=1` this rescales by the
    largest value and is not a clip: see `Clip`. For data in pixel space only.

    Source: Saharia et al. 2022, section 2.3; defaults of Lu et al. 2022b, appendix.

    **Arguments:** `ratio`: quantile in (0, 1]; `max`: bound of the data, positive.

    **Raises:** `ValueError` when one is out of range.

    >>> import jax.numpy as jnp
    >>> DynamicThreshold(ratio=1.0)(jnp.array([[0.5, -2.0]]), 0.1).tolist()
    [[0.25, -1.0]]
    """

    ratio: float = 0.995
    max: float = 1.0

    def __check_init__(self):
        check_number("ratio", self.ratio, minimum=0.0, maximum=1.0)
        check_number("max", self.max, minimum=0.0, exclusive=True)

    def __call__(self, data: Any, time: Any) -> Any:
        flat = abs(data).reshape(data.shape[0], -1)
        xp: Any = jnp if isinstance(data, jax.Array) else namespace_of(data)
        bound = xp.quantile(flat, self.ratio, 1).clip(self.max)
        bound = bound.reshape((data.shape[0],) + (1,) * (data.ndim - 1))
        return data.clip(-bound, bound) * (self.max / bound)


class Clip(eqx.Module):
    """Clip the data prediction to `[-max, max]`.

    **Arguments:** `max`: bound of the data, positive.

    **Raises:** `ValueError` when `max` is not positive.

    >>> import jax.numpy as jnp
    >>> Clip()(jnp.array([[0.5, -2.0]]), 0.1).tolist()
    [[0.5, -1.0]]
    """

    max: float = 1.0

    def __check_init__(self):
        check_number("max", self.max, minimum=0.0, exclusive=True)

    def __call__(self, data: Any, time: Any) -> Any:
        return data.clip(-self.max, self.max)
