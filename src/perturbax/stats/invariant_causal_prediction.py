"""Invariant causal prediction with linear models.

Peters, Buehlmann & Meinshausen 2016: a set of variables is accepted when the residuals of the pooled linear regression
on it have the same mean and variance in every environment as in the others; the intersection of all accepted
sets is, with probability `1 - alpha`, a subset of the direct causes of the target.
"""

import itertools
from typing import Any, ClassVar, NamedTuple

import numpy as np
import scipy.stats

from ..core import Paper, check_integer, check_number
from ._linear_prediction import least_squares
from ._robust_subset import AbstractRobustMethod, Environments, RobustSubset, only_data, standardised


class InvariantCausalPrediction(AbstractRobustMethod):
    """Prediction from the variables that are in every invariant set: few, sometimes none, but causes.

    **Arguments:** `alpha`: level of the tests; `most`: refuse more variables, since all `2^d` sets are tested.

    **Returns:** a frozen method for `stats.robust_subset`; `classes` of its solution are the accepted sets, `risks` are
    their p-values.

    **Raises:** `ValueError` when one is out of range, or, when used, there is one environment or too many variables;
    `TypeError` for a known model.

    Source: Peters et al. 2016 (the test of residuals' means and variances).

    >>> from perturbax import stats
    >>> stats.InvariantCausalPrediction(alpha=0.01).most
    14
    """

    alpha: float = 0.05
    most: int = 14

    papers: ClassVar[tuple[Paper, ...]] = (
        Paper(
            title="Causal Inference by Using Invariant Prediction: Identification and Confidence Intervals",
            authors=("Jonas Peters", "Peter Bühlmann", "Nicolai Meinshausen"),
            year=2016,
            arxiv="1501.01332",
            venue="Journal of the Royal Statistical Society Series B",
        ),
    )

    def __check_init__(self):
        check_number("alpha", self.alpha, minimum=0.0, maximum=1.0, exclusive=True)
        check_integer("most", self.most, minimum=1)

    def choose(self, problem: Environments | Any, key: Any) -> RobustSubset:
        """See `stats.robust_subset`."""
        problem = only_data(problem, self)
        if problem.count == 1:
            raise ValueError("env must name two environments or more: from one, everything is invariant")
        if np.bincount(problem.env).min() < 2:
            raise ValueError("env must have two rows or more for each environment, to compare variances")
        X, y, predictor = standardised(problem)
        d = X.shape[1]
        if d > self.most:
            raise ValueError(f"X has {d} variables, more than most = {self.most}: 2^{d} sets would be tested")
        sets = [s for size in range(d + 1) for s in itertools.combinations(range(d), size)]
        values = _p_values(np.column_stack([X, y]), problem.env, sets)
        accepted = [(s, value) for s, value in zip(sets, values, strict=True) if value > self.alpha]
        chosen = [i for i in range(d) if accepted and all(i in s for s, _ in accepted)]
        linear = least_squares(X * np.isin(np.arange(d), chosen), y)
        return RobustSubset(
            subset=tuple(problem.names[i] for i in chosen),
            predict=predictor(linear),
            worst_risk=float("nan"),
            classes=tuple(tuple(problem.names[i] for i in s) for s, _ in accepted),
            risks=np.array([value for _, value in accepted]),
            gaps=np.zeros(len(accepted)),
            stats={"evaluations": len(sets)},
        )


class _Moments(NamedTuple):
    """Sizes, means and covariances of variables and target (the last one) in groups of rows."""

    size: np.ndarray
    mean: np.ndarray
    covariance: np.ndarray

    @classmethod
    def of(cls, groups: list[np.ndarray]) -> "_Moments":
        return cls(*(np.array(a) for a in zip(*((len(g), g.mean(0), np.cov(g.T)) for g in groups), strict=True)))


def _p_values(table: np.ndarray, env: np.ndarray, sets: list[tuple[int, ...]]) -> np.ndarray:
    """For each set, of equal means (Welch's t) and variances (F) in each environment and the others, by Bonferroni.

    Residuals are linear in variables and target, so their means and variances follow from those of the data.
    """
    count = int(env.max()) + 1
    inside = _Moments.of([table[env == e] for e in range(count)])
    outside = _Moments.of([table[env != e] for e in range(count)])
    second = table.T @ table / table.shape[0]
    directions = np.zeros((len(sets), table.shape[1]))
    directions[:, -1] = 1.0
    for row, chosen in zip(directions, sets, strict=True):
        at = list(chosen)
        row[at] = -np.linalg.lstsq(second[np.ix_(at, at)], second[at, -1], rcond=None)[0]

    def residual(moments: _Moments) -> tuple[np.ndarray, np.ndarray]:
        return directions @ moments.mean.T, np.einsum("si,eij,sj->se", directions, moments.covariance, directions)

    (m, v), (m_, v_) = residual(inside), residual(outside)
    a, b = v / inside.size, v_ / outside.size
    freedom = (a + b) ** 2 / (a**2 / (inside.size - 1) + b**2 / (outside.size - 1))
    means = 2.0 * scipy.stats.t.sf(np.abs(m - m_) / np.sqrt(a + b), freedom)
    larger = scipy.stats.f.sf(v / v_, inside.size - 1, outside.size - 1)
    spreads = 2.0 * np.minimum(larger, 1.0 - larger)
    return np.minimum(1.0, 2.0 * count * np.minimum(means, spreads).min(1))
