"""Limited-memory BFGS on the sum of squares."""

import functools
from typing import Any

import optax

from ..core import check_integer
from ._descent import begin, descend
from ._least_squares import Points
from ._optimiser import AbstractPhase, Outcome
from ._problem import PDEProblem


class LBFGS(AbstractPhase):
    """L-BFGS with a line search that meets the strong Wolfe conditions.

    Needs float64 to go on for long. When the points change its memory, which belongs to another function then, is
    emptied.

    **Arguments:** `steps`; `memory`: pairs that it remembers; `line_search`: largest number of trials in a step;
    `chunk`: steps between two rows of the history.

    **Raises:** `ValueError` for numbers out of range.

    Source: Liu & Nocedal 1989.

    >>> LBFGS(100).memory
    10
    """

    steps: int = 1000
    memory: int = 10
    line_search: int = 20
    chunk: int = 50

    def __check_init__(self):
        check_integer("memory", self.memory, minimum=1)
        check_integer("line_search", self.line_search, minimum=1)

    def start(self, trained: Any) -> Any:
        return begin(_lbfgs(self.memory, self.line_search), trained)

    def run(self, problem: PDEProblem, trained: Any, frozen: Any, points: Points, state: Any, steps: Any) -> Outcome:
        transformation = _lbfgs(self.memory, self.line_search)
        return descend(transformation, problem, trained, frozen, points, state, self.chunk, steps)

    def moved(self, trained: Any, state: Any) -> Any:
        return self.start(trained)


# One object for each setting: with another one, though of equal numbers, everything compiles again.
@functools.lru_cache(maxsize=32)
def _lbfgs(memory: int, line_search: int) -> optax.GradientTransformationExtraArgs:
    return optax.lbfgs(memory_size=memory, linesearch=optax.scale_by_zoom_linesearch(max_linesearch_steps=line_search))
