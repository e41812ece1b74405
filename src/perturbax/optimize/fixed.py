"""The same value for every instance."""

from typing import Any, ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core import Paper, check_number
from ._papers import LEARNING_TO_RELAX
from ._tuner import AbstractTuner, Choice


class Fixed(AbstractTuner):
    """One value, whatever it costs: what is done without tuning.

    **Arguments:** `value`: of the parameter.

    **Returns:** a frozen method for `optimize.tune` and `optimize.Tuner`.

    **Raises:** `ValueError`, `TypeError` for a value that is no finite number.

    Source: the baseline of Khodak et al. 2024, arXiv 2310.02246.

    >>> from perturbax import optimize
    >>> optimize.Fixed(1.8).values
    (1.8,)
    """

    value: float = 1.0

    papers: ClassVar[tuple[Paper, ...]] = (LEARNING_TO_RELAX,)

    def __check_init__(self):
        check_number("value", self.value)

    @property
    def values(self) -> tuple[float, ...]:
        return (self.value,)

    def init(self) -> tuple[()]:
        return ()

    def ask(self, state: tuple[()], context: Float[Array, ""], key: Any) -> Choice:
        return Choice(jnp.asarray(self.value), jnp.zeros((), jnp.int32), jnp.ones(1), context, jnp.full((), jnp.nan))

    def tell(self, state: tuple[()], choice: Choice, cost: Float[Array, ""]) -> tuple[()]:
        return ()
