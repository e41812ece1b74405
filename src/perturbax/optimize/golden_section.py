r"""The best value of each instance, by a coarse grid and golden sections around its best point.

Between the neighbours `a < b` of the best point of a grid, with `g = (sqrt 5 - 1) / 2`, the cost is taken at
`b - g (b - a)` and `a + g (b - a)`, and the part beyond the worse of the two is left away. Counts of iterations are
steps, so this finds a minimum of the rounded cost, and the best value that was tried is kept.
"""

from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core import Paper, check_integer
from ._papers import GOLDEN_SECTION, LEARNING_TO_RELAX
from ._reference import AbstractReference
from ._sequence import AbstractSequence
from ._tuner import as_grid

_G = (5.0**0.5 - 1.0) / 2.0


class GoldenSection(AbstractReference):
    """Solves every instance again and again for its own best value: the instance-optimal reference.

    **Arguments:** `grid`: values that are tried first, ascending, at least three; `sections`: further solves of an
    instance.

    **Returns:** a frozen method for `optimize.tune`, of problems that can be compiled.

    **Raises:** `ValueError`, `TypeError` for a grid that does not ascend or is too short, or a number out of range.

    Source: Kiefer 1953; as a reference Khodak et al. 2024, arXiv 2310.02246, whose grid this is.

    >>> import jax
    >>> from perturbax import optimize
    >>> costs = optimize.CostTable([[3.0, 5.0, 7.0], [9.0, 6.0, 8.0]], values=[1.0, 1.5, 1.9])
    >>> method = optimize.GoldenSection(grid=[1.0, 1.5, 1.9])
    >>> optimize.tune(costs, method, key=jax.random.key(0)).costs.tolist()
    [3.0, 6.0]
    """

    grid: tuple[float, ...] = eqx.field(default=(1.0, 1.3, 1.5, 1.75, 1.95), converter=as_grid)
    sections: int = 7

    papers: ClassVar[tuple[Paper, ...]] = (LEARNING_TO_RELAX, GOLDEN_SECTION)

    def __check_init__(self):
        if len(self.grid) < 3:
            raise ValueError(f"grid must have at least 3 values, got {len(self.grid)}")
        check_integer("sections", self.sections, minimum=2)

    @property
    def values(self) -> tuple[float, ...]:
        return self.grid

    @property
    def solves(self) -> int:
        return len(self.grid) + self.sections

    def prepare(self, problem: AbstractSequence) -> tuple[Any, int]:
        if not problem.traceable:
            raise TypeError(f"problem must be traceable for GoldenSection, {type(problem).__name__} is not")
        return None, 0

    def decide(self, problem: AbstractSequence, prepared: Any, carry: Any, t: Any) -> Float[Array, ""]:
        def cost(value: Array) -> Array:
            return problem.play(carry, t, value)[1].cost

        grid = jnp.asarray(self.grid)
        costs = jax.lax.map(cost, grid)
        best = jnp.argmin(costs)
        a, b = grid[jnp.maximum(best - 1, 0)], grid[jnp.minimum(best + 1, grid.size - 1)]
        left, right = b - _G * (b - a), a + _G * (b - a)
        first = (a, b, left, right, cost(left), cost(right))

        def section(_: Any, state: Any) -> Any:
            (a, b, left, right, at_left, at_right), found = state
            to_left = at_left <= at_right
            a, b = jnp.where(to_left, a, left), jnp.where(to_left, right, b)
            new = jnp.where(to_left, b - _G * (b - a), a + _G * (b - a))
            at_new = cost(new)
            left, right = jnp.where(to_left, new, right), jnp.where(to_left, left, new)
            at_left, at_right = jnp.where(to_left, at_new, at_right), jnp.where(to_left, at_left, at_new)
            return (a, b, left, right, at_left, at_right), _better(found, (new, at_new))

        found = _better((grid[best], costs[best]), (left, first[4]))
        found = _better(found, (right, first[5]))
        _, (value, _) = jax.lax.fori_loop(0, self.sections - 2, section, (first, found))
        return value


def _better(one: tuple[Array, Array], other: tuple[Array, Array]) -> tuple[Array, Array]:
    improved = other[1] < one[1]
    return jnp.where(improved, other[0], one[0]), jnp.where(improved, other[1], one[1])
