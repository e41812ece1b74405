"""The exact law of excursions of the randomly accelerated particle.

McKean 1963. Integrated Brownian motion that leaves 0 with velocity `b` is back after a time `t` with velocity `-h`,

    f(t, h | b) = 3h / (pi sqrt(2) t^2) exp(-2 (b^2 - b h + h^2) / t) sqrt(2/3) erf(sqrt(6 b h / t)).           (1)

In logarithmic time it is stationary with the correlation `(3 exp(-t/2) - exp(-3t/2)) / 2`. There a crossing at time 1
has a velocity `b` with the density `4 b exp(-2 b^2)` and the excursion lasts `log(1 + t)`. In polar coordinates
`b = rho cos(phi)`, `h = rho sin(phi)` the integral over `rho` is closed: with `A = 2 cos^2 + 2 (1 - sin cos) / t` and
`B^2 = 6 sin cos / t`,

    f(t) = 12 / (pi sqrt(3) t^2) int_0^(pi/2) sin cos J dphi,
    J = int_0^inf rho^3 exp(-A rho^2) erf(B rho) drho = B / (2 A^2 sqrt(A + B^2)) + B / (4 A (A + B^2)^(3/2)).  (2)
"""

import math
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float

from ..core import Paper, check_integer
from ._excursions import AbstractExcursionMethod, ExcursionLaw, StationaryGaussian, only_level_zero
from .covariances import RandomAcceleration

# The integral over phi is one over x = log tan(phi) from -inf to inf, by the trapezoidal rule, which converges
# exponentially for it. The integrand is exp(-5|x|/2) outside of 0 < x < log(t) / 2.
_REACH, _STEPS = 16.0, 256
_CELL = np.polynomial.legendre.leggauss(4)


class ExactRandomAcceleration(AbstractExcursionMethod):
    """The known law for `RandomAcceleration()` at level 0, with `theta = 1/4`; for no other problem.

    **Arguments:** `points`: of the grid up to the horizon.

    **Returns:** a frozen method for `stats.excursions`.

    **Raises:** `ValueError` when `points` is too small, or, when used, for another correlation or level.

    Source: McKean 1963 (the joint law); Sinai 1992 (the exponent).

    >>> from perturbax import stats
    >>> problem = stats.StationaryGaussian(stats.covariances.RandomAcceleration())
    >>> law = stats.excursions(problem, stats.ExactRandomAcceleration())
    >>> round(float(law.survival_at(1.0)), 3), float(law.theta)
    (0.72, 0.25)
    """

    points: int = 2**12

    papers: ClassVar[tuple[Paper, ...]] = (
        Paper(
            title="A Winding Problem for a Resonator Driven by a White Noise",
            authors=("Henry P. McKean",),
            year=1963,
            doi="10.1215/kjm/1250524936",
        ),
    )

    def __check_init__(self):
        check_integer("points", self.points, minimum=16)

    def law(self, problem: StationaryGaussian, key: Any) -> ExcursionLaw:
        only_level_zero(problem, self)
        t = jnp.linspace(0.0, problem.horizon, self.points)
        if not isinstance(t, Tracer):
            gap = jnp.abs(problem.correlation(t) - RandomAcceleration()(t)).max()
            if not gap < 1e-6:
                raise ValueError(
                    f"correlation must be RandomAcceleration(), for which alone the exact law is known; got one that "
                    f"differs by {float(gap):.2g}"
                )
        pdf, survival = _exact(t)
        theta, no_increase = jnp.asarray(0.25), jnp.asarray(jnp.nan)
        return ExcursionLaw(t, survival, pdf, theta, jnp.asarray(problem.mean), jnp.asarray(True), no_increase)


@jax.jit
def _exact(t: Float[Array, " n"]) -> tuple[Array, Array]:
    x, w = (jnp.asarray(part) for part in _CELL)
    inside = 0.5 * (t[1:] + t[:-1])[:, None] + 0.5 * t[1] * x
    mass = 0.5 * t[1] * (jax.vmap(_density)(inside) @ w)
    return _density(t), 1.0 - jnp.concatenate([jnp.zeros(1), jnp.cumsum(mass)])


def _density(duration: Float[Array, " n"]) -> Float[Array, " n"]:
    """Equation (2) for `log(1 + t)`, with `t A` and `t B^2` for `A` and `B^2`: then no power of `t` is left."""
    duration = duration[:, None]
    width = 2.0 * _REACH + 0.5 * duration
    x = width * jnp.linspace(0.0, 1.0, _STEPS + 1) - _REACH
    cs = 0.5 / jnp.cosh(x)
    A = 2.0 * jnp.expm1(duration) * jax.nn.sigmoid(-2.0 * x) + 2.0 * (1.0 - cs)
    B2 = 6.0 * cs
    J = jnp.sqrt(B2) * (0.5 / (A**2 * jnp.sqrt(A + B2)) + 0.25 / (A * (A + B2) ** 1.5))
    integral = jnp.sum(cs**2 * J, axis=1) * width[:, 0] / _STEPS  # dphi = cs dx
    return 12.0 / (math.pi * math.sqrt(3.0)) * jnp.exp(duration[:, 0]) * integral
