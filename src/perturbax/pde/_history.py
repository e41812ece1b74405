"""The history of a solution: rows of numbers between compiled chunks, and the time that was spent in them."""

import contextlib
import time
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np

from ._design import SOBOL
from ._problem import PDEProblem


class History:
    """Rows that are added as they come. `seconds` and `cpu_seconds` are those within `timed`."""

    def __init__(self) -> None:
        self.rows: dict[str, list[float]] = {}
        self.seconds, self.cpu_seconds = 0.0, 0.0

    @contextlib.contextmanager
    def timed(self) -> Iterator[None]:
        """What is done within counts as work."""
        begun, cpu_begun = time.perf_counter(), time.process_time()
        yield
        self.seconds += time.perf_counter() - begun
        self.cpu_seconds += time.process_time() - cpu_begun

    def add(self, row: dict[str, Any]) -> None:
        """One more row, with the time so far."""
        for name, value in (row | {"seconds": self.seconds, "cpu_seconds": self.cpu_seconds}).items():
            self.rows.setdefault(name, []).append(value)

    def columns(self) -> dict[str, np.ndarray]:
        """The arrays by name."""
        return {name: np.asarray(column) for name, column in self.rows.items()}


def known_at(problem: PDEProblem, n: int = 2048) -> tuple[Any, np.ndarray] | None:
    """Points at which errors are measured while one solves, and the exact solution there; `None` where it is not
    known."""
    if problem.exact is None:
        return None
    x = problem.domain.sample(jax.random.key(0), n, SOBOL)
    return x, np.asarray(problem.exact_at(x))
