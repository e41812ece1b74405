"""The best fixed value of a grid, known when all is over: what a tuner without contexts competes with."""

from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..core import Paper
from ._papers import LEARNING_TO_RELAX
from ._reference import AbstractReference
from ._sequence import AbstractSequence
from ._tuner import RELAXATIONS, as_grid


class BestInHindsight(AbstractReference):
    """Goes through the whole sequence with every value, and then with the one whose total was smallest.

    **Arguments:** `grid`: the values, ascending.

    **Returns:** a frozen method for `optimize.tune`.

    **Raises:** `ValueError`, `TypeError` for a grid that does not ascend.

    Source: the comparator of regret; Khodak et al. 2024, arXiv 2310.02246.

    >>> import jax
    >>> from perturbax import optimize
    >>> costs = optimize.CostTable([[3.0, 5.0], [9.0, 6.0]], values=[1.0, 1.5])
    >>> optimize.tune(costs, optimize.BestInHindsight(grid=[1.0, 1.5]), key=jax.random.key(0)).values.tolist()
    [1.5, 1.5]
    """

    grid: tuple[float, ...] = eqx.field(default=RELAXATIONS, converter=as_grid)

    papers: ClassVar[tuple[Paper, ...]] = (LEARNING_TO_RELAX,)

    @property
    def values(self) -> tuple[float, ...]:
        return self.grid

    def prepare(self, problem: AbstractSequence) -> tuple[Any, int]:
        if problem.traceable:
            totals = _totals(problem, jnp.asarray(self.grid))
        else:
            totals = jnp.asarray([_total_on_host(problem, value) for value in self.grid])
        return jnp.asarray(self.grid)[jnp.argmin(totals)], len(self.grid) * problem.length

    def decide(self, problem: AbstractSequence, prepared: Any, carry: Any, t: Any) -> Float[Array, ""]:
        return prepared


@eqx.filter_jit
def _totals(problem: AbstractSequence, grid: Array) -> Float[Array, " values"]:
    def total(value: Array) -> Array:
        def step(carry: Any, t: Any) -> Any:
            carry, played = problem.play(carry, t, value)
            return carry, played.cost

        return jnp.sum(jax.lax.scan(step, problem.start(), jnp.arange(problem.length))[1])

    return jax.lax.map(total, grid)


def _total_on_host(problem: AbstractSequence, value: float) -> float:
    carry, costs = problem.start(), []
    for t in range(problem.length):
        carry, played = problem.play(carry, t, value)
        costs.append(float(played.cost))
    return float(np.sum(costs))
