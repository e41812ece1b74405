"""Adam on the sum of squares."""

from typing import Any

from ..core import adam, check_number
from ._descent import begin, descend
from ._least_squares import Points
from ._optimiser import AbstractPhase, Outcome
from ._problem import PDEProblem


class Adam(AbstractPhase):
    """Adam, with a rate that falls to 0 as a cosine.

    For large numbers of parameters and points that change all the time; where `LM` fits, it is far more accurate.

    **Arguments:** `steps`; `learning_rate`: at the start; `chunk`: steps between two rows of the history.

    **Raises:** `ValueError` for numbers out of range.

    Source: Kingma & Ba 2015 (arXiv 1412.6980).

    >>> Adam(1000).learning_rate
    0.001
    """

    steps: int = 10_000
    learning_rate: float = 1e-3
    chunk: int = 100

    def __check_init__(self):
        check_number("learning_rate", self.learning_rate, minimum=0.0, exclusive=True)

    def start(self, trained: Any) -> Any:
        return begin(self._transformation, trained)

    def run(self, problem: PDEProblem, trained: Any, frozen: Any, points: Points, state: Any, steps: Any) -> Outcome:
        return descend(self._transformation, problem, trained, frozen, points, state, self.chunk, steps)

    @property
    def _transformation(self) -> Any:
        return adam(self.learning_rate, self.steps)
