"""Invariant risk minimisation, with a linear predictor.

Arjovsky, Bottou, Gulrajani & Lopez-Paz 2019, equation IRMv1: with the risk `R_e` of environment `e`,

    min over f of  mean over e of  R_e(f) + lambda |d/dw R_e(w f) at w = 1|^2.
"""

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import optax

from ..core import Paper, check_integer, check_number, fit
from ._linear_prediction import LinearPrediction
from ._robust_subset import AbstractRobustMethod, Environments, RobustSubset, only_data, standardised


class InvariantRiskMinimization(AbstractRobustMethod):
    """A predictor that no environment would rescale.

    **Arguments:** `weight`: `lambda` of the penalty; `steps`, `learning_rate`: of Adam on all rows.

    **Returns:** a frozen method for `stats.robust_subset`; the solution has all variables and no worst risk.

    **Raises:** `ValueError` when one is out of range; `TypeError`, when used, for a known model.

    Source: Arjovsky et al. 2019, equation IRMv1.

    >>> from perturbax import stats
    >>> stats.InvariantRiskMinimization(weight=10.0).steps
    1000
    """

    weight: float = 100.0
    steps: int = 1000
    learning_rate: float = 1e-2

    papers: ClassVar[tuple[Paper, ...]] = (
        Paper(
            title="Invariant Risk Minimization",
            authors=("Martin Arjovsky", "Léon Bottou", "Ishaan Gulrajani", "David Lopez-Paz"),
            year=2019,
            arxiv="1907.02893",
        ),
    )

    def __check_init__(self):
        check_number("weight", self.weight, minimum=0.0)
        check_integer("steps", self.steps, minimum=1)
        check_number("learning_rate", self.learning_rate, minimum=0.0, exclusive=True)

    def choose(self, problem: Environments | Any, key: Any) -> RobustSubset:
        """See `stats.robust_subset`."""
        problem = only_data(problem, self)
        X, y, predictor = standardised(problem)
        count = problem.count

        def loss(model: LinearPrediction, batch: Any, key: Any) -> Any:
            rows, target, env = batch
            predicted = model(rows)
            share = 1.0 / jnp.bincount(env, length=count)

            def risks(scale: Any) -> Any:
                return jax.ops.segment_sum((target - scale * predicted) ** 2, env, count) * share

            slopes = jax.jacfwd(risks)(1.0)
            return jnp.mean(risks(1.0)) + self.weight * jnp.mean(slopes**2)

        data = (jnp.asarray(X, jnp.float32), jnp.asarray(y, jnp.float32), jnp.asarray(problem.env, jnp.int32))
        model = fit(
            loss,
            LinearPrediction(jnp.zeros(X.shape[1])),
            data,
            steps=self.steps,
            optimizer=optax.adam(self.learning_rate),
            key=key,
            progress=False,
        ).model
        return RobustSubset(problem.names, predictor(model), float("nan"), stats={"evaluations": self.steps})
