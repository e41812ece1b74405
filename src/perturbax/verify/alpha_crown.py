"""alpha-CROWN: the slopes that a relaxation may choose are chosen by gradient ascent.

Each relaxation has a place `alpha` in [0, 1] within the sound ones: the lower slope of a ReLU, the point where a
tangent touches, the share of one McCormick plane. For every row `c` by itself

    alpha <- clip(alpha + Adam(d lower(c; alpha) / d alpha), 0, 1)

with a learning rate that decays. Every iterate is a bound and the best one is kept, so that no bound is looser than
that of `CROWN` with the same intermediate intervals, which stay fixed.
"""

from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array

from ..core import Paper, check_integer, check_number
from ._backward import Backward, each_row, interval_rows, least, places
from ._bound import AbstractBoundMethod, Outcome
from ._crown import AbstractCROWN
from ._graph import Graph
from ._papers import ALPHA_CROWN, AUTO_LIRPA
from ._relax import movable
from ._slope import AbstractSlope, AdaptiveSlope


class AlphaCROWN(AbstractCROWN):
    """Backward linear bounds with optimised relaxations, a set of them for each row of the output. The cost is `steps`
    times two evaluations of the last pass of `CROWN`.

    **Arguments:**

    - `intermediate`: the method that bounds the neurons, `None` for CROWN.
    - `steps`: of gradient ascent; `learning_rate` and its `decay` per step.
    - `slope`: of ReLUs at the start.
    - `chunk`: rows that are optimised at once.

    **Returns:** a frozen method for `verify.bound`.

    **Raises:** `TypeError`, `ValueError` for arguments that do not fit.

    Source: Xu et al. 2021, arXiv 2011.13824.

    >>> import jax.numpy as jnp
    >>> from perturbax import verify
    >>> box = verify.Box(-jnp.ones(1), 2.0 * jnp.ones(1))
    >>> linear = verify.bound(lambda x: jnp.maximum(x, 0.0), box, verify.AlphaCROWN(steps=5)).linear
    >>> float(linear.lower_coefficients[0, 0])
    0.0
    """

    intermediate: AbstractBoundMethod | None = None
    steps: int = eqx.field(static=True, default=50)
    learning_rate: Any = 0.5
    decay: Any = 0.98
    slope: AbstractSlope = AdaptiveSlope()
    chunk: int = eqx.field(static=True, default=256)

    papers: ClassVar[tuple[Paper, ...]] = (AUTO_LIRPA, ALPHA_CROWN)

    def __check_init__(self):
        check_integer("steps", self.steps, minimum=1)
        check_number("learning_rate", self.learning_rate, minimum=0.0, exclusive=True)
        check_number("decay", self.decay, minimum=0.0, maximum=1.0)

    def propagate(self, graph: Graph, rows: Array) -> Outcome:
        known, evaluations = self.intervals(graph)
        start = movable(graph.program, known, places(self.slope))
        schedule = optax.exponential_decay(self.learning_rate, 1, self.decay)
        optimizer = optax.adam(schedule)

        def linear(alpha: list[Array], row: Array) -> Any:
            at = dict(zip(start, alpha, strict=True))
            backward = Backward(graph, known, lambda equation, values: at.get(equation, 0.5))
            coefficients, constant = backward.linear(graph.output, row)
            return least(graph, coefficients, constant), coefficients, constant

        def optimise(row: Array) -> Any:
            def ascend(carry: Any, _: Any) -> tuple[Any, None]:
                alpha, state, best, best_alpha = carry
                value, slope = jax.value_and_grad(lambda alpha: linear(alpha, row)[0])(alpha)
                best_alpha = jax.tree.map(lambda new, old: jnp.where(value > best, new, old), alpha, best_alpha)
                # Adam descends, and a gradient that is not a number moves nothing.
                slope = jax.tree.map(lambda g: -jnp.nan_to_num(g), slope)
                update, state = optimizer.update(slope, state)
                alpha = jax.tree.map(lambda a, u: jnp.clip(a + u, 0.0, 1.0), alpha, update)
                return (alpha, state, jnp.maximum(value, best), best_alpha), None

            alpha = list(start.values())
            first = (alpha, optimizer.init(alpha), jnp.asarray(-jnp.inf, row.dtype), alpha)
            (alpha, _, best, best_alpha), _ = jax.lax.scan(ascend, first, length=self.steps)
            last = linear(alpha, row)
            return jax.tree.map(lambda a, b: jnp.where(last[0] > best, a, b), last, linear(best_alpha, row))

        lower, coefficients, constants = each_row(optimise, rows, self.chunk)
        lower = jnp.maximum(lower, interval_rows(known[graph.output], rows))
        return Outcome(lower, coefficients, constants, known, evaluations + (self.steps + 2) * len(rows))
