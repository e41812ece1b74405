r"""Exp3: exponential weights on estimated costs.

With estimated excess costs `k_i`, their mean `s` and `eta = sqrt(log d / (d t))` for `d` arms in round `t`,

    p_i ~ exp(-eta k_i / s),      k_i <- k_i + (l_t - l_min) / p_i   for the arm that was played.
"""

from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core import Paper
from ._cost_estimator import EstimatedCosts
from ._papers import EXP3 as EXP3_PAPER
from ._papers import EXP3_ANYTIME
from ._tuner import RELAXATIONS, AbstractBandit, Choice, as_grid, check_least


class Exp3(AbstractBandit):
    """Exponential weights for exploration and exploitation, with a rate that needs no horizon.

    The classical baseline for costs that an adversary may choose; `TsallisINF` learns faster on random ones.

    **Arguments:** `grid`: the values to choose from, ascending; `least_cost`: what a solve costs at least.

    **Returns:** a frozen method for `optimize.tune` and `optimize.Tuner`.

    **Raises:** `ValueError`, `TypeError` for a grid that does not ascend or a negative cost.

    Source: Auer et al. 2002; the rate is that of Bubeck & Cesa-Bianchi 2012, arXiv 1204.5721.

    >>> from perturbax import optimize
    >>> len(optimize.Exp3().grid)
    20
    """

    grid: tuple[float, ...] = eqx.field(default=RELAXATIONS, converter=as_grid)
    least_cost: float = 1.0

    papers: ClassVar[tuple[Paper, ...]] = (EXP3_PAPER, EXP3_ANYTIME)

    def __check_init__(self):
        check_least(self.least_cost)

    @property
    def least(self) -> float:
        return self.least_cost

    def init(self) -> EstimatedCosts:
        return EstimatedCosts.none(len(self.grid))

    def ask(self, state: EstimatedCosts, context: Float[Array, ""], key: Any) -> Choice:
        d = len(self.grid)
        eta = jnp.sqrt(jnp.log(d) / (d * (state.rounds + 1.0)))
        return self.draw(jax.nn.softmax(-eta * state.k / state.scale), context, key)

    def tell(self, state: EstimatedCosts, choice: Choice, cost: Float[Array, ""]) -> EstimatedCosts:
        excess = cost - self.least_cost
        estimate = jnp.zeros_like(state.k).at[choice.arm].set(excess / choice.probabilities[choice.arm])
        return state.told(estimate, excess)
