"""A tuner for each of several bins of the context.

The interval of the contexts is cut into `m` bins of equal width, and an independent copy of a tuner without contexts
serves each.
"""

from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from ..core import Paper, check_instance, check_integer
from ._papers import LEARNING_TO_RELAX
from ._tuner import AbstractTuner, Choice, as_interval


class Binned(AbstractTuner):
    """`Binned(TsallisINF(), interval)` is the contextual method Tsallis-INF-CB of Khodak et al.

    Nothing is shared between bins: with `m` bins it takes about `m` times as many rounds to learn, but it asks for no
    smoothness in the context.

    **Arguments:** `tuner`: the method that is copied; `interval`: from the smallest to the largest context, what lies
    outside goes to the nearest bin; `bins`: their number.

    **Returns:** a frozen method for `optimize.tune` and `optimize.Tuner`.

    **Raises:** `ValueError`, `TypeError` for a tuner that is none or needs a context, an interval that does not ascend
    or no bin.

    Source: Khodak et al. 2024, arXiv 2310.02246.

    >>> from perturbax import optimize
    >>> optimize.Binned(optimize.TsallisINF(), interval=(-0.15, 0.45)).init().rounds.shape
    (5,)
    """

    tuner: AbstractTuner
    interval: tuple[float, float] = eqx.field(converter=as_interval)
    bins: int = 5

    needs_context: ClassVar[bool] = True
    papers: ClassVar[tuple[Paper, ...]] = (LEARNING_TO_RELAX,)

    def __check_init__(self):
        check_instance("tuner", self.tuner, AbstractTuner, "a method such as TsallisINF()")
        if self.tuner.needs_context:
            raise ValueError(f"tuner must need no context, {type(self.tuner).__name__} does")
        check_integer("bins", self.bins, minimum=1)

    @property
    def values(self) -> tuple[float, ...]:
        return self.tuner.values

    @property
    def least(self) -> float:
        return self.tuner.least

    @property
    def domain(self) -> tuple[float, float]:
        return self.interval

    def init(self) -> Any:
        return jax.tree.map(lambda leaf: jnp.stack([leaf] * self.bins), self.tuner.init())

    def ask(self, state: Any, context: Float[Array, ""], key: Any) -> Choice:
        at = self._bin(context)
        return self.tuner.ask(jax.tree.map(lambda leaf: leaf[at], state), context, key)

    def tell(self, state: Any, choice: Choice, cost: Float[Array, ""]) -> Any:
        at = self._bin(choice.context)
        new = self.tuner.tell(jax.tree.map(lambda leaf: leaf[at], state), choice, cost)
        return jax.tree.map(lambda leaf, one: leaf.at[at].set(one), state, new)

    def _bin(self, context: Array) -> Int[Array, ""]:
        low, high = self.interval
        return jnp.clip(jnp.floor((context - low) / (high - low) * self.bins), 0, self.bins - 1).astype(jnp.int32)
