"""Deep adaptive sampling that replaces the points (DAS-R).

Tang, Wan & Yang 2023, *DAS-PINNs* (arXiv 2112.14038). After each stage of training a flow is fitted to the density
`r^2 / int r^2` by cross-entropy with weighted samples,

    min_alpha  -E_q [ (r^2 / q) log p_alpha ],

and all points are drawn anew from it. The density follows the residual without being kept smooth.
"""

from collections.abc import Callable
from typing import Any, ClassVar

import jax

from ..core import Paper, check_integer
from ..nn import KRNet
from ._design import UNIFORM
from ._flow_sampler import AbstractFlowSampler, follow
from ._least_squares import Points
from ._papers import DAS, KRNET
from ._problem import PDEProblem
from ._sampler import Residual, draw


class DASReplace(AbstractFlowSampler):
    """All points from a flow that is fitted to the squared residual.

    **Arguments:**

    - `interior`: number of points inside; `boundary`: about as many for each condition, drawn anew too.
    - `every`: steps of the optimiser between two updates.
    - `candidates`: points at which an update evaluates the residual, half of them uniform, half from the flow.
    - `flow_steps`: of Adam, in each update; `learning_rate`: of this Adam.
    - `flow`: `flow(dimension, key=...)`, a density on `[-1, 1]^dimension` with `log_density(x)` and `sample(key, n)`.

    **Returns:** a frozen sampler, for the field `points` of a method of `pde.solve`. The history gets
    `"effective_sample_size"`, `"clipped"` (the share of weights that were cut at 20 times their mean), and mean and
    relative variance of the squared residual at the uniform candidates. `pde.sampling_density` has the density.

    **Raises:** `TypeError`, `ValueError` for numbers out of range; in `solve` for a domain that is no box.

    Source: Tang, Wan & Yang 2023 (arXiv 2112.14038), DAS-R.

    >>> import jax
    >>> from perturbax import pde
    >>> points = pde.DASReplace(20, 8, every=2, candidates=40, flow_steps=1)
    >>> method = pde.PINN(hidden=(4,), optimiser=pde.LM(2, chunk=2), points=points)
    >>> pde.solve(pde.catalogue.peak(60.0), method, key=jax.random.key(0)).stats["sampler_evaluations"]
    40
    """

    interior: int = 1000
    boundary: int = 200
    every: int | None = 100
    candidates: int = 2000
    flow_steps: int = 30
    learning_rate: float = 3e-3
    flow: Callable = KRNet

    papers: ClassVar[tuple[Paper, ...]] = (DAS, KRNET)

    def __check_init__(self):
        check_integer("candidates", self.candidates, minimum=2)

    def update(
        self, problem: PDEProblem, points: Points, state: Any, residual: Residual, key: Any
    ) -> tuple[Points, Any]:
        flow_key, point_key = jax.random.split(key)
        fresh = draw(problem, point_key, self.candidates // 2, self.boundary, UNIFORM)
        steps, n = self.flow_steps, self.interior
        x, state = follow(self.transformation, problem.domain, residual, fresh.x, state, flow_key, steps, n)
        return Points(x, points.weights, fresh.sites), state
