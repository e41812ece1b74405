"""Approximate Bayesian computation by rejection: simulate draws from the prior, keep those that agree best.

    theta_i ~ prior,      accept the share of them with the largest score(F(theta_i), y)

The accepted draws come from the posterior given that the agreement is as good as that of the last one accepted. The
best draw is what random search finds with the same budget.
"""

from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ..core import Paper, check_integer
from ._inverse_problem import InverseProblem
from ._invert import AbstractInversionMethod, Estimate, Found
from ._papers import ABC

_BATCH = 32


class RejectionABC(AbstractInversionMethod):
    """Draws from the prior whose simulations agree best; also random search.

    **Arguments:** `budget`: simulations that are made; `accepted`: how many of them make up the posterior.

    **Returns:** a frozen method for `optimize.invert`.

    **Raises:** `TypeError`, `ValueError` for arguments out of range.

    Source: Pritchard et al. 1999.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from perturbax import optimize, stats
    >>> prior = stats.UniformPrior([-3.0], [3.0])
    >>> problem = optimize.InverseProblem(lambda p: p, jnp.array([1.0]), prior, optimize.SquaredError())
    >>> found = optimize.invert(problem, optimize.RejectionABC(budget=1000, accepted=50), key=jax.random.key(0))
    >>> bool(abs(found.mean[0] - 1.0) < 0.1), found.samples.shape
    (True, (50, 1))
    """

    budget: int = 500
    accepted: int = 20

    papers: ClassVar[tuple[Paper, ...]] = (ABC,)

    def __check_init__(self):
        check_integer("budget", self.budget, minimum=1)
        check_integer("accepted", self.accepted, minimum=1, maximum=self.budget)

    def search(self, problem: InverseProblem, key: Any, start: Estimate | None) -> Found:
        draws = problem.prior.sample(key, self.budget)
        scores, order = _best(problem, draws, self.accepted)
        chosen = np.asarray(draws)[np.asarray(order)]
        weights = np.full(self.accepted, 1.0 / self.accepted, np.float32)
        report = {"scores": np.asarray(scores)}
        return Found(chosen[0], chosen, weights, self.budget, report=report)


@eqx.filter_jit
def _best(problem: InverseProblem, draws: Any, accepted: int) -> Any:
    return jax.lax.top_k(jax.lax.map(problem.score, jnp.asarray(draws), batch_size=_BATCH), accepted)
