"""What `CROWN` and `AlphaCROWN` share: how neurons are bounded, and where relaxations lie at first."""

from typing import Any

import equinox as eqx

from ..core import check_instance, check_integer
from ._backward import places, refined
from ._bound import AbstractBoundMethod
from ._graph import Graph
from ._sets import Interval
from ._slope import AbstractSlope


class AbstractCROWN(AbstractBoundMethod):
    """Backward linear bounds on intervals of a method, or on their own joined with interval arithmetic."""

    intermediate: eqx.AbstractVar[AbstractBoundMethod | None]
    slope: eqx.AbstractVar[AbstractSlope]
    chunk: eqx.AbstractVar[int]

    def __check_init__(self):
        check_integer("chunk", self.chunk, minimum=1)
        check_instance("slope", self.slope, AbstractSlope, "a slope such as AdaptiveSlope()")
        if self.intermediate is not None:
            check_instance("intermediate", self.intermediate, AbstractBoundMethod, "a method such as IBP()")

    def intervals(self, graph: Graph) -> tuple[dict[Any, Any], int]:
        if self.intermediate is not None:
            return self.intermediate.intervals(graph)
        return refined(graph, places(self.slope), self.chunk, Interval.intersect)
