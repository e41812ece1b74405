"""Rice's bound for short excursions.

Rice 1945, section 3.4; Longuet-Higgins 1962. After an up-crossing of 0 the intensity of down-crossings at `t` is

    W(t) = v (sqrt(1 - rho^2) - rho arccos rho) / (2 pi sqrt(lambda2) sqrt(1 - r^2)),
    v = lambda2 - r'^2 / (1 - r^2),   rho = (-r'' - r r'^2 / (1 - r^2)) / v,

the variance and the correlation of the slopes at both ends given that the process is 0 there. The first down-crossing
is one of them, so `P(T <= t) <= int_0^t W`, with equality in the limit of short excursions when the process has two
derivatives. With one only, more crossings are as close as the first one, and the bound is a few percent off at once.
"""

import math
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core import Paper, check_integer
from ._excursions import AbstractExcursionMethod, ExcursionLaw, StationaryGaussian, only_level_zero


class RiceBound(AbstractExcursionMethod):
    """A lower bound of the survival function, close for excursions that are short for a smooth process; level 0 only.

    It is no approximation of the law: where the bound has reached 0 nothing is said. `theta` is NaN and `mean` the
    exact one of the process.

    **Arguments:** `points`: of the grid up to the horizon.

    **Returns:** a frozen method for `stats.excursions`.

    **Raises:** `ValueError` when `points` is too small, or, when used, for another level.

    Source: Rice 1945, section 3.4; Longuet-Higgins 1962.

    >>> from perturbax import stats
    >>> problem = stats.StationaryGaussian(stats.covariances.Diffusion(2))
    >>> bound, law = (stats.excursions(problem, m) for m in (stats.RiceBound(), stats.SlepianIIA()))
    >>> bool(abs(bound.survival_at(0.5) - law.survival_at(0.5)) < 2e-3)
    True
    """

    points: int = 2**12

    papers: ClassVar[tuple[Paper, ...]] = (
        Paper(
            title="Mathematical Analysis of Random Noise",
            authors=("Stephen O. Rice",),
            year=1945,
            doi="10.1002/j.1538-7305.1945.tb00453.x",
        ),
    )

    def __check_init__(self):
        check_integer("points", self.points, minimum=16)

    def law(self, problem: StationaryGaussian, key: Any) -> ExcursionLaw:
        only_level_zero(problem, self)
        t = jnp.linspace(0.0, problem.horizon, self.points)
        intensity = down_crossing_intensity(problem, t)
        mass = 0.5 * t[1] * (intensity[1:] + intensity[:-1])
        survival = 1.0 - jnp.concatenate([jnp.zeros(1), jnp.cumsum(mass)])
        pdf = jnp.where(survival > 0.0, intensity, 0.0)
        unknown = jnp.asarray(jnp.nan)
        note = "a lower bound of the survival function, close for short excursions only"
        valid = jnp.asarray(True)
        return ExcursionLaw(
            t, jnp.maximum(survival, 0.0), pdf, unknown, jnp.asarray(problem.mean), valid, unknown, note=note
        )


def down_crossing_intensity(problem: StationaryGaussian, t: Float[Array, " n"]) -> Float[Array, " n"]:
    """`W(t)`; closer to 0 than where its terms keep their digits, the value there."""
    t = jnp.maximum(t, 1e-3 / jnp.sqrt(problem.lambda2))

    def slope(t: Array) -> Array:
        return problem.decorrelation(t)[1]

    m, first = problem.decorrelation(t)
    _, second = jax.jvp(slope, (t,), (jnp.ones_like(t),))
    s2 = m * (2.0 - m)
    v = problem.lambda2 - first**2 / s2
    rho = jnp.clip((second - (1.0 - m) * first**2 / s2) / v, -1.0, 1.0)
    turns = jnp.sqrt(1.0 - rho**2) - rho * jnp.arccos(rho)
    return v * turns / (2.0 * math.pi * jnp.sqrt(problem.lambda2 * s2))
