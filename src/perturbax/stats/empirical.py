"""The empirical law: the observations themselves, each with the same probability.

    Q_n = (1 / n) sum_i delta_{X_i},      E W_1(Q_n, Q) of order n^{-1/d} for d > 2 and n^{-1/2} for d = 1

What an estimator has to beat: it uses nothing of the smoothness of the law. `d` is the dimension of the set on which
the law lives (Weed & Bach 2019).
"""

from typing import Any, ClassVar

import equinox as eqx
import jax
from jaxtyping import Array, Float

from ..core import Paper
from ._fit_distribution import AbstractDistributionMethod, AbstractLaw, FittedDistribution, Observations
from ._settle import settled


class Empirical(AbstractDistributionMethod):
    """The law that draws the observations again, also known as the bootstrap.

    **Returns:** a frozen method for `stats.fit_distribution`; the solution has no density.

    Source: Efron 1979; Weed & Bach 2019, arXiv 1707.00087 (how fast it converges).

    >>> import jax
    >>> from perturbax import stats
    >>> problem = stats.Observations([[0.0], [1.0]])
    >>> stats.fit_distribution(problem, stats.Empirical(), key=jax.random.key(0)).sample(jax.random.key(1), 3).shape
    (3, 1)
    """

    papers: ClassVar[tuple[Paper, ...]] = (
        Paper(
            title="Bootstrap Methods: Another Look at the Jackknife",
            authors=("Bradley Efron",),
            year=1979,
            venue="The Annals of Statistics",
        ),
        Paper(
            title=(
                "Sharp asymptotic and finite-sample rates of convergence of empirical measures in Wasserstein distance"
            ),
            authors=("Jonathan Weed", "Francis Bach"),
            year=2019,
            arxiv="1707.00087",
            venue="Bernoulli",
        ),
    )

    def estimate(self, problem: Observations, key: Any, progress: bool | None) -> FittedDistribution:
        """See `stats.fit_distribution`."""
        return FittedDistribution(EmpiricalLaw(settled(problem.x)), stats={"evaluations": 0})


class EmpiricalLaw(AbstractLaw):
    """Rows with equal probabilities."""

    rows: Float[Array, "m D"]

    @property
    def size(self) -> int:
        return self.rows.shape[1]

    @eqx.filter_jit
    def sample(self, key: Any, n: int) -> Float[Array, "n D"]:
        return self.rows[jax.random.randint(key, (n,), 0, len(self.rows))]

    def log_density(self, x: Float[Array, "n D"]) -> Float[Array, " n"]:
        raise ValueError("the empirical law has no density: use KernelDensity() or PerturbedMLE()")
