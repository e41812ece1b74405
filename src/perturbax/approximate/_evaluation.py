"""The measurement of candidates: constants are tuned, then the largest error on the target's own grid is taken."""

from typing import Any

import jax.numpy as jnp
import numpy as np

from ..core import float64
from ._interpreter import largest_errors
from ._lawson import Lawson
from ._moves import Genome, packed
from ._program import Program
from ._target import Target


class Evaluation:
    """Counts what it does. All calls with as many programs share one compiled function.

    **Arguments:** `target`; `tuner`; `max_operations`: of a program.
    """

    def __init__(self, target: Target, tuner: Lawson, max_operations: int):
        self.target, self.tuner, self.slots = target, tuner, max_operations
        # A program of n operations on pairs has at most n constants beside one x.
        self.size = max_operations
        self.programs = self.evaluations = self.rejected = 0
        with float64():
            self._fitted = [jnp.asarray(part) for part in self._on(tuner.grid(target.lower, target.upper))]
            self._judged = [jnp.asarray(part) for part in self._on(target.grid(target.points))]

    def _on(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        y = self.target.truth(x)
        return x, y, self.target.units(y)

    def __call__(self, genomes: list[Genome]) -> tuple[list[Genome], np.ndarray]:
        """The programs with tuned constants, and their errors; infinite where a value is not finite."""
        with float64():
            code, output, constants = (jnp.asarray(part) for part in packed(genomes, self.slots, self.size))
            tuned = self.tuner.tune(code, output, constants, *self._fitted)
            errors = np.asarray(largest_errors(code, output, tuned, *self._judged))
            tuned = np.asarray(tuned)
        self.programs += len(genomes)
        self.evaluations += len(genomes) * self.tuner.evaluations
        self.rejected += int((~np.isfinite(errors)).sum())
        made = [g._replace(constants=tuned[i, : len(g.constants)].tolist()) for i, g in enumerate(genomes)]
        return made, errors


class Archive:
    """The best program of each number of operations, over all time."""

    def __init__(self):
        self.best: dict[int, tuple[float, Genome]] = {}

    def add(self, genomes: list[Genome], errors: Any) -> None:
        """Offer programs; those whose error is not finite are no programs for the target."""
        for genome, error in zip(genomes, errors, strict=True):
            n = len(genome.code)
            if np.isfinite(error) and error < self.best.get(n, (np.inf, genome))[0]:
                self.best[n] = (float(error), genome)

    def front(self) -> list[tuple[float, Genome]]:
        """The programs that no program of as many or fewer operations beats."""
        kept: list[tuple[float, Genome]] = []
        for n in sorted(self.best):
            if not kept or self.best[n][0] < kept[-1][0]:
                kept.append(self.best[n])
        return kept


def program_of(genome: Genome) -> Program:
    """The public form of a program."""
    code = np.array(genome.code, np.int64).reshape(-1, 3)
    return Program(code, np.array(genome.constants, np.float64), genome.output)
