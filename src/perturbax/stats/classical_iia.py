"""The classical independent interval approximation, matched with the covariance of the clipped process.

Derrida, Hakim & Zeitak 1996 and Majumdar, Sire, Bray & Cornell 1996. The sign of a stationary Gaussian process has the
covariance

    R(t) = (2/pi) arcsin r(t).                                                                                 (1)

A stationary switch process with independent intervals of mean `mu` has `R'(t) = -(2/mu) E(t)`, where `E` is its mean
when it starts with + at 0. Hence, with the mean of Rice `mu = pi / sqrt(lambda2)`,

    L[E](s) = (mu/2) (1 - s L[R](s)),   Psi(s) = (1 - s L[E](s)) / (1 + s L[E](s)).                            (2)
"""

import math
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core import Paper
from ._excursions import ExcursionLaw, StationaryGaussian, only_level_zero
from ._independent_intervals import AbstractIndependentIntervals, integrate


class ClassicalIIA(AbstractIndependentIntervals):
    """Independent intervals matched with the covariance of the sign, for level 0.

    It is the same law as that of `SlepianIIA`, by another route; only the latter says when it is a distribution.

    **Arguments:** `points`: of the grid up to the horizon; `check`: raise `InvalidIIA` when the result is no
    distribution.

    **Returns:** a frozen method for `stats.excursions`.

    **Raises:** `ValueError` when `points` is too small, or, when used, for another level; `InvalidIIA`.

    Source: Majumdar et al. 1996; Derrida, Hakim & Zeitak 1996.

    >>> from perturbax import stats
    >>> problem = stats.StationaryGaussian(stats.covariances.Diffusion(1))
    >>> round(float(stats.excursions(problem, stats.ClassicalIIA()).theta), 5)
    0.12033
    """

    points: int = 2**15
    check: bool = True

    papers: ClassVar[tuple[Paper, ...]] = (
        Paper(
            title="Nontrivial Exponent for Simple Diffusion",
            authors=("Satya N. Majumdar", "Clément Sire", "Alan J. Bray", "Stephen J. Cornell"),
            year=1996,
            arxiv="cond-mat/9605084",
        ),
        Paper(
            title="Persistent Spins in the Linear Diffusion Approximation of Phase Ordering and Zeros of Stationary "
            "Gaussian Processes",
            authors=("Bernard Derrida", "Vincent Hakim", "Reuven Zeitak"),
            year=1996,
            arxiv="cond-mat/9606005",
        ),
    )

    def law(self, problem: StationaryGaussian, key: Any) -> ExcursionLaw:
        only_level_zero(problem, self)
        return super().law(problem, key)

    def probabilities(self, problem: StationaryGaussian, t: Float[Array, " n"]) -> tuple[Array, Array]:
        """`(1 + E) / 2` twice, with `E = -(mu/2) R'`."""
        early = t * jnp.sqrt(problem.lambda2) < 1e-6
        inside = jnp.where(early, 1.0 / jnp.sqrt(problem.lambda2), t)
        _, slope = jax.jvp(lambda t: _clipped(problem, t), (inside,), (jnp.ones_like(inside),))
        A = jnp.where(early, 1.0, 0.5 - 0.25 * problem.mean * slope)
        return A, A

    def laplace(self, problem: StationaryGaussian, s: Any) -> Float[Array, "..."]:
        """`E exp(-s T)` by equation (2), for `s > 0` of any shape; in the precision of the caller.

        **Raises:** `ValueError` for another level.
        """
        only_level_zero(problem, self)
        s = jnp.asarray(s)
        R = integrate(lambda t: _clipped(problem, t) * jnp.exp(-s[..., None] * t), problem.horizon)
        expected = 0.5 * problem.mean * (1.0 - s * R)
        return (1.0 - s * expected) / (1.0 + s * expected)


def _clipped(problem: StationaryGaussian, t: Array) -> Array:
    """Equation (1); `arcsin r = pi/2 - 2 arcsin sqrt((1 - r)/2)` has the digits near 0."""
    m = problem.correlation.decorrelation(t)
    return 1.0 - (4.0 / math.pi) * jnp.arcsin(jnp.sqrt(0.5 * m))
