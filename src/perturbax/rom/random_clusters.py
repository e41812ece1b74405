"""Clusters at random.

k_i ~ uniform on {1, ..., K},     also for new solutions
"""

from typing import Any, ClassVar

import jax
import numpy as np
from jaxtyping import Float

from ..core import Paper, check_integer
from ._cluster import AbstractClusterMethod, AbstractRule, Partition
from ._papers import LOCAL_BASES_BY_ANGLES
from ._snapshots import SnapshotSet


class RandomDistance(AbstractRule):
    """Distances that are drawn, the same whenever they are asked for."""

    clusters: int
    key: Any

    def distances(self, problem: SnapshotSet) -> Float[np.ndarray, "M K"]:
        return np.asarray(jax.random.uniform(self.key, (problem.count, self.clusters)), np.float64)


class RandomClusters(AbstractClusterMethod):
    """The floor of every comparison: local bases from clusters without any sense.

    **Arguments:** `clusters`: their number.

    **Returns:** a frozen method for `rom.cluster` without a cost.

    **Raises:** `ValueError` when the number is out of range.

    Source: the control in comparisons of clusterings; of the method itself Daniel et al. 2021, arXiv 2103.13683.

    >>> import jax, numpy as np
    >>> from perturbax import rom
    >>> solved = rom.cluster(rom.SnapshotSet(np.eye(9)), rom.RandomClusters(clusters=3), key=jax.random.key(0))
    >>> solved.stats["sizes"]
    [3, 3, 3]
    """

    clusters: int = 5

    papers: ClassVar[tuple[Paper, ...]] = (LOCAL_BASES_BY_ANGLES,)

    def __check_init__(self):
        check_integer("clusters", self.clusters, minimum=1)

    def partition(self, problem: SnapshotSet, key: Any) -> Partition:
        """See `rom.cluster`."""
        label_key, rule_key = jax.random.split(key)
        labels = jax.random.permutation(label_key, np.arange(problem.count) % self.clusters)
        return Partition(np.asarray(labels, np.int64), float("nan"), RandomDistance(self.clusters, rule_key))
