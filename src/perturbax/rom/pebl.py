"""Clusters by the projection error in their own subspaces.

From directions that are drawn, in turn until nothing changes,

    V_k = POD of the normalised solutions of cluster k, truncated at N modes
    k_i = argmin_k eta(u_i, V_k),       eta(u, V) = |u - P_V u|_W / |u|_W
"""

from typing import Any, ClassVar

import jax
import numpy as np

from ..core import Paper, Result, SolverError, check_integer
from ._angles import subspaces
from ._cluster import AbstractClusterMethod, Partition
from ._dissimilarity import stacked
from ._papers import PEBL_ROM
from ._pod import OrthogonalSVD, decompose
from ._rules import NearestSubspace
from ._snapshots import SnapshotSet


class PEBL(AbstractClusterMethod):
    """Clusters whose dissimilarity is the true projection error on a local basis, found by alternation.

    The projection error as a dissimilarity is that of PEBL-ROM; starts and stopping rule are ours. Not to be confused
    with `SineKMedoids`, whose clusters are represented by a solution.

    **Arguments:**

    - `clusters`: their number; `modes`: dimension of the subspaces that are compared.
    - `restarts`: random starts, of which the one with the smallest cost is kept; `max_steps`: alternations of one.

    **Returns:** a frozen method for `rom.cluster`; its cost is the sum of the squared relative errors.

    **Raises:** `ValueError` when a number is out of range; `SolverError`, when used, when no start settled.

    Source: Amsallem & Haasdonk 2016.

    >>> import jax, numpy as np
    >>> from perturbax import rom
    >>> fields = np.array([[1.0, 0.0], [-50.0, 0.0], [0.0, 1.0]])
    >>> rom.cluster(rom.SnapshotSet(fields), rom.PEBL(clusters=2, modes=1), key=jax.random.key(0)).cost < 1e-20
    True
    """

    clusters: int = 5
    modes: int = 1
    restarts: int = 5
    max_steps: int = 100

    papers: ClassVar[tuple[Paper, ...]] = (PEBL_ROM,)

    def __check_init__(self):
        for name in ("clusters", "modes", "restarts", "max_steps"):
            check_integer(name, getattr(self, name), minimum=1)

    def partition(self, problem: SnapshotSet, key: Any) -> Partition:
        """See `rom.cluster`."""
        found = [self._alternate(problem, start) for start in jax.random.split(key, self.restarts)]
        settled = [partition for partition in found if partition is not None]
        if not settled:
            raise SolverError(f"PEBL, after {self.max_steps} alternations: {Result[Result.max_steps]}")
        return min(settled, key=lambda partition: partition.cost)

    def _alternate(self, problem: SnapshotSet, key: Any) -> Partition | None:
        x = problem.snapshots / problem.norms[:, None, None]
        chosen = np.asarray(jax.random.choice(key, problem.count, (self.clusters,), replace=False))
        rule = NearestSubspace(subspaces(x[chosen], problem.weight, self.modes))
        labels = np.full(problem.count, -1)
        for step in range(self.max_steps):
            distances = rule.distances(problem)
            new = _without_empty(distances, self.clusters)
            if (new == labels).all():
                cost = float(np.square(distances[np.arange(problem.count), labels]).sum())
                return Partition(labels, cost, rule, stats={"alternations": step})
            labels = new
            rule = NearestSubspace(
                stacked([self._basis(problem, x[labels == k]) for k in range(self.clusters)], problem.weight)
            )
        return None

    def _basis(self, problem: SnapshotSet, members: np.ndarray) -> np.ndarray:
        rows = members.reshape(-1, members.shape[2])
        padded = np.pad(rows, ((0, 2 ** (len(rows) - 1).bit_length() - len(rows)), (0, 0)))
        return decompose(padded, problem.weight, min(self.modes, len(rows)), None, OrthogonalSVD(), None).modes


def _without_empty(distances: np.ndarray, clusters: int) -> np.ndarray:
    """The nearest cluster of each; a cluster that would be empty gets the worst served solution of one that has two."""
    labels = distances.argmin(1)
    for k in np.setdiff1d(np.arange(clusters), labels):
        shared = np.bincount(labels, minlength=clusters)[labels] > 1
        worst = np.where(shared, distances[np.arange(labels.size), labels], -1.0).argmax()
        labels[worst] = k
    return labels
