"""k-means on the parameters.

minimise  sum_i |z_i - c_{k_i}|^2,     z = (x - mean x) / std x
"""

from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float

from ..core import Paper, check_integer
from ._cluster import AbstractClusterMethod, Partition
from ._k_means import AbstractNearestMean, k_means
from ._papers import LOCAL_BASES_BY_ANGLES
from ._snapshots import SnapshotSet


class NearestParameters(AbstractNearestMean):
    """Distances between standardised parameters."""

    mean: Float[np.ndarray, " q"]
    scale: Float[np.ndarray, " q"]
    centres: Float[np.ndarray, "K q"]

    def rows_of(self, problem: SnapshotSet) -> Float[np.ndarray, "M q"]:
        params = _params(problem)
        if params.shape[1] != self.mean.size:
            raise ValueError(f"params must have {self.mean.size} columns, got {params.shape[1]}")
        return (params - self.mean) / self.scale


class ParameterKMeans(AbstractClusterMethod):
    """Clusters of neighbouring parameters: no simulation is looked at. A baseline.

    **Arguments:** `clusters`: their number; `restarts`: random starts.

    **Returns:** a frozen method for `rom.cluster`.

    **Raises:** `ValueError` when a number is out of range, or, when used, for a problem without `params`.

    Source: Daniel et al. 2021, arXiv 2103.13683 (clustering of parameters, as what to compare with).

    >>> import jax, numpy as np
    >>> from perturbax import rom
    >>> problem = rom.SnapshotSet(np.eye(3), params=[[0.0], [0.1], [9.0]])
    >>> solved = rom.cluster(problem, rom.ParameterKMeans(clusters=2), key=jax.random.key(0))
    >>> bool(solved.labels[0] == solved.labels[1] != solved.labels[2])
    True
    """

    clusters: int = 5
    restarts: int = 10

    papers: ClassVar[tuple[Paper, ...]] = (LOCAL_BASES_BY_ANGLES,)

    def __check_init__(self):
        check_integer("clusters", self.clusters, minimum=1)
        check_integer("restarts", self.restarts, minimum=1)

    def partition(self, problem: SnapshotSet, key: Any) -> Partition:
        """See `rom.cluster`."""
        params = _params(problem)
        mean, spread = params.mean(0), params.std(0)
        scale = np.where(spread > 0.0, spread, 1.0)
        labels, centres, cost = k_means((params - mean) / scale, self.clusters, self.restarts, key)
        return Partition(labels, cost, NearestParameters(mean, scale, centres))


def _params(problem: SnapshotSet) -> Float[np.ndarray, "M p"]:
    if problem.params is None:
        raise ValueError("params of the problem are needed by ParameterKMeans")
    return problem.params
