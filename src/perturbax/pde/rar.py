"""Residual-based adaptive refinement.

Lu, Meng, Mao & Karniadakis 2021, *DeepXDE*: after every round of training the residual is evaluated at a dense set of
candidates, and those with the largest residuals are added to the points.
"""

from typing import Any, ClassVar

from ..core import Paper, check_integer
from ._adaptive import AbstractAdaptiveSampler, Progress, begin, candidates, grow, largest, spread, unknown_spread
from ._least_squares import Points
from ._papers import DEEPXDE
from ._problem import PDEProblem
from ._sampler import Residual


class RAR(AbstractAdaptiveSampler):
    """Adds the candidates with the largest residuals to the points.

    **Arguments:**

    - `interior`: number of points inside at the end.
    - `boundary`: about as many for each condition; they stay.
    - `every`: steps of the optimiser between two updates.
    - `initial`: number of points inside at the start, uniform.
    - `added`: how many are added in an update.
    - `candidates`: uniform points at which an update evaluates the residual.

    **Returns:** a frozen sampler, for the field `points` of a method of `pde.solve`.

    **Raises:** `TypeError`, `ValueError` for numbers that do not fit together.

    Source: Lu, Meng, Mao & Karniadakis 2021 (arXiv 1907.04502).

    >>> import jax
    >>> from perturbax import pde
    >>> points = pde.RAR(30, 8, every=2, initial=20, added=5, candidates=50)
    >>> method = pde.PINN(hidden=(4,), optimiser=pde.LM(4, chunk=2), points=points)
    >>> pde.solve(pde.catalogue.peak(60.0), method, key=jax.random.key(0)).stats["sampler_evaluations"]
    100
    """

    interior: int = 1000
    boundary: int = 200
    every: int | None = 100
    initial: int = 500
    added: int = 10
    candidates: int = 10_000

    papers: ClassVar[tuple[Paper, ...]] = (DEEPXDE,)

    def __check_init__(self):
        check_integer("initial", self.initial, minimum=1, maximum=self.interior)
        check_integer("candidates", self.candidates, minimum=1)
        check_integer("added", self.added, minimum=1, maximum=self.candidates)

    def start(self, problem: PDEProblem, key: Any) -> tuple[Points, Any]:
        points, count = begin(problem, key, self.initial, self.interior, self.boundary)
        return points, Progress(count, 0 * count, unknown_spread())

    def update(
        self, problem: PDEProblem, points: Points, state: Any, residual: Residual, key: Any
    ) -> tuple[Points, Any]:
        pool = candidates(problem, residual, self.candidates, key)
        points, count = grow(points, state.count, largest(pool, self.added))
        return points, Progress(count, state.evaluations + self.candidates, spread(pool.square))
