"""Rules by which methods assign new solutions, and what k-medoids methods share."""

from typing import Any

import numpy as np
from jaxtyping import Float

from ._angles import Subspaces
from ._cluster import AbstractRule, Partition
from ._dissimilarity import AbstractDissimilarity, dissimilarity, projection_errors
from ._k_medoids import k_medoids
from ._snapshots import SnapshotSet


class NearestMedoid(AbstractRule):
    """The dissimilarity to the medoid of each cluster."""

    medoids: SnapshotSet
    kind: AbstractDissimilarity

    def distances(self, problem: SnapshotSet) -> Float[np.ndarray, "M K"]:
        return dissimilarity(problem, self.kind, other=self.medoids)


class NearestSubspace(AbstractRule):
    """The relative projection error in a subspace of each cluster."""

    bases: Subspaces

    def distances(self, problem: SnapshotSet) -> Float[np.ndarray, "M K"]:
        return projection_errors(problem, self.bases)


def around_medoids(
    problem: SnapshotSet, kind: AbstractDissimilarity, clusters: int, restarts: int, key: Any
) -> Partition:
    """The clusters of `k_medoids` in a dissimilarity."""
    d = dissimilarity(problem, kind)
    found = k_medoids(d, clusters, key=key, restarts=restarts)
    rule = NearestMedoid(problem.select(found.medoids), kind)
    return Partition(found.labels, found.cost, rule, found.medoids, d, {"swaps": found.swaps})
