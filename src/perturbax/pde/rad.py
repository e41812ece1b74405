r"""Residual-based adaptive distribution.

Wu, Zhu, Tan, Kartha & Lu 2023, *A comprehensive study of non-adaptive and residual-based adaptive sampling for
physics-informed neural networks*. All points are drawn anew from a pool of candidates, without replacement, with

    p(x) ~ |r(x)|^k / E |r|^k + c.
"""

from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp

from ..core import Paper, check_integer, check_number
from ._adaptive import AbstractAdaptiveSampler, Candidates, Progress, candidates, spread, unknown_spread
from ._design import UNIFORM
from ._least_squares import Points
from ._papers import RAD as RAD_PAPER
from ._problem import PDEProblem
from ._sampler import Residual, draw


class RAD(AbstractAdaptiveSampler):
    """Draws all points anew, with a density that grows with the residual.

    **Arguments:**

    - `interior`: number of points inside; `boundary`: about as many for each condition.
    - `every`: steps of the optimiser between two updates.
    - `power`, `offset`: k and c of the density: a larger power gathers the points, a larger offset spreads them.
    - `candidates`: uniform points at which an update evaluates the residual, and of which it chooses.

    **Returns:** a frozen sampler, for the field `points` of a method of `pde.solve`.

    **Raises:** `TypeError`, `ValueError` for numbers out of range.

    Source: Wu, Zhu, Tan, Kartha & Lu 2023 (arXiv 2207.10289).

    >>> import jax
    >>> from perturbax import pde
    >>> points = pde.RAD(30, 8, every=2, candidates=50)
    >>> method = pde.PINN(hidden=(4,), optimiser=pde.LM(4, chunk=2), points=points)
    >>> pde.solve(pde.catalogue.peak(60.0), method, key=jax.random.key(0)).stats["sampler_evaluations"]
    100
    """

    interior: int = 1000
    boundary: int = 200
    every: int | None = 100
    power: float | int = 1.0
    offset: float | int = 1.0
    candidates: int = 10_000

    papers: ClassVar[tuple[Paper, ...]] = (RAD_PAPER,)

    def __check_init__(self):
        check_number("power", self.power, minimum=0.0)
        check_number("offset", self.offset, minimum=0.0, exclusive=True)
        check_integer("candidates", self.candidates, minimum=self.interior)

    def start(self, problem: PDEProblem, key: Any) -> tuple[Points, Any]:
        points = draw(problem, key, self.interior, self.boundary, UNIFORM)
        return points, Progress(jnp.asarray(self.interior), jnp.asarray(0), unknown_spread())

    def update(
        self, problem: PDEProblem, points: Points, state: Any, residual: Residual, key: Any
    ) -> tuple[Points, Any]:
        pool_key, choice_key, boundary_key = jax.random.split(key, 3)
        pool = candidates(problem, residual, self.candidates, pool_key)
        x = choose(pool, self.interior, self.power, self.offset, choice_key)
        sites = draw(problem, boundary_key, 1, self.boundary, UNIFORM).sites
        fresh = Points(x, points.weights, sites)
        return fresh, Progress(state.count, state.evaluations + self.candidates, spread(pool.square))


@eqx.filter_jit
def choose(pool: Candidates, n: int, power: float, offset: float, key: Any) -> Any:
    """`n` candidates, one after the other and each once, with probabilities that grow with their residuals."""
    size = pool.square ** (0.5 * power)
    mean = jnp.mean(size)
    weight = jnp.where(mean > 0.0, size / mean, 1.0) + offset
    return pool.x[jax.random.choice(key, pool.x.shape[0], (n,), replace=False, p=weight / jnp.sum(weight))]
