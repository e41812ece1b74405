r"""UCB1: the arm that may be best, as far as is known.

Every arm once; then, with the mean cost `m_i` of arm `i` in `n_i` plays, the largest cost `K` so far and `t` rounds,

    i = argmin_i   m_i / K - sqrt(2 log t / n_i).
"""

from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core import Paper
from ._papers import UCB1 as UCB1_PAPER
from ._tuner import RELAXATIONS, AbstractBandit, Choice, as_grid


class _State(eqx.Module):
    plays: Float[Array, " arms"]
    totals: Float[Array, " arms"]
    largest: Float[Array, ""]


class UCB1(AbstractBandit):
    """Optimism: the smallest lower confidence bound of the mean cost. It draws nothing at random.

    For costs that are independent and identically distributed. A cost that drifts in time misleads it, and so does a
    simulation whose phases repeat.

    **Arguments:** `grid`: the values to choose from, ascending.

    **Returns:** a frozen method for `optimize.tune` and `optimize.Tuner`.

    **Raises:** `ValueError`, `TypeError` for a grid that does not ascend.

    Source: Auer, Cesa-Bianchi & Fischer 2002; costs are scaled by the largest so far, because their range is not known.

    >>> from perturbax import optimize
    >>> optimize.UCB1(grid=[0.5, 1.0]).grid
    (0.5, 1.0)
    """

    grid: tuple[float, ...] = eqx.field(default=RELAXATIONS, converter=as_grid)

    papers: ClassVar[tuple[Paper, ...]] = (UCB1_PAPER,)

    def init(self) -> _State:
        zeros = jnp.zeros(len(self.grid))
        return _State(zeros, zeros, jnp.zeros(()))

    def ask(self, state: _State, context: Float[Array, ""], key: Any) -> Choice:
        n = jnp.maximum(state.plays, 1.0)
        largest = jnp.where(state.largest > 0.0, state.largest, 1.0)
        t = jnp.maximum(jnp.sum(state.plays), 1.0)
        bound = state.totals / n / largest - jnp.sqrt(2.0 * jnp.log(t) / n)
        bound = jnp.where(state.plays > 0.0, bound, -jnp.inf)
        return self.draw(jax.nn.one_hot(jnp.argmin(bound), len(self.grid)), context, key)

    def tell(self, state: _State, choice: Choice, cost: Float[Array, ""]) -> _State:
        plays = state.plays.at[choice.arm].add(1.0)
        totals = state.totals.at[choice.arm].add(cost)
        return _State(plays, totals, jnp.maximum(state.largest, cost))
