"""k-means by scikit-learn on rows of numbers, and the rule of the nearest mean."""

import abc
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Float, Int

from ._cluster import AbstractRule
from ._snapshots import SnapshotSet


class AbstractNearestMean(AbstractRule):
    """The Euclidean distance to the mean of each cluster, of rows that a solution is told by."""

    centres: eqx.AbstractVar[Float[np.ndarray, "K q"]]

    @abc.abstractmethod
    def rows_of(self, problem: SnapshotSet) -> Float[np.ndarray, "M q"]:
        """What is compared."""

    def distances(self, problem: SnapshotSet) -> Float[np.ndarray, "M K"]:
        from sklearn.metrics import pairwise_distances

        return np.asarray(pairwise_distances(self.rows_of(problem), self.centres))


def k_means(
    rows: Float[np.ndarray, "M q"], clusters: int, restarts: int, key: Any
) -> tuple[Int[np.ndarray, " M"], Float[np.ndarray, "K q"], float]:
    """Labels, means and the sum of squared distances."""
    from sklearn.cluster import KMeans

    seed = int(jax.random.randint(key, (), 0, np.iinfo(np.int32).max))
    fitted = KMeans(clusters, n_init=restarts, random_state=seed).fit(rows)
    return fitted.labels_.astype(np.int64), fitted.cluster_centers_, float(fitted.inertia_)
