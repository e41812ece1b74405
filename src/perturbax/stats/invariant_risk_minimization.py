"""Invariant risk minimisation, with a linear predictor.

Arjovsky, Bottou, Gulrajani & Lopez-Paz 2019, the objective IRMv1: with the risk `R_e` of environment `e`,

    min over f of  mean over e of  R_e(f) + lambda |d/dw R_e(w f) at w = 1|^2.
"""

from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from ..core import Paper, adam, check_integer, check_number, fit
from ._linear_prediction import LinearPrediction
from ._robust_subset import AbstractRobustMethod, Environments, RobustSubset, only_data, standardised


class InvariantRiskMinimization(AbstractRobustMethod):
    """A predictor that no environment would rescale.

    **Arguments:** `weight`: `lambda` of the penalty; `steps`, `learning_rate`: of Adam on all rows.

    **Returns:** a frozen method for `stats.robust_subset`; the solution has all variables and no worst risk.

    **Raises:** `ValueError` when one is out of range; `TypeError`, when used, for a known model.

    Source: Arjovsky et al. 2019, the objective IRMv1.

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
        data = (jnp.asarray(X, jnp.float32), jnp.asarray(y, jnp.float32), jnp.asarray(problem.env, jnp.int32))
        model = fit(
            _PenalisedRisk(jnp.float32(self.weight), problem.count),
            LinearPrediction(jnp.zeros(X.shape[1])),
            data,
            steps=self.steps,
            optimizer=adam(self.learning_rate),
            key=key,
            progress=False,
        ).model
        return RobustSubset(problem.names, predictor(model), float("nan"), stats={"evaluations": self.steps})


class _PenalisedRisk(eqx.Module):
    """The objective on all rows, of `count` environments."""

    weight: Float[Array, ""]
    count: int = eqx.field(static=True)

    def __call__(
        self,
        model: LinearPrediction,
        batch: tuple[Float[Array, "n d"], Float[Array, " n"], Int[Array, " n"]],
        key: Any,
    ) -> Float[Array, ""]:
        rows, target, env = batch
        predicted = model(rows)
        share = 1.0 / jnp.bincount(env, length=self.count)

        def risks(scale: Any) -> Float[Array, " environments"]:
            return jax.ops.segment_sum((target - scale * predicted) ** 2, env, self.count) * share

        slopes = jax.jacfwd(risks)(1.0)
        return jnp.mean(risks(1.0)) + self.weight * jnp.mean(slopes**2)
