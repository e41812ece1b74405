"""Invariant causal prediction with linear models.

Peters, Buehlmann & Meinshausen 2016, method II: a set of variables is accepted when the residuals of the pooled linear
regression on it have the same mean and variance in every environment as in the others; the intersection of all accepted
sets is, with probability `1 - alpha`, a subset of the direct causes of the target.
"""

import functools
import itertools
from typing import Any, ClassVar

import numpy as np
import scipy.stats

from ..core import Paper, check_integer, check_number
from ._linear_prediction import by_environment, least_squares
from ._robust_subset import AbstractRobustMethod, Environments, RobustSubset, only_data, standardised


class InvariantCausalPrediction(AbstractRobustMethod):
    """Prediction from the variables that are in every invariant set: few, sometimes none, but causes.

    **Arguments:** `alpha`: level of the tests; `most`: refuse more variables, since all `2^d` sets are tested.

    **Returns:** a frozen method for `stats.robust_subset`; `classes` of its solution are the accepted sets, `risks` are
    their p-values.

    **Raises:** `ValueError` when one is out of range, or, when used, there is one environment or too many variables;
    `TypeError` for a known model.

    Source: Peters et al. 2016, section 3.1.2, method II.

    >>> InvariantCausalPrediction(alpha=0.01).most
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
        X, y, predictor = standardised(problem)
        d = X.shape[1]
        if d > self.most:
            raise ValueError(f"X has {d} variables, more than most = {self.most}: 2^{d} sets would be tested")
        sets = [s for size in range(d + 1) for s in itertools.combinations(range(d), size)]
        values = np.array([self._p_value(X[:, list(s)], y, problem.env) for s in sets])
        accepted = [(s, value) for s, value in zip(sets, values, strict=True) if value > self.alpha]
        chosen = sorted(
            functools.reduce(lambda a, b: a & set(b), (s for s, _ in accepted), set(range(d)) if accepted else set())
        )
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

    @staticmethod
    def _p_value(X: np.ndarray, y: np.ndarray, env: np.ndarray) -> float:
        """Of equal means (Welch) and variances (Levene) in each environment and the others, by Bonferroni."""
        residual = y - np.asarray(least_squares(X, y)(X)) if X.shape[1] else y
        smallest = 1.0
        for e, (inside,) in enumerate(by_environment(env, residual)):
            outside = residual[env != e]
            mean = scipy.stats.ttest_ind(inside, outside, equal_var=False).pvalue
            spread = scipy.stats.levene(inside, outside).pvalue
            smallest = min(smallest, 2.0 * min(mean, spread))
        return min(1.0, smallest * (int(env.max()) + 1))
