"""Traces that were seen, drawn again.

u = u_i,    i uniform among the k traces whose parameters are nearest to p
"""

from typing import Any, ClassVar

from ..core import Paper, check_integer
from ._boundary_problem import Standardised
from ._modal import all_rows
from ._papers import BOOTSTRAP
from ._trace_law import AbstractGeneratorMethod, FittedLaw, StoredLaw, single


class StoredTraces(AbstractGeneratorMethod):
    """The bootstrap of stored traces, near the parameters that are asked for.

    What it draws is true, but there is nothing new in it, and parameters are only as right as their neighbours.

    **Arguments:** `neighbours`: how many of the nearest traces may be drawn.

    **Returns:** a frozen method for `rom.boundary_generator`.

    **Raises:** `ValueError` when `neighbours` is smaller than 1, or, when used, larger than the number of traces.

    Source: Efron 1979.

    >>> import jax, numpy as np
    >>> from perturbax import rom
    >>> problem = rom.SubmodelProblem([[0.0], [1.0], [5.0], [6.0]], [[0.0], [0.1], [1.0], [1.1]])
    >>> found = rom.boundary_generator(problem, rom.StoredTraces(neighbours=2), key=jax.random.key(0))
    >>> sorted(set(found.generate(jax.random.key(1), [1.0], 20)[:, 0].round(3).tolist()))
    [5.0, 6.0]
    """

    neighbours: int = 20

    papers: ClassVar[tuple[Paper, ...]] = (BOOTSTRAP,)

    def __check_init__(self):
        check_integer("neighbours", self.neighbours, minimum=1)

    def estimate(self, data: Standardised, key: Any, progress: bool | None) -> FittedLaw:
        """See `rom.boundary_generator`."""
        u, p = all_rows(data)
        if self.neighbours > len(u):
            raise ValueError(f"neighbours must be at most the number of traces {len(u)}, got {self.neighbours}")
        return FittedLaw(StoredLaw(single(u), single(p), self.neighbours))
