"""S^3: a predictor-based search for solver schedules.

Liu, Ning, Yang & Wang 2024, *A Unified Sampling Framework for Solver Searching of Diffusion Probabilistic Models*,
arXiv 2312.07243. With an archive of scored schedules, in every round

    1. train a predictor of the order of their scores;
    2. evolve a population on what the predictor says, which costs no evaluation of the network;
    3. really score the `top_k` that it thinks best, and add them to the archive.
"""

from typing import ClassVar, Literal

import numpy as np

from ..core import Paper, check_instance, check_integer, check_number
from . import _papers
from ._archive import Archive
from ._evolution import DECISIONS, Space, child
from ._sample import Sampling
from ._schedule import SolverSchedule
from ._schedule_predictor import AbstractPredictor, Ranking, RecurrentPredictor
from ._search import FINALISTS, AbstractSearch, Objective, Proposal, SearchResult, space_of


class S3(AbstractSearch):
    """Evolution on a learned ranking, of which only the best are really scored.

    Worth its own training, a third of a second per round on a processor, where scoring candidates takes longer.

    **Arguments:**

    - `steps`: network evaluations of the schedules.
    - `budget`: how many candidates may be scored, the known solvers and the validation of the best ones included.
    - `top_k`: candidates that are scored in a round. Few, so that the predictor soon learns where it was wrong.
    - `population`: of the evolution on the ranking; `generations`: how long it runs.
    - `parents`: real parents are drawn from so many best.
    - `rate`: probability of each mutation.
    - `predictor`: `RecurrentPredictor()` or `DensePredictor()`.
    - `decisions`: what may be varied.
    - `final`: `"zero"` ends with the data prediction at the last node, `"eps"` at the process's smallest time.

    **Returns:** a frozen method for `diffusion.search`.

    **Raises:** `ValueError` or `TypeError` for a parameter out of range.

    Source: Liu et al. 2024; evolution with the numbers of the released configuration.

    >>> from perturbax import diffusion
    >>> diffusion.S3(steps=5).top_k
    8
    """

    steps: int = 5
    budget: int = 300
    top_k: int = 8
    population: int = 50
    generations: int = 1
    parents: int = 15
    rate: float = 0.3
    predictor: AbstractPredictor = RecurrentPredictor()
    decisions: tuple[str, ...] = DECISIONS
    final: Literal["eps", "zero"] = "eps"

    papers: ClassVar[tuple[Paper, ...]] = (_papers.USF,)

    def __check_init__(self):
        for name in ("top_k", "population", "generations", "parents"):
            check_integer(name, getattr(self, name), minimum=1)
        check_number("rate", self.rate, minimum=0.0, maximum=1.0)
        check_instance("predictor", self.predictor, AbstractPredictor, "a predictor such as RecurrentPredictor()")

    def propose(
        self, archive: Archive, space: Space, generation: int, rng: np.random.Generator, objective: Objective, left: int
    ) -> Proposal:
        ranking = self._ranking(archive, space, archive.spent + left + FINALISTS, rng)
        known = set(archive.schedules)
        elite = archive.best(self.parents)
        parents, best = elite, dict[SolverSchedule, float]()
        for _ in range(self.generations):
            children = [child(parents, space, rng, self.rate) for _ in range(self.population)]
            fresh = [one for one in dict.fromkeys(children) if one not in known and one not in best]
            if fresh:
                best |= dict(zip(fresh, ranking(fresh).tolist(), strict=True))
            best = dict(sorted(best.items(), key=lambda item: item[1])[: max(self.population, self.top_k)])
            parents = elite + list(best)[: self.parents]
        chosen = list(best.items())[: min(self.top_k, left)]
        return Proposal([schedule for schedule, _ in chosen], [said for _, said in chosen])

    def ranking(self, found: SearchResult, problem: Sampling, *, seed: int = 0) -> Ranking:
        """The predictor trained on everything that a search has scored, to rank other schedules of the same problem.

        **Arguments:** `found`: what the search returned; `problem`: what it was for; `seed`: of the training.

        **Returns:** a function from schedules to numbers, smaller being better.
        """
        archive = Archive(found.schedules, tuple(found.scores.tolist()))
        rng = np.random.default_rng(seed)
        return self._ranking(archive, space_of(problem, self), max(self.budget, len(found.scores)), rng)

    def children(self, found: SearchResult, problem: Sampling, count: int, *, seed: int = 0) -> list[SolverSchedule]:
        """Mutated schedules of the best that a search has found."""
        parents = Archive(found.schedules, tuple(found.scores.tolist())).best(self.parents)
        space, rng = space_of(problem, self), np.random.default_rng(seed)
        return [child(parents, space, rng, self.rate) for _ in range(count)]

    def _ranking(self, archive: Archive, space: Space, capacity: int, rng: np.random.Generator) -> Ranking:
        seed = int(rng.integers(2**31))
        return self.predictor.fitted(archive.schedules, archive.scores, space, capacity, seed)
