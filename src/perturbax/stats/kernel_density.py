"""Kernel density estimation with a Gaussian kernel.

    p(x) = (1 / n) sum_i prod_j N(x_j; X_ij, h_j^2),      h_j = s_j n^{-1 / (D + 4)}

with the standard deviation `s_j` of a column (Scott 1992). It smooths in all `D` dimensions of the space, also across
a set of lower dimension on which the data lie.
"""

import math
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..core import Paper, check_number
from ._fit_distribution import AbstractDistributionMethod, AbstractLaw, FittedDistribution, Observations
from ._settle import settled

# Over how many rows at a time a density is computed, so that its table of rows and observations stays small.
_ROWS = 256


class KernelDensity(AbstractDistributionMethod):
    """A Gaussian on every observation. Also known as the Parzen window.

    **Arguments:** `factor`: multiplies Scott's bandwidths.

    **Returns:** a frozen method for `stats.fit_distribution`.

    **Raises:** `ValueError` when `factor` is not positive; in `fit_distribution`, `ValueError` when a column of the
    data is constant.

    Source: Scott 1992.

    >>> import jax
    >>> from perturbax import stats
    >>> problem = stats.Observations([[0.0], [1.0], [2.0]])
    >>> fitted = stats.fit_distribution(problem, stats.KernelDensity(), key=jax.random.key(0))
    >>> float(fitted.log_density([[1.0]])[0]) > float(fitted.log_density([[3.0]])[0])
    True
    """

    factor: float = 1.0

    papers: ClassVar[tuple[Paper, ...]] = (
        Paper(
            title="Multivariate Density Estimation: Theory, Practice, and Visualization",
            authors=("David W. Scott",),
            year=1992,
            venue="Wiley",
        ),
    )

    def __check_init__(self):
        check_number("factor", self.factor, minimum=0.0, exclusive=True)

    def estimate(self, problem: Observations, key: Any, progress: bool | None) -> FittedDistribution:
        """See `stats.fit_distribution`."""
        n, size = problem.x.shape
        spread = problem.x.std(0)
        if not spread.all():
            raise ValueError(f"x must vary in every column, column {int(np.argmin(spread))} is constant")
        bandwidth = self.factor * spread * n ** (-1.0 / (size + 4.0))
        law = KernelLaw(settled(problem.x / bandwidth), settled(bandwidth))
        return FittedDistribution(law, stats={"evaluations": 0})


class KernelLaw(AbstractLaw):
    """Gaussians of the same widths, one a column, on rows in units of these widths. A draw has the kernel's noise."""

    rows: Float[Array, "m D"]
    bandwidth: Float[Array, " D"]

    @property
    def size(self) -> int:
        return self.bandwidth.size

    @eqx.filter_jit
    def sample(self, key: Any, n: int) -> Float[Array, "n D"]:
        row_key, noise_key = jax.random.split(key)
        chosen = self.rows[jax.random.randint(row_key, (n,), 0, len(self.rows))]
        return self.bandwidth * (chosen + jax.random.normal(noise_key, chosen.shape, chosen.dtype))

    @eqx.filter_jit
    def log_density(self, x: Float[Array, "n D"]) -> Float[Array, " n"]:
        def one(row: Array) -> Array:
            return jax.nn.logsumexp(-0.5 * jnp.square(row - self.rows).sum(-1))

        volume = math.log(len(self.rows)) + jnp.log(math.sqrt(2.0 * math.pi) * self.bandwidth).sum()
        return jax.lax.map(one, x / self.bandwidth, batch_size=_ROWS) - volume
