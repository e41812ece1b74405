"""Evolution of programs from empty code by two objectives.

Real, Chen, Rossini, de Souza, Garg, Verghese, Firsching, Le, Cubuk & Park 2023, *AutoNumerics-Zero: Automated Discovery
of State-of-the-Art Mathematical Functions*, arXiv 2312.08472. The first population is a constant and `x` itself. Then

    repeat    parents by tournaments on the Pareto rank of (error, operations)
              children by mutations until the structure is new enough
              constants tuned, errors measured
              survivors by NSGA-II among parents and children

The best program of each number of operations is kept over all time. Differences from the paper, whose searches ran on
thousands of workers: constants are tuned by re-weighted least squares in the place of CMA-ES; a structure is tuned at
most `attempts` times, with the constants that its parents left it; and of programs with one structure only the best
survives.
"""

from typing import Any, ClassVar

import numpy as np

from ..core import Paper, check_instance, check_integer
from ..core import progress as show_progress
from . import _papers
from ._discover import AbstractDiscovery
from ._evaluation import Archive, Evaluation
from ._interpreter import OPERATIONS
from ._lawson import Lawson
from ._moves import Genome, empty, mutate, structure
from ._search_parts import acceptable, best_errors, check_moves, check_operations, counts, generator, indices
from ._selection import survivors
from ._target import Target

_TRIES = 20  # mutations for each child before an old structure is taken


class Evolution(AbstractDiscovery):
    """NSGA-II on programs.

    **Arguments:**

    - `operations`: that programs are made of, some of `"add"`, `"sub"`, `"mul"` and `"div"`.
    - `max_operations`: of a program.
    - `generations`; `children` of each; `population`: survivors.
    - `tuner`: of constants.
    - `weights`: of the mutations insert, remove, rewire and randomise.
    - `exponents`: decimal, the range of the magnitudes of new constants.
    - `attempts`: how often one structure may be tuned.

    **Returns:** a frozen method for `approximate.discover`.

    **Raises:** `TypeError`, `ValueError` for hyper-parameters out of range.

    Source: Real et al. 2023, arXiv 2312.08472; selection by Deb et al. 2002.

    >>> from perturbax.approximate import Evolution
    >>> Evolution(max_operations=4).operations
    ('add', 'sub', 'mul', 'div')
    """

    operations: tuple[str, ...] = OPERATIONS
    max_operations: int = 6
    generations: int = 400
    children: int = 128
    population: int = 32
    tuner: Lawson = Lawson()
    weights: tuple[float | int, ...] = (3.0, 2.0, 3.0, 3.0)
    exponents: tuple[float | int, float | int] = (-2.0, 1.0)
    attempts: int = 12

    papers: ClassVar[tuple[Paper, ...]] = (_papers.AUTONUMERICS, _papers.NSGA_II)

    def __check_init__(self):
        check_operations(self.operations)
        for name in ("max_operations", "generations", "children", "attempts"):
            check_integer(name, getattr(self, name), minimum=1)
        check_integer("population", self.population, minimum=2)
        check_instance("tuner", self.tuner, Lawson, "a Lawson()")
        check_moves(self.weights, self.exponents)

    def search(self, target: Target, key: Any, progress: bool | None) -> tuple[Archive, np.ndarray, dict[str, Any]]:
        random = generator(key)
        evaluate, archive = Evaluation(target, self.tuner, self.max_operations), Archive()
        population, errors = evaluate([empty(1.0), empty(None)] * (self.children // 2 or 1))
        first = max(len(genome.code) for genome in population)
        archive.add(population, errors)
        population, errors, rank = self._survive(population, errors)
        tuned: dict[Any, int] = {}
        history = []
        for _ in show_progress(range(self.generations), "generations", show=progress):
            children, found = evaluate(self._breed(population, rank, tuned, random))
            archive.add(children, found)
            population, errors, rank = self._survive([*population, *children], np.concatenate([errors, found]))
            history.append(best_errors(archive, self.max_operations))
        return archive, np.array(history), counts(evaluate, first, structures=len(tuned))

    def _breed(
        self, population: list[Genome], rank: np.ndarray, tuned: dict[Any, int], random: np.random.Generator
    ) -> list[Genome]:
        made: list[Genome] = []
        operations = indices(self.operations)
        tries = 0
        while len(made) < self.children:
            tries += 1
            i, j = random.integers(len(population), size=2)
            child = population[i if rank[i] <= rank[j] else j]
            for _ in range(1 + (random.random() < 0.3)):
                child = mutate(child, random, operations, self.weights, self.exponents)
            known = structure(child)
            new = tuned.get(known, 0) < self.attempts
            if acceptable(child, self.max_operations) and (new or tries > _TRIES * self.children):
                tuned[known] = tuned.get(known, 0) + 1
                made.append(child)
        return made

    def _survive(self, genomes: list[Genome], errors: np.ndarray) -> tuple[list[Genome], np.ndarray, np.ndarray]:
        """The survivors with their errors and ranks; of each structure the best only."""
        best: dict[Any, int] = {}
        for i in np.argsort(errors, kind="stable"):
            if np.isfinite(errors[i]):
                best.setdefault(structure(genomes[i]), int(i))
        rows = np.array(list(best.values()), int)
        objectives = np.stack(
            [np.log(np.maximum(errors[rows], 1e-300)), [float(len(genomes[i].code)) for i in rows]], 1
        )
        kept, rank = survivors(objectives, self.population)
        return [genomes[i] for i in rows[kept]], errors[rows[kept]], rank
