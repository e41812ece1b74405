"""What a perturbation is: a random change with a strength."""

import abc
from typing import Any

import equinox as eqx

from ..core import check_number


class AbstractPerturbation(eqx.Module):
    """A random change of something, called as `p(x, key=key)`.

    The result is of the kind of `x` (arrays of its shape and dtype, texts for texts), depends on `x` and `key` only,
    and is `x` itself when `strength` is 0. What a strength means, its unit and its upper end, each class says.

    A subclass has the field `strength` and the method `__call__`; nothing else is asked of it.

    >>> import jax
    >>> class Noise(AbstractPerturbation):
    ...     strength: float = 1.0
    ...
    ...     def __call__(self, x, *, key):
    ...         return x + self.strength * jax.random.normal(key, x.shape, x.dtype)
    >>> Noise(0.1)(jax.numpy.zeros(3), key=jax.random.key(0)).shape
    (3,)
    """

    strength: eqx.AbstractVar[Any]

    def __check_init__(self):
        check_number("strength", self.strength, minimum=0.0)

    @abc.abstractmethod
    def __call__(self, x: Any, *, key: Any) -> Any:
        """The perturbed `x`."""
