"""Random search for programs, at the cost of an evolution: what selection is worth.

Programs are the steps of random walks by mutations from empty code, and their constants are tuned in the same way. The
baseline of Real et al. 2023, arXiv 2312.08472.
"""

from collections.abc import Iterator
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
from ._target import Target

_WALK = 4  # mutations for each operation, until the walk starts anew


class RandomProgramSearch(AbstractDiscovery):
    """Mutations without selection.

    **Arguments:** as those of `Evolution`: `operations`, `max_operations`, `generations` and `children` whose product
    is the number of programs, `tuner`, `weights`, `exponents` and `attempts`.

    **Returns:** a frozen method for `approximate.discover`.

    **Raises:** `TypeError`, `ValueError` for hyper-parameters out of range.

    Source: the baseline of Real et al. 2023, arXiv 2312.08472.

    >>> from perturbax.approximate import RandomProgramSearch
    >>> RandomProgramSearch(generations=10).children
    128
    """

    operations: tuple[str, ...] = OPERATIONS
    max_operations: int = 6
    generations: int = 400
    children: int = 128
    tuner: Lawson = Lawson()
    weights: tuple[float | int, ...] = (3.0, 2.0, 3.0, 3.0)
    exponents: tuple[float | int, float | int] = (-2.0, 1.0)
    attempts: int = 12

    papers: ClassVar[tuple[Paper, ...]] = (_papers.AUTONUMERICS,)

    def __check_init__(self):
        check_operations(self.operations)
        for name in ("max_operations", "generations", "children", "attempts"):
            check_integer(name, getattr(self, name), minimum=1)
        check_instance("tuner", self.tuner, Lawson, "a Lawson()")
        check_moves(self.weights, self.exponents)

    def search(self, target: Target, key: Any, progress: bool | None) -> tuple[Archive, np.ndarray, dict[str, Any]]:
        random = generator(key)
        evaluate, archive = Evaluation(target, self.tuner, self.max_operations), Archive()
        tuned: dict[Any, int] = {}
        walk = self._walk(tuned, random)
        history = []
        for _ in show_progress(range(self.generations), "batches", show=progress):
            archive.add(*evaluate([next(walk) for _ in range(self.children)]))
            history.append(best_errors(archive, self.max_operations))
        return archive, np.array(history), counts(evaluate, 0, structures=len(tuned))

    def _walk(self, tuned: dict[Any, int], random: np.random.Generator) -> Iterator[Genome]:
        operations = indices(self.operations)
        while True:
            genome = empty(1.0 if random.random() < 0.5 else None)
            for _ in range(_WALK * self.max_operations):
                longer = mutate(genome, random, operations, self.weights, self.exponents)
                genome = longer if len(longer.code) <= self.max_operations else genome
                known = structure(genome)
                if acceptable(genome, self.max_operations) and tuned.get(known, 0) < self.attempts:
                    tuned[known] = tuned.get(known, 0) + 1
                    yield genome
