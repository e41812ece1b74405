"""ROM-net: a dictionary of local reduced bases and a classifier that recommends one from cheap features.

The features are what is known before a simulation: parameters, or numbers from the loading. Which of them matter is
told by their mutual information with the clusters; of several that say the same, one is kept.
"""

from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Float, Int

from ..core import check_array, check_instance, check_integer, check_key
from ._cluster import ClusterSolution
from ._snapshots import SnapshotSet

_FOLDS = 5


class ROMNet(eqx.Module):
    """What `rom_net` returns.

    - `solution`: the clusters and their bases; `classifier`: fitted to all solutions.
    - `features`: which columns it reads.
    - `confusion`: of solutions that it was not trained on, by cross-validation: the share of cluster `k` that was given
      the basis `k'`; `accuracy`: the share that was given its own.
    """

    solution: ClusterSolution
    classifier: Any
    features: tuple[int, ...] = eqx.field(static=True)
    confusion: Float[np.ndarray, "K K"]
    accuracy: float

    def recommend(self, features: Any) -> Int[np.ndarray, " M"]:
        """The cluster whose basis is recommended, for features of shape `(M, q)`."""
        table = np.asarray(check_array("features", features, ndim=2), np.float64)
        if table.shape[1] <= max(self.features):
            raise ValueError(f"features must have {max(self.features) + 1} columns or more, got {table.shape[1]}")
        return np.asarray(self.classifier.predict(table[:, list(self.features)]), np.int64)


def rom_net(
    problem: SnapshotSet, solution: ClusterSolution, *, key: Any, classifier: Any = None, count: int | None = None
) -> ROMNet:
    """Train the classifier of a ROM-net on the features of a problem, or on its parameters where it has none.

    **Arguments:**

    - `problem`: the one that was clustered; `solution`: what `cluster` returned for it.
    - `classifier`: a scikit-learn classifier; logistic regression of standardised features when `None`.
    - `count`: how many features to keep, those that say most of the clusters and least of each other; all when `None`.
    - `key`: JAX PRNG key, of folds and of the estimates of mutual information.

    **Returns:** a `ROMNet`.

    **Raises:** `ValueError` for a problem without features and parameters, or of another size, or when clusters have
    one solution only; `TypeError` for other objects.

    Source: Daniel et al. 2020, *Model order reduction assisted by deep neural networks (ROM-net)*.

    >>> import jax, numpy as np
    >>> from perturbax import rom
    >>> s = np.linspace(0.0, 1.0, 40)
    >>> problem = rom.SnapshotSet(np.exp(-((np.linspace(0, 1, 50) - s[:, None]) ** 2) / 0.01), params=s[:, None])
    >>> solved = rom.cluster(problem, rom.SineKMedoids(clusters=2), key=jax.random.key(0))
    >>> rom.rom_net(problem, solved, key=jax.random.key(1)).accuracy > 0.9
    True
    """
    from sklearn.base import clone
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    check_instance("problem", problem, SnapshotSet, "a rom.SnapshotSet(...)")
    check_instance("solution", solution, ClusterSolution, "what rom.cluster returned")
    seed = int(jax.random.randint(check_key("key", key), (), 0, np.iinfo(np.int32).max))
    table = problem.params if problem.features is None else problem.features
    if table is None:
        raise ValueError("problem must have features or params to recommend a basis from")
    labels = solution.labels
    if labels.shape != (problem.count,):
        raise ValueError(f"solution must be of this problem, got {labels.size} labels for {problem.count} solutions")
    sizes = np.bincount(labels, minlength=len(solution.bases))
    if sizes.size < 2 or sizes.min() < 2:
        raise ValueError(f"solution must have two clusters or more, of two solutions or more, got {sizes.tolist()}")
    kept = tuple(range(table.shape[1]))
    if count is not None:
        kept = select_features(table, labels, check_integer("count", count, minimum=1, maximum=len(kept)), seed)
    if classifier is None:
        classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    folds = StratifiedKFold(min(_FOLDS, int(sizes.min())), shuffle=True, random_state=seed)
    predicted = cross_val_predict(clone(classifier), table[:, list(kept)], labels, cv=folds)
    confusion = np.zeros((sizes.size, sizes.size))
    np.add.at(confusion, (labels, predicted), 1.0)
    return ROMNet(
        solution=solution,
        classifier=clone(classifier).fit(table[:, list(kept)], labels),
        features=kept,
        confusion=confusion / sizes[:, None],
        accuracy=float((predicted == labels).mean()),
    )


def select_features(
    table: Float[np.ndarray, "M q"], labels: Int[np.ndarray, " M"], count: int, seed: int
) -> tuple[int, ...]:
    """Columns one after another: that with the largest mutual information with the labels, times what its correlation
    with each of those that were chosen already leaves of it."""
    from sklearn.feature_selection import mutual_info_classif

    relevance = mutual_info_classif(table, labels, random_state=seed)
    spread = table.std(0)
    standard = (table - table.mean(0)) / np.where(spread > 0.0, spread, 1.0)
    correlation = np.abs(standard.T @ standard) / len(table)
    chosen = [int(relevance.argmax())]
    while len(chosen) < count:
        score = relevance * (1.0 - correlation[:, chosen].max(1))
        score[chosen] = -np.inf
        chosen.append(int(score.argmax()))
    return tuple(chosen)
