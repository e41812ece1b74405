"""Which networks play against each other: generators of traces and critics of them."""

import abc
from typing import Any

import equinox as eqx

from ..core import check_integer
from ..nn import ConditionalMLP


class AbstractPlayers(eqx.Module):
    """The form of a generator and a critic."""

    @abc.abstractmethod
    def generator(self, latent: int, conditions: int, size: int, key: Any) -> Any:
        """A network `G(z, p)` from `latent` noise and `conditions` parameters to traces of `size` components."""

    @abc.abstractmethod
    def critic(self, size: int, conditions: int, key: Any) -> Any:
        """A network `D(u, p)` with a number for each trace."""


class Perceptrons(AbstractPlayers):
    """Multi-layer perceptrons with leaky rectified units of slope 0.2: for boundaries of any form.

    **Arguments:** `hidden`: widths of the hidden layers of both.

    **Raises:** `TypeError`, `ValueError` for a width smaller than 1, or none.

    >>> import jax
    >>> Perceptrons((8,)).critic(4, 1, jax.random.key(0)).scalar
    True
    """

    hidden: tuple[int, ...] = (128, 128)

    def __check_init__(self):
        if not self.hidden:
            raise ValueError("hidden must name at least one layer, got none")
        for i, width in enumerate(self.hidden):
            check_integer(f"hidden[{i}]", width, minimum=1)

    def generator(self, latent: int, conditions: int, size: int, key: Any) -> ConditionalMLP:
        return ConditionalMLP(latent, conditions, self.hidden, size, key=key)

    def critic(self, size: int, conditions: int, key: Any) -> ConditionalMLP:
        return ConditionalMLP(size, conditions, self.hidden, None, key=key)
