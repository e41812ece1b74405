"""k-means on the solutions.

minimise  sum_i |u_i - c_{k_i}|_W^2   over labels k_i and means c_k
"""

from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float

from ..core import Paper, check_integer
from ._cluster import AbstractClusterMethod, Partition
from ._k_means import AbstractNearestMean, k_means
from ._papers import LOCAL_BASES
from ._snapshots import SnapshotSet


class NearestField(AbstractNearestMean):
    """Distances to mean fields, in coordinates of an orthonormal basis of all solutions: what lies outside of it is as
    far from every mean."""

    basis: Float[np.ndarray, "p n"]
    centres: Float[np.ndarray, "K q"]

    def rows_of(self, problem: SnapshotSet) -> Float[np.ndarray, "M q"]:
        return _coordinates(problem, self.basis)


class EuclideanKMeans(AbstractClusterMethod):
    """Clusters around mean solutions, the usual way to local reduced bases. A baseline.

    **Arguments:** `clusters`: their number; `restarts`: random starts.

    **Returns:** a frozen method for `rom.cluster`.

    **Raises:** `ValueError` when a number is out of range.

    Source: Amsallem, Zahr & Farhat 2012.

    >>> import jax, numpy as np
    >>> from perturbax import rom
    >>> fields = np.array([[1.0, 0.0], [-50.0, 0.0], [0.0, 1.0]])
    >>> rom.cluster(rom.SnapshotSet(fields), rom.EuclideanKMeans(clusters=2), key=jax.random.key(0)).cost
    1.0
    """

    clusters: int = 5
    restarts: int = 10

    papers: ClassVar[tuple[Paper, ...]] = (LOCAL_BASES,)

    def __check_init__(self):
        check_integer("clusters", self.clusters, minimum=1)
        check_integer("restarts", self.restarts, minimum=1)

    def partition(self, problem: SnapshotSet, key: Any) -> Partition:
        """See `rom.cluster`."""
        basis = np.asarray(problem.weight.orthonormalise(problem.rows)[0])
        labels, centres, cost = k_means(_coordinates(problem, basis), self.clusters, self.restarts, key)
        return Partition(labels, cost, NearestField(basis, centres))


def _coordinates(problem: SnapshotSet, basis: Float[np.ndarray, "p n"]) -> Float[np.ndarray, "M q"]:
    return (np.asarray(problem.weight.times(problem.snapshots)) @ basis.T).reshape(problem.count, -1)
