"""Group distributionally robust regression: the worst of the environments that were seen.

    min over f of  max over weights q of  sum over e of q_e E_e (Y - f(X))^2

Sagawa, Koh, Hashimoto & Liang 2020, solved as a game: the weights move by exponentiated gradient, as theirs do, the
regression answers each time with its best, and the average answer is returned.
"""

import math
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np

from ..core import Paper, check_integer, check_number
from ._interventions import RandomFeatureRidge, fit_ridge, random_features
from ._linear_prediction import by_environment
from ._robust_subset import AbstractRobustMethod, Environments, RobustSubset, only_data, standardised


class GroupDRO(AbstractRobustMethod):
    """Regression that minimises the largest risk among the training environments.

    **Arguments:** `features`, `ridge`: random Fourier features and regularisation of the regression; `rounds`: of the
    game; the average is within `sqrt(2 log(environments) / rounds)` of the largest risk from the optimum.

    **Returns:** a frozen method for `stats.robust_subset`; the solution has all variables, and no worst risk over
    environments that were not seen.

    **Raises:** `ValueError` when one is out of range; `TypeError`, when used, for a known model.

    Source: Sagawa et al. 2020; Freund & Schapire 1999 (the rate).

    >>> from perturbax import stats
    >>> stats.GroupDRO(rounds=50).features
    200
    """

    features: int = 200
    ridge: float = 1e-4
    rounds: int = 100

    papers: ClassVar[tuple[Paper, ...]] = (
        Paper(
            title="Distributionally Robust Neural Networks for Group Shifts",
            authors=("Shiori Sagawa", "Pang Wei Koh", "Tatsunori B. Hashimoto", "Percy Liang"),
            year=2020,
            arxiv="1911.08731",
            venue="International Conference on Learning Representations",
        ),
    )

    def __check_init__(self):
        check_integer("features", self.features, minimum=1)
        check_integer("rounds", self.rounds, minimum=1)
        check_number("ridge", self.ridge, minimum=0.0, exclusive=True)

    def choose(self, problem: Environments | Any, key: Any) -> RobustSubset:
        """See `stats.robust_subset`."""
        problem = only_data(problem, self)
        X, y, predictor = standardised(problem)
        start = fit_ridge(X, y, [[1.0] * X.shape[1]], key=key, features=self.features, ridge=self.ridge).one(0)
        made = random_features(X, *(np.asarray(a, np.float64) for a in (start.reads, start.frequencies, start.phases)))
        groups = by_environment(problem.env, made, y)
        grams = np.stack([rows.T @ rows / rows.shape[0] for rows, _ in groups])
        cross = np.stack([rows.T @ target / rows.shape[0] for rows, target in groups])
        squares = np.array([np.mean(target**2) for _, target in groups])
        penalty = self.ridge * np.eye(made.shape[1])
        rate = math.sqrt(8.0 * math.log(max(len(groups), 2)) / self.rounds) / squares.max()
        scores, total = np.zeros(len(groups)), np.zeros(made.shape[1])
        for _ in range(self.rounds):
            q = np.exp(rate * (scores - scores.max()))
            q /= q.sum()
            weights = np.linalg.solve(np.tensordot(q, grams, 1) + penalty, q @ cross)
            scores += squares - 2.0 * cross @ weights + grams @ weights @ weights
            total += weights / self.rounds
        best = RandomFeatureRidge(start.reads, start.frequencies, start.phases, jnp.asarray(total, jnp.float32))
        return RobustSubset(problem.names, predictor(best), float("nan"), stats={"evaluations": self.rounds})
