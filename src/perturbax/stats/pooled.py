"""Pooled regression: all variables, all environments, no thought of what may change.

f = argmin over ridge regressions on random features of sum over environments of E_e (Y - f(X))^2
"""

from typing import Any, ClassVar

from ..core import Paper, check_integer, check_number
from ._interventions import fit_ridge
from ._robust_subset import AbstractRobustMethod, Environments, RobustSubset, only_data, standardised


class Pooled(AbstractRobustMethod):
    """Empirical risk minimisation on the pooled rows, the best that can be done where nothing changes.

    **Arguments:** `features`, `ridge`: random Fourier features and regularisation of the regression.

    **Returns:** a frozen method for `stats.robust_subset`; the solution has all variables and no worst risk.

    **Raises:** `ValueError` when one is out of range; `TypeError`, when used, for a known model.

    Source: Rahimi & Recht 2007.

    >>> from perturbax import stats
    >>> stats.Pooled(features=100).ridge
    0.0001
    """

    features: int = 200
    ridge: float = 1e-4

    papers: ClassVar[tuple[Paper, ...]] = (
        Paper(
            title="Random Features for Large-Scale Kernel Machines",
            authors=("Ali Rahimi", "Benjamin Recht"),
            year=2007,
            venue="Advances in Neural Information Processing Systems",
        ),
    )

    def __check_init__(self):
        check_integer("features", self.features, minimum=1)
        check_number("ridge", self.ridge, minimum=0.0, exclusive=True)

    def choose(self, problem: Environments | Any, key: Any) -> RobustSubset:
        """See `stats.robust_subset`."""
        problem = only_data(problem, self)
        X, y, predictor = standardised(problem)
        reads = [[1.0] * X.shape[1]]
        ridge = fit_ridge(X, y, reads, key=key, features=self.features, ridge=self.ridge).one(0)
        return RobustSubset(problem.names, predictor(ridge), float("nan"), stats={"evaluations": 1})
