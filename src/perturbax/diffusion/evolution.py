"""Evolution of solver schedules without a predictor.

Liu et al. 2024 and the released search: a parent is drawn from the 15 best so far, with probability 0.3 crossed with
another one, and mutated; the child is scored and takes its place among the others. Children are made a few at a time,
so that one program can score them together.
"""

from typing import ClassVar, Literal

import numpy as np

from ..core import Paper, check_integer, check_number
from . import _papers
from ._archive import Archive
from ._evolution import DECISIONS, Space, child
from ._search import AbstractSearch, Objective, Proposal


class Evolution(AbstractSearch):
    """Steady-state evolution: every child is really scored.

    **Arguments:**

    - `steps`: network evaluations of the schedules.
    - `budget`: how many candidates may be scored, the known solvers and the validation of the best ones included.
    - `parents`: children descend from so many best.
    - `generation`: children that are made from the same parents.
    - `rate`: probability of each mutation.
    - `decisions`: what may be varied.
    - `final`: `"zero"` ends with the data prediction at the last node, `"eps"` at the process's smallest time.

    **Returns:** a frozen method for `diffusion.search`.

    **Raises:** `ValueError` or `TypeError` for a parameter out of range.

    Source: Liu et al. 2024, arXiv 2312.07243; numbers of the released configuration.

    >>> from perturbax import diffusion
    >>> diffusion.Evolution(steps=5).budget
    300
    """

    steps: int = 5
    budget: int = 300
    parents: int = 15
    generation: int = 8
    rate: float = 0.3
    decisions: tuple[str, ...] = DECISIONS
    final: Literal["eps", "zero"] = "eps"

    papers: ClassVar[tuple[Paper, ...]] = (_papers.USF,)

    def __check_init__(self):
        check_integer("parents", self.parents, minimum=1)
        check_integer("generation", self.generation, minimum=1)
        check_number("rate", self.rate, minimum=0.0, maximum=1.0)

    def propose(
        self, archive: Archive, space: Space, generation: int, rng: np.random.Generator, objective: Objective, left: int
    ) -> Proposal:
        parents = archive.best(self.parents)
        return Proposal([child(parents, space, rng, self.rate) for _ in range(min(self.generation, left))])
