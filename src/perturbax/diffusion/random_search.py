"""Random search for solver schedules, the baseline of every other search (Bergstra & Bengio 2012)."""

from typing import ClassVar, Literal

import numpy as np

from ..core import Paper
from ._archive import Archive
from ._evolution import DECISIONS, Space, random_schedule
from ._search import AbstractSearch, Objective, Proposal

_GENERATION = 16


class RandomSearch(AbstractSearch):
    """Independent random schedules, after the known solvers.

    **Arguments:**

    - `steps`: network evaluations of the schedules.
    - `budget`: how many candidates may be scored, the known solvers and the validation of the best ones included.
    - `decisions`: what is drawn; the rest is as in DDIM.
    - `final`: `"zero"` ends with the data prediction at the last node, `"eps"` at the process's smallest time.

    **Returns:** a frozen method for `diffusion.search`.

    **Raises:** `ValueError` or `TypeError` for a parameter out of range.

    Source: Bergstra & Bengio 2012.

    >>> from perturbax import diffusion
    >>> diffusion.RandomSearch(steps=5, budget=100).steps
    5
    """

    steps: int = 5
    budget: int = 300
    decisions: tuple[str, ...] = DECISIONS
    final: Literal["eps", "zero"] = "eps"

    papers: ClassVar[tuple[Paper, ...]] = (
        Paper(
            title="Random Search for Hyper-Parameter Optimization",
            authors=("James Bergstra", "Yoshua Bengio"),
            year=2012,
            venue="Journal of Machine Learning Research",
        ),
    )

    def propose(
        self, archive: Archive, space: Space, generation: int, rng: np.random.Generator, objective: Objective, left: int
    ) -> Proposal:
        return Proposal([random_schedule(space, rng) for _ in range(min(_GENERATION, left))])
