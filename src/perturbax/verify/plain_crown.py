"""CROWN as it was published, without interval arithmetic beside it.

The adaptive lower slope minimises an area and not a bound, so that these bounds can be looser than intervals.
"""

from typing import Any, ClassVar

import equinox as eqx
from jaxtyping import Array

from ..core import Paper, check_instance, check_integer
from ._backward import Backward, places, refined, row_bounds
from ._bound import AbstractBoundMethod, Outcome
from ._graph import Graph
from ._papers import CROWN as CROWN_PAPER
from ._slope import AbstractSlope, AdaptiveSlope


class PlainCROWN(AbstractBoundMethod):
    """Backward linear bounds that are not intersected with `IBP`. A baseline, and what published numbers are of; take
    `CROWN` to prove something.

    **Arguments:** `slope`: the lower lines of ReLUs, `SameSlope()` for Fast-Lin; `chunk`: rows that are propagated at
    once.

    **Returns:** a frozen method for `verify.bound`.

    **Raises:** `TypeError`, `ValueError` for arguments that do not fit.

    Source: Zhang et al. 2018, arXiv 1811.00866.

    >>> import jax.numpy as jnp
    >>> from perturbax import verify
    >>> box = verify.Box(-jnp.ones(1), 2.0 * jnp.ones(1))
    >>> float(verify.bound(lambda x: jnp.maximum(x, 0.0), box, verify.PlainCROWN()).lower[0])
    -1.0
    """

    slope: AbstractSlope = AdaptiveSlope()
    chunk: int = eqx.field(static=True, default=1024)

    papers: ClassVar[tuple[Paper, ...]] = (CROWN_PAPER,)

    def __check_init__(self):
        check_integer("chunk", self.chunk, minimum=1)
        check_instance("slope", self.slope, AbstractSlope, "a slope such as AdaptiveSlope()")

    def intervals(self, graph: Graph) -> tuple[dict[Any, Any], int]:
        return refined(graph, places(self.slope), self.chunk, lambda backward, interval: backward)

    def propagate(self, graph: Graph, rows: Array) -> Outcome:
        known, evaluations = self.intervals(graph)
        found = row_bounds(Backward(graph, known, places(self.slope)), rows, self.chunk)
        return Outcome(*found, known, evaluations + len(rows))
