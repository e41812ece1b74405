"""References that see what no solver may: the costs of values that were not played."""

import abc
from typing import Any

from jaxtyping import Array, Float

from ..core import Method
from ._sequence import AbstractSequence


class AbstractReference(Method):
    """A method of `optimize.tune` that solves instances more than once. It shows what could be had, at any price."""

    @property
    @abc.abstractmethod
    def values(self) -> tuple[float, ...]:
        """Values that it will try, for checks."""

    @property
    def solves(self) -> int:
        """How many solves a decision takes."""
        return 0

    def prepare(self, problem: AbstractSequence) -> tuple[Any, int]:
        """What is found out before the first instance, and how many solves that took."""
        return None, 0

    @abc.abstractmethod
    def decide(self, problem: AbstractSequence, prepared: Any, carry: Any, t: Any) -> Float[Array, ""]:
        """The value for instance `t`, which begins with `carry`."""
