"""Anchor regression with the environment as anchor.

Rothenhaeusler, Meinshausen, Buehlmann & Peters 2021: with the projection `P` of rows onto the means of
their environments,

    b = argmin |(I - P)(Y - X b)|^2 + gamma |P (Y - X b)|^2,

which is least squares after `Z -> Z + (sqrt(gamma) - 1) P Z`.
"""

import math
from typing import Any, ClassVar

import numpy as np

from ..core import Paper, check_number
from ._linear_prediction import by_environment, least_squares
from ._robust_subset import AbstractRobustMethod, Environments, RobustSubset, only_data, standardised


class AnchorRegression(AbstractRobustMethod):
    """Least squares that is protected against shifts of the means of environments, `gamma` times as large as seen.

    Also known as distributionally robust least squares for shift interventions; `gamma = 1` is pooled least squares.

    **Arguments:** `gamma`: strength of the protection.

    **Returns:** a frozen method for `stats.robust_subset`; the solution has all variables and no worst risk.

    **Raises:** `ValueError` when `gamma` is negative; `TypeError`, when used, for a known model.

    Source: Rothenhaeusler et al. 2021.

    >>> from perturbax import stats
    >>> stats.AnchorRegression(gamma=10.0).gamma
    10.0
    """

    gamma: float = 7.0

    papers: ClassVar[tuple[Paper, ...]] = (
        Paper(
            title="Anchor Regression: Heterogeneous Data Meet Causality",
            authors=("Dominik Rothenhäusler", "Nicolai Meinshausen", "Peter Bühlmann", "Jonas Peters"),
            year=2021,
            arxiv="1801.06229",
            venue="Journal of the Royal Statistical Society Series B",
        ),
    )

    def __check_init__(self):
        check_number("gamma", self.gamma, minimum=0.0)

    def choose(self, problem: Environments | Any, key: Any) -> RobustSubset:
        """See `stats.robust_subset`."""
        problem = only_data(problem, self)
        X, y, predictor = standardised(problem)
        both = np.column_stack([X, y])
        means = np.stack([rows.mean(0) for (rows,) in by_environment(problem.env, both)])[problem.env]
        both = both + (math.sqrt(self.gamma) - 1.0) * means
        linear = least_squares(both[:, :-1], both[:, -1])
        return RobustSubset(problem.names, predictor(linear), float("nan"), stats={"evaluations": 1})
