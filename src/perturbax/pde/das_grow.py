"""Deep adaptive sampling that adds points (DAS-G).

Tang, Wan & Yang 2023, *DAS-PINNs* (arXiv 2112.14038). After each stage of training a flow is fitted to the density
`r^2 / int r^2` by cross-entropy with weighted samples, as in DAS-R, and points that are drawn from it are added to the
points.
"""

from collections.abc import Callable
from typing import Any, ClassVar

import equinox as eqx
import jax

from ..core import Paper, check_integer
from ..nn import KRNet
from ._adaptive import begin, grow
from ._design import UNIFORM
from ._flow_sampler import AbstractFlowSampler, follow
from ._least_squares import Points
from ._papers import DAS, KRNET
from ._problem import PDEProblem
from ._sampler import Residual


class DASGrow(AbstractFlowSampler):
    """Adds points from a flow that is fitted to the squared residual.

    **Arguments:**

    - `interior`: number of points inside at the end; `boundary`: about as many for each condition; they stay.
    - `every`: steps of the optimiser between two updates.
    - `initial`: number of points inside at the start, uniform; `added`: how many are added in an update.
    - `candidates`: points at which an update evaluates the residual, half of them uniform, half from the flow.
    - `flow_steps`: of Adam, in each update; `learning_rate`: of this Adam.
    - `flow`: `flow(dimension, key=...)`, a density on `[-1, 1]^dimension` with `log_density(x)` and `sample(key, n)`.

    **Returns:** a frozen sampler, for the field `points` of a method of `pde.solve`, with the numbers of `DASReplace`
    in the history.

    **Raises:** `TypeError`, `ValueError` for numbers that do not fit together; in `solve` for a domain that is no box.

    Source: Tang, Wan & Yang 2023 (arXiv 2112.14038), DAS-G.

    >>> import jax
    >>> from perturbax import pde
    >>> points = pde.DASGrow(20, 8, every=2, initial=10, added=5, candidates=40, flow_steps=1)
    >>> method = pde.PINN(hidden=(4,), optimiser=pde.LM(2, chunk=2), points=points)
    >>> int(pde.solve(pde.catalogue.peak(60.0), method, key=jax.random.key(0)).sampler.count)
    15
    """

    interior: int = 1000
    boundary: int = 200
    every: int | None = 100
    initial: int = 500
    added: int = 50
    candidates: int = 2000
    flow_steps: int = 30
    learning_rate: float = 3e-3
    flow: Callable = KRNet

    papers: ClassVar[tuple[Paper, ...]] = (DAS, KRNET)

    def __check_init__(self):
        check_integer("initial", self.initial, minimum=1, maximum=self.interior)
        check_integer("added", self.added, minimum=1)
        check_integer("candidates", self.candidates, minimum=2)

    def start(self, problem: PDEProblem, key: Any) -> tuple[Points, Any]:
        flow_key, point_key = jax.random.split(key)
        points, count = begin(problem, point_key, self.initial, self.interior, self.boundary)
        return points, self.begin_flow(problem, flow_key, count)

    def update(
        self, problem: PDEProblem, points: Points, state: Any, residual: Residual, key: Any
    ) -> tuple[Points, Any]:
        flow_key, point_key = jax.random.split(key)
        uniform = problem.domain.sample(point_key, self.candidates // 2, UNIFORM)
        steps, n = self.flow_steps, self.added
        x, state = follow(self.transformation, problem.domain, residual, uniform, state, flow_key, steps, n)
        points, count = grow(points, state.count, x)
        return points, eqx.tree_at(lambda s: s.count, state, count)
