"""The exact bridge between Gaussians with the moments of the samples: the baseline that knows no modes.

Janati et al. 2020 and Bunne et al. 2023 for the closed form, see `_gaussian_bridge.py`.
"""

from typing import Any, ClassVar

import numpy as np

from ..core import Paper, Result, check_number
from . import _papers
from ._bridge import AbstractBridgeMethod, Outcome
from ._gaussian_bridge import bridge_of_gaussians
from ._problem import BridgeProblem, check_reference
from ._reference import AbstractLinearReference


class GaussianBridge(AbstractBridgeMethod):
    """The bridge between the Gaussians that have the means and covariances of the two samples.

    Exact when the ends are Gaussian and the moments known. Between other distributions it carries mean and covariance
    from one to the other and nothing else. Takes `Brownian()` and `OrnsteinUhlenbeck(...)` as reference.

    **Arguments:** `floor`: variance added in every direction, as a share of the mean variance, so that constant or
    duplicate columns can be inverted.

    **Returns:** a frozen method for `transport.bridge`; the solution also knows its `marginal(t)`.

    **Raises:** `ValueError` when `floor` is negative.

    Source: Janati et al. 2020; Bunne et al. 2023.

    >>> import jax, numpy as np
    >>> from perturbax import transport
    >>> x0 = np.random.default_rng(0).normal(size=(500, 2))
    >>> problem = transport.BridgeProblem(x0, 2.0 * x0, epsilon=0.1)
    >>> solved = transport.bridge(problem, transport.GaussianBridge(), key=jax.random.key(0))
    >>> bool(abs(solved.marginal(0.5).covariance - 1.5**2 * np.cov(x0.T)).max() < 0.1)
    True
    """

    floor: float = 1e-6

    papers: ClassVar[tuple[Paper, ...]] = (_papers.ENTROPIC_GAUSSIANS, _papers.GAUSSIAN_BRIDGE)

    def __check_init__(self):
        check_number("floor", self.floor, minimum=0.0)

    def solve(self, problem: BridgeProblem, key: Any, progress: bool | None) -> Outcome:
        check_reference(problem, self, AbstractLinearReference)
        reference: Any = problem.reference
        first, second = (self._moments(points) for points in problem.points(key))
        exact = bridge_of_gaussians(*first, *second, problem.epsilon, reference)
        return Outcome(exact.process, np.zeros(0), Result.successful, {"evaluations": 0})

    def _moments(self, points: Any) -> tuple[np.ndarray, np.ndarray]:
        points = np.asarray(points, np.float64)
        if points.shape[0] < 2:
            raise ValueError(f"x0 and x1 must have 2 points or more for a covariance, got {points.shape[0]}")
        covariance = np.atleast_2d(np.cov(points, rowvar=False))
        size = points.shape[1]
        return points.mean(0), covariance + self.floor * np.trace(covariance) / size * np.eye(size)
