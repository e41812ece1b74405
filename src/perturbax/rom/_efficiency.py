"""Is a dictionary of local bases worth it, and with how many clusters? Answered before any of them is built.

From a dissimilarity matrix of `m` simulations, with medoids of `K` clusters and their cost `C_K`,

    gain(K) = 1 - [C_K / (m - K)] / [C_1 / (m - 1)]                                                           (1)

compares the mean dissimilarity to the medoid among those that are not medoids: 1 is perfect, about 0 useless. The raw
gain `1 - C_K / C_1` counts medoids too, which represent themselves exactly: from data without any structure it rises
like `(K - 1) / (m - 1)`. With a classifier that gives a solution of cluster `k` the basis `k'` with probability
`P[k, k']`, the sums run over `sum_k' P[k_i, k'] d(x_i, m_k')` instead. Formula 1 is derived here; the normalisation of
the paper may differ.
"""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from ..core import check_array, check_instance, check_integer, check_key, check_number
from ._k_medoids import Medoids, check_dissimilarity, k_medoids


class Budget(eqx.Module):
    """What training may cost, in any one unit.

    **Arguments:** `total`; `per_basis`: building one local reduced model; `per_simulation`: one training simulation.

    **Raises:** `ValueError` when one is not positive.

    >>> Budget(total=100.0, per_basis=5.0, per_simulation=1.0).share(clusters=4, simulations=50)
    0.7
    """

    total: float
    per_basis: float
    per_simulation: float

    def __check_init__(self):
        for name in ("total", "per_basis", "per_simulation"):
            check_number(name, getattr(self, name), minimum=0.0, exclusive=True)

    def share(self, clusters: int, simulations: int) -> float:
        """The part of the total that is spent; above 1 is too much."""
        return (clusters * self.per_basis + simulations * self.per_simulation) / self.total


class Efficiency(eqx.Module):
    """What `efficiency` returns, an entry for each number of clusters in `counts`.

    - `cost`: `C_K`; `gain`: formula 1; `gain_raw`: `1 - C_K / C_1`; `gain_classified`: with the mistakes of the
      classifier, the gain itself without one.
    - `smallest`: size of the smallest cluster; `share`: of the budget, NaN without one.
    - `recommended`: the number of clusters, `None` for "do not use a dictionary".
    """

    counts: tuple[int, ...]
    cost: Float[np.ndarray, " K"]
    gain: Float[np.ndarray, " K"]
    gain_raw: Float[np.ndarray, " K"]
    gain_classified: Float[np.ndarray, " K"]
    smallest: Int[np.ndarray, " K"]
    share: Float[np.ndarray, " K"]
    recommended: int | None

    def table(self) -> pd.DataFrame:
        """A row for each number of clusters."""
        columns = ("cost", "gain", "gain_raw", "gain_classified", "smallest", "share")
        return pd.DataFrame({"clusters": self.counts, **{name: getattr(self, name) for name in columns}})


def efficiency(
    dissimilarity: Any,
    counts: Sequence[int],
    *,
    key: Any,
    accuracy: float | Sequence[Any] = 1.0,
    budget: Budget | None = None,
    smallest: int = 1,
    threshold: float = 0.2,
    restarts: int = 10,
) -> Efficiency:
    """The a-priori gain of local bases over one basis, for several numbers of clusters.

    Simulations on a coarse mesh will do: only the dissimilarities enter.

    **Arguments:**

    - `dissimilarity`: shape `(m, m)`, as from `rom.dissimilarity`, usually of fifty simulations or so.
    - `counts`: numbers of clusters to compare, each below `m`; `key`: JAX PRNG key.
    - `accuracy`: of the classifier, whose mistakes are then uniform; or a confusion matrix `P[k, k']` of shape `(K, K)`
      for each of `counts`, with the medoids in the order of `k_medoids`.
    - `budget`: a `Budget`; `smallest`: refuse numbers that make smaller clusters.
    - `threshold`: the gain below which none is recommended; the default is ours, far above what noise has.
    - `restarts`: as in `k_medoids`.

    **Returns:** an `Efficiency`.

    **Raises:** `ValueError` or `TypeError` for arguments that do not fit; `SolverError` as `k_medoids`.

    Source: Daniel et al. 2021, arXiv 2103.13683; the normalisation is derived in this module.

    >>> import jax, numpy as np
    >>> angle = np.repeat([0.0, 0.8, 1.5], 5)
    >>> fields = np.stack([np.cos(angle), np.sin(angle)], 1)
    >>> from perturbax import rom
    >>> d = rom.dissimilarity(rom.SnapshotSet(fields))
    >>> rom.efficiency(d, (2, 3), key=jax.random.key(0)).recommended
    3
    """
    d = check_dissimilarity("dissimilarity", dissimilarity)
    m = d.shape[0]
    numbers = tuple(check_integer("counts", k, minimum=1, maximum=m - 1) for k in counts)
    if not numbers or list(numbers) != sorted(set(numbers)):
        raise ValueError(f"counts must be increasing numbers of clusters, got {numbers}")
    confusions = _confusions(accuracy, numbers)
    check_number("threshold", threshold, maximum=1.0)
    smallest = check_integer("smallest", smallest, minimum=1)
    if budget is not None:
        check_instance("budget", budget, Budget, "a rom.Budget(...)")
    found = _solve(d, numbers, check_key("key", key), restarts)
    one = float(d.sum(0).min())
    cost = np.array([medoids.cost for medoids in found])
    expected = np.array([_expected(d, medoids, p) for medoids, p in zip(found, confusions, strict=True)])
    gain, classified = (_gain(c, one, m, np.array(numbers)) for c in (cost, expected))
    sizes = np.array([np.bincount(medoids.labels).min() for medoids in found])
    share = np.array([np.nan if budget is None else budget.share(k, m) for k in numbers])
    allowed = (sizes >= smallest) & ~(share > 1.0)
    best = int(np.where(allowed, classified, -np.inf).argmax())
    worth = bool(allowed[best]) and classified[best] >= threshold
    return Efficiency(
        counts=numbers,
        cost=cost,
        gain=gain,
        gain_raw=1.0 - cost / one if one > 0.0 else np.zeros_like(cost),
        gain_classified=classified,
        smallest=sizes,
        share=share,
        recommended=numbers[best] if worth else None,
    )


def gain_interval(
    dissimilarity: Any,
    counts: Sequence[int],
    *,
    size: int,
    key: Any,
    repeats: int = 20,
    coverage: float = 0.9,
    restarts: int = 3,
) -> Float[np.ndarray, "2 K"]:
    """How certain the gain is from `size` simulations: its interval over random subsets of those that are there.

    More simulations are needed while it is wider than what the decision can bear, such as 0.05.

    **Arguments:** `dissimilarity`, `counts`, `key`, `restarts`: as in `efficiency`; `size`: of the subsets, below the
    number of simulations; `repeats`: subsets; `coverage`: of the interval.

    **Returns:** the lower and upper ends for each of `counts`.

    **Raises:** `ValueError` or `TypeError` for arguments that do not fit.

    >>> import jax, numpy as np
    >>> x = np.linspace(0.0, 1.0, 30)
    >>> ends = gain_interval(np.abs(x[:, None] - x), (3,), size=20, key=jax.random.key(0), repeats=3)
    >>> bool(0.3 < ends[0, 0] < ends[1, 0] < 0.9)
    True
    """
    d = check_dissimilarity("dissimilarity", dissimilarity)
    size = check_integer("size", size, minimum=2, maximum=d.shape[0])
    repeats = check_integer("repeats", repeats, minimum=2)
    coverage = check_number("coverage", coverage, minimum=0.0, maximum=1.0, exclusive=True)
    gains = []
    for each in jax.random.split(check_key("key", key), repeats):
        chosen = np.asarray(jax.random.choice(each, d.shape[0], (size,), replace=False))
        gains.append(efficiency(d[np.ix_(chosen, chosen)], counts, key=each, restarts=restarts).gain)
    return np.quantile(gains, [(1.0 - coverage) / 2.0, (1.0 + coverage) / 2.0], axis=0)


def _solve(d: Float[np.ndarray, "m m"], numbers: tuple[int, ...], key: Any, restarts: int) -> list[Medoids]:
    """Medoids for increasing numbers of clusters; each search also goes on from the one before, so that costs fall."""
    found: list[Medoids] = []
    for k in numbers:
        start = found[-1].medoids if found else None
        key, own = jax.random.split(key)
        found.append(k_medoids(d, k, key=own, restarts=restarts, start=start, most=numbers[-1]))
    return found


def _gain(cost: Any, one: float, m: int, counts: Any) -> Float[np.ndarray, " K"]:
    # All in one direction: one basis vector is perfect already.
    return 1.0 - (cost / (m - counts)) / (one / (m - 1)) if one > 0.0 else np.zeros(len(counts))


def _expected(d: Float[np.ndarray, "m m"], medoids: Medoids, confusion: Float[np.ndarray, "K K"]) -> float:
    """The cost over those that are not medoids when bases are given by a classifier."""
    each = (confusion[medoids.labels] * d[:, medoids.medoids]).sum(1)
    return float(np.delete(each, medoids.medoids).sum())


def _confusions(accuracy: Any, numbers: tuple[int, ...]) -> list[Float[np.ndarray, "K K"]]:
    if isinstance(accuracy, Sequence):
        if len(accuracy) != len(numbers):
            raise ValueError(f"accuracy must hold a confusion matrix for each of counts, got {len(accuracy)}")
        made = []
        for k, matrix in zip(numbers, accuracy, strict=True):
            matrix = np.asarray(check_array("accuracy", matrix, shape=(k, k)), np.float64)
            if matrix.min() < 0.0 or not np.allclose(matrix.sum(1), 1.0):
                raise ValueError("accuracy must hold matrices of probabilities whose rows sum to 1")
            made.append(matrix)
        return made
    right = check_number("accuracy", accuracy, minimum=0.0, maximum=1.0)
    return [
        np.full((k, k), (1.0 - right) / max(k - 1, 1)) * (1.0 - np.eye(k)) + right * np.eye(k)
        if k > 1
        else np.ones((1, 1))
        for k in numbers
    ]
