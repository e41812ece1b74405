"""k-medoids on the distances between solutions.

C_K = sum_i min_k |u_i - u_{m_k}|_W
"""

from typing import Any, ClassVar

from ..core import Paper, check_integer
from ._cluster import AbstractClusterMethod, Partition
from ._dissimilarity import Euclidean
from ._papers import FASTER_PAM
from ._rules import around_medoids
from ._snapshots import SnapshotSet


class EuclideanKMedoids(AbstractClusterMethod):
    """Clusters of solutions that are close to each other: they have similar amplitudes. A baseline.

    **Arguments:** `clusters`: their number; `restarts`: random starts of the search, besides a greedy one.

    **Returns:** a frozen method for `rom.cluster`.

    **Raises:** `ValueError` when a number is out of range.

    Source: Schubert & Rousseeuw 2021, arXiv 2008.05171.

    >>> import jax, numpy as np
    >>> from perturbax import rom
    >>> fields = np.array([[1.0, 0.0], [-50.0, 0.0], [0.0, 1.0]])
    >>> solved = rom.cluster(rom.SnapshotSet(fields), rom.EuclideanKMedoids(clusters=2), key=jax.random.key(0))
    >>> bool(solved.labels[0] == solved.labels[2] != solved.labels[1])
    True
    """

    clusters: int = 5
    restarts: int = 10

    papers: ClassVar[tuple[Paper, ...]] = (FASTER_PAM,)

    def __check_init__(self):
        check_integer("clusters", self.clusters, minimum=1)
        check_integer("restarts", self.restarts, minimum=0)

    def partition(self, problem: SnapshotSet, key: Any) -> Partition:
        """See `rom.cluster`."""
        return around_medoids(problem, Euclidean(), self.clusters, self.restarts, key)
