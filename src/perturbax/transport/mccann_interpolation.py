r"""McCann's interpolation: an optimal assignment between neighbouring snapshots, and straight lines.

X_t = (1 - s) x_j + s T(x_j),    s = (t - t_i) / (t_{i+1} - t_i),    T = argmin over assignments of sum |x_j - T(x_j)|^2
"""

from typing import Any, ClassVar

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from ..core import Paper, Result, check_integer
from ._door import settle
from ._infer import AbstractTrajectoryMethod
from ._inferred import Inferred
from ._snapshots import Snapshots

# The assignment takes the cube of them.
_MOST = 3000


class McCannInterpolation(AbstractTrajectoryMethod):
    """Optimal transport from snapshot to snapshot, without noise and without any reference.

    Also known as displacement interpolation; what optimal-transport tools for time courses do between days.

    **Arguments:** `particles`: paths, `None` for as many as the largest snapshot has points, at most 3000.

    **Returns:** a frozen method for `transport.infer_trajectories`; its solution has no drifts.

    **Raises:** `ValueError` or `TypeError` that names the argument.

    Source: McCann 1997 (displacement interpolation); Crouse 2016 (the assignment solver, in SciPy).

    >>> import jax, numpy as np
    >>> from perturbax import transport
    >>> problem = transport.Snapshots([[[0.0], [1.0]], [[5.0], [4.0]]], [0.0, 2.0], volatility=0.1)
    >>> found = transport.infer_trajectories(problem, transport.McCannInterpolation(), key=jax.random.key(0))
    >>> np.asarray(found.at(1.0)).ravel().tolist()
    [2.0, 3.0]
    """

    particles: int | None = None

    papers: ClassVar[tuple[Paper, ...]] = (
        Paper(title="A Convexity Principle for Interacting Gases", authors=("Robert J. McCann",), year=1997),
    )

    def __check_init__(self):
        if self.particles is not None:
            check_integer("particles", self.particles, minimum=1, maximum=_MOST)

    def infer(self, problem: Snapshots, key: Any, progress: bool | None) -> Inferred:
        largest = max(len(points) for points in problem.samples)
        points = np.asarray(problem.particles(key, self.particles or min(largest, _MOST)), np.float64)
        states = [points[0]]
        for later in points[1:]:
            _, match = linear_sum_assignment(cdist(states[-1], later, "sqeuclidean"))
            states.append(later[match])
        return Inferred(
            paths=settle(np.stack(states, axis=1)),
            times=problem.times,
            # A path goes through a point of every snapshot.
            owners=np.zeros(points.shape[1], int),
            reference=None,
            drifts=None,
            result=Result.successful,
            stats={"evaluations": 0},
        )
