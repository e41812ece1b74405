"""`cluster`: a partition of solutions, and a reduced basis for each part. The verb, its method and its solution.

A method says which solutions belong together and, by its *rule*, how far a new one is from each cluster. The local
basis of a cluster are the leading POD modes of the snapshots of its members, and, with overlap, of the nearest others.
"""

import abc
import os
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Float, Int

from ..core import Method, check_array, check_instance, check_integer, check_key, check_number, write_atomic
from ._dissimilarity import check_like, projection_errors, stacked
from ._pod import POD, AbstractFactorisation, OrthogonalSVD, decompose
from ._snapshots import SnapshotSet


class AbstractRule(eqx.Module):
    """How far solutions are from each cluster."""

    @abc.abstractmethod
    def distances(self, problem: SnapshotSet) -> Float[np.ndarray, "M K"]:
        """In whatever unit; the smallest decides."""


class Partition(eqx.Module):
    """What a method finds: `labels` of the `M` solutions in `0 ... K - 1`, the `cost` that it made small, the `rule`
    for new solutions, and for methods that have them the indices of the `medoids` and the matrix `dissimilarity`."""

    labels: Int[np.ndarray, " M"]
    cost: float
    rule: AbstractRule
    medoids: Int[np.ndarray, " K"] | None = None
    dissimilarity: Float[np.ndarray, "M M"] | None = None
    stats: dict[str, Any] = eqx.field(default_factory=dict)


class AbstractClusterMethod(Method):
    """A method of `rom.cluster`."""

    clusters: eqx.AbstractVar[int]

    @abc.abstractmethod
    def partition(self, problem: SnapshotSet, key: Any) -> Partition:
        """The clusters."""


class LocalBases(eqx.Module):
    """How the basis of a cluster is made.

    **Arguments:**

    - `modes`: the largest number of modes of a basis; a cluster with fewer snapshots has fewer.
    - `tolerance`: keep the fewest modes whose relative error over the cluster is at most this; all when `None`.
    - `overlap`: snapshots of other clusters that are added, the nearest ones, as a share of the cluster's own number.
    - `factorisation`: as in `pod`.

    **Raises:** `ValueError` when one is out of range, `TypeError` for another factorisation.

    >>> LocalBases(modes=4, overlap=0.1).modes
    4
    """

    modes: int = 8
    tolerance: float | None = None
    overlap: float = 0.0
    factorisation: AbstractFactorisation = OrthogonalSVD()

    def __check_init__(self):
        check_integer("modes", self.modes, minimum=1)
        if self.tolerance is not None:
            check_number("tolerance", self.tolerance, minimum=0.0, maximum=1.0)
        check_number("overlap", self.overlap, minimum=0.0)
        check_instance("factorisation", self.factorisation, AbstractFactorisation, "such as OrthogonalSVD()")

    def build(self, problem: SnapshotSet, members: Int[np.ndarray, " k"], key: Any) -> POD:
        """The basis of the solutions of an index array."""
        rows = problem.snapshots[members].reshape(-1, problem.snapshots.shape[2])
        # Zero rows change no mode, and clusters of all sizes then share a few compilations.
        padded = np.pad(rows, ((0, 2 ** (len(rows) - 1).bit_length() - len(rows)), (0, 0)))
        rank = min(self.modes, *rows.shape)
        return decompose(padded, problem.weight, rank, self.tolerance, self.factorisation, key)


class ClusterSolution(eqx.Module):
    """What `cluster` returns: clusters with a reduced basis each.

    - `labels`: the cluster of each solution of the problem; `medoids`: indices of the representatives, or `None`.
    - `cost`: what the method made small; of `SineKMedoids` on single fields, divided by their number, the mean relative
      error when each is approximated by a multiple of its medoid.
    - `dissimilarity`: the matrix that was clustered, or `None`.
    - `bases`: a `POD` for each cluster.
    - `rule`: how new solutions are assigned; `lift`: what was subtracted from fields; `kept`: the indices among the
      user's solutions of those that `labels` and `medoids` speak of, as in `SnapshotSet`.
    - `stats`: `sizes` of the clusters, `reduced`: the clusters whose basis has fewer modes than asked for, by number.
    """

    labels: Int[np.ndarray, " M"]
    medoids: Int[np.ndarray, " K"] | None
    cost: float
    dissimilarity: Float[np.ndarray, "M M"] | None
    bases: tuple[POD, ...]
    rule: AbstractRule
    lift: Float[np.ndarray, " n"] | None
    kept: Int[np.ndarray, " M"]
    stats: dict[str, Any]

    def assign(self, new: SnapshotSet) -> Int[np.ndarray, " M"]:
        """The nearest cluster of each solution, in the method's own dissimilarity."""
        return self.rule.distances(self._checked(new)).argmin(1)

    def errors(self, new: SnapshotSet, labels: Any = None, *, modes: int | None = None) -> Float[np.ndarray, " M"]:
        """The relative projection error of each solution in the basis of its cluster.

        **Arguments:** `new`: solutions; `labels`: their clusters, `assign(new)` when `None`; `modes`: use this many of
        each basis only.
        """
        modes = None if modes is None else check_integer("modes", modes, minimum=1)
        return np.take_along_axis(self._errors(self._checked(new), modes), self._labels(new, labels)[:, None], 1)[:, 0]

    def width(self, problem: SnapshotSet, labels: Any = None, *, modes: int | None = None) -> Float[np.ndarray, " K"]:
        """For each cluster the largest error of its solutions, an upper bound of its Kolmogorov width relative to the
        norm of each; NaN when a cluster has none. Arguments as of `errors`."""
        labels = self._labels(problem, labels)
        errors = self.errors(problem, labels, modes=modes)
        found = (errors[labels == k] for k in range(len(self.bases)))
        return np.array([part.max() if part.size else np.nan for part in found])

    def project(self, new: SnapshotSet, labels: Any = None) -> Float[np.ndarray, "M times n"]:
        """The closest fields in the basis of each solution's cluster, with the lift added again."""
        labels = self._labels(new, labels)
        found = np.empty_like(new.snapshots)
        for k, basis in enumerate(self.bases):
            chosen = new.snapshots[labels == k]
            if chosen.size:
                found[labels == k] = basis.project(chosen.reshape(-1, chosen.shape[2])).reshape(chosen.shape)
        return found if self.lift is None else found + self.lift

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write labels, medoids and bases to an `.npz` file, atomically: `basis_0`, `basis_1`, ... with a mode in each
        row, `singular_values_0`, ..., and `kept`."""
        arrays: dict[str, Any] = {"labels": self.labels, "kept": self.kept}
        arrays |= {} if self.medoids is None else {"medoids": self.medoids}
        arrays |= {} if self.lift is None else {"lift": self.lift}
        for k, basis in enumerate(self.bases):
            arrays |= {f"basis_{k}": basis.modes, f"singular_values_{k}": basis.singular_values}
        write_atomic(path, lambda file: np.savez(file, **arrays))

    def _errors(self, new: SnapshotSet, modes: int | None) -> Float[np.ndarray, "M K"]:
        bases = stacked([basis.modes[:modes] for basis in self.bases], self.bases[0].weight)
        return projection_errors(new, bases)

    def _checked(self, new: SnapshotSet) -> SnapshotSet:
        return check_like("new", new, self.bases[0].modes.shape[1])

    def _labels(self, new: SnapshotSet, labels: Any) -> Int[np.ndarray, " M"]:
        if labels is None:
            return self.assign(new)
        labels = np.asarray(check_array("labels", labels, shape=(self._checked(new).count,), kind="integer"))
        if labels.min() < 0 or labels.max() >= len(self.bases):
            raise ValueError(f"labels must lie in [0, {len(self.bases) - 1}], got {labels.min()} to {labels.max()}")
        return labels


def cluster(
    problem: SnapshotSet, method: AbstractClusterMethod, *, key: Any, bases: LocalBases | None = None
) -> ClusterSolution:
    """Part solutions into clusters and build a reduced basis for each, in float64.

    **Arguments:**

    - `problem`: `SnapshotSet(fields)`; `method`: such as `SineKMedoids()`; `key`: JAX PRNG key.
    - `bases`: how the basis of a cluster is made; `LocalBases()` when `None`.

    **Returns:** a `ClusterSolution`.

    **Raises:** `ValueError` or `TypeError` for arguments that do not fit, or more clusters than solutions;
    `SolverError` when the search for clusters did not end.

    >>> import jax, numpy as np
    >>> from perturbax import rom
    >>> fields = np.array([[1.0, 0.0], [9.0, 0.1], [0.0, 1.0], [0.1, -7.0]])
    >>> solved = rom.cluster(rom.SnapshotSet(fields), rom.SineKMedoids(clusters=2), key=jax.random.key(0))
    >>> bool(solved.labels[0] == solved.labels[1] != solved.labels[2] == solved.labels[3])
    True
    """
    check_instance("problem", problem, SnapshotSet, "a rom.SnapshotSet(...)")
    check_instance("method", method, AbstractClusterMethod, "a method such as SineKMedoids()")
    bases = LocalBases() if bases is None else bases
    check_instance("bases", bases, LocalBases, "LocalBases(...)")
    check_key("key", key)
    if method.clusters > problem.count:
        raise ValueError(f"clusters must be at most the number of solutions {problem.count}, got {method.clusters}")
    search_key, basis_key = jax.random.split(key)
    found = method.partition(problem, search_key)
    distances = found.rule.distances(problem) if bases.overlap > 0.0 else None
    made, sizes = [], np.bincount(found.labels, minlength=method.clusters)
    for k in range(method.clusters):
        members = np.flatnonzero(found.labels == k)
        if distances is not None:
            members = np.concatenate([members, _nearest_others(distances[:, k], found.labels != k, bases.overlap)])
        made.append(bases.build(problem, members, jax.random.fold_in(basis_key, k)))
    dimensions = [basis.modes.shape[0] for basis in made]
    reduced = {} if bases.tolerance is not None else {k: d for k, d in enumerate(dimensions) if d < bases.modes}
    return ClusterSolution(
        labels=found.labels,
        medoids=found.medoids,
        cost=found.cost,
        dissimilarity=found.dissimilarity,
        bases=tuple(made),
        rule=found.rule,
        lift=problem.lift,
        kept=problem.kept,
        stats={"sizes": sizes.tolist(), "reduced": reduced, **found.stats},
    )


def _nearest_others(distances: Float[np.ndarray, " M"], other: Any, overlap: float) -> Int[np.ndarray, " k"]:
    count = min(int(np.ceil(overlap * np.count_nonzero(~other))), int(np.count_nonzero(other)))
    order = np.argsort(np.where(other, distances, np.inf), kind="stable")
    return order[:count]
