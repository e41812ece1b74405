"""Correlations of stationary processes, as functions of the lag `t >= 0` in units of their own.

Each states `1 - r(t)`, which level crossings depend on, because near zero a difference would have no digits left.
"""

import abc
import math
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.scipy.special import gammainc
from jaxtyping import Array, Float
from scipy.optimize import nnls

from ..core import check_array, check_choice, check_instance, check_integer, check_number
from ._settle import settled

Number = int | float | Array


class AbstractCovariance(eqx.Module):
    """A correlation `r` of a stationary process with variance 1: call it with lags `t >= 0` of any shape."""

    @abc.abstractmethod
    def decorrelation(self, t: Any) -> Array:
        """`1 - r(t)` with a small relative error; `t` of any shape, at least 0."""

    @property
    @abc.abstractmethod
    def lambda2(self) -> Any:
        """`-r''(0+)`, the variance of the derivative; infinite when the process has none."""

    def __call__(self, t: Any) -> Array:
        """`r(t)`."""
        return 1.0 - self.decorrelation(settled(t))


class OrnsteinUhlenbeck(AbstractCovariance):
    """`r(t) = exp(-t)`, the Markov process; its paths have no derivative and cross a level infinitely often.

    >>> float(OrnsteinUhlenbeck()(0.0))
    1.0
    """

    def decorrelation(self, t: Any) -> Array:
        return -jnp.expm1(-t)

    @property
    def lambda2(self) -> Any:
        return math.inf


class Matern(AbstractCovariance):
    """The Matérn correlation of half-integer smoothness, with `a = sqrt(2 nu) t`:

        nu = 3/2: (1 + a) exp(-a);  5/2: (1 + a + a^2/3) exp(-a);  7/2: (1 + a + 2a^2/5 + a^3/15) exp(-a).

    **Arguments:** `nu`: 1.5, 2.5 or 3.5 (0.5 is `OrnsteinUhlenbeck`); the process has `nu - 1/2` derivatives.

    **Raises:** `ValueError` for another `nu`.

    Source: Rasmussen & Williams 2006, equation 4.16.

    >>> round(float(Matern(1.5).lambda2), 6)
    3.0
    """

    nu: float = eqx.field(static=True, default=2.5)

    def __check_init__(self):
        check_choice("nu", self.nu, (1.5, 2.5, 3.5))

    def decorrelation(self, t: Any) -> Array:
        # With P(n, a) = 1 - (1 + a + ... + a^(n-1) / (n-1)!) exp(-a), every term that is left is positive.
        a = math.sqrt(2.0 * self.nu) * t
        if self.nu == 1.5:
            return gammainc(2.0, a)
        if self.nu == 2.5:
            return gammainc(3.0, a) + a**2 * jnp.exp(-a) / 6.0
        return gammainc(4.0, a) + (a**2 + a**3) * jnp.exp(-a) / 10.0

    @property
    def lambda2(self) -> Any:
        return self.nu / (self.nu - 1.0)


class SquaredExponential(AbstractCovariance):
    """`r(t) = exp(-t^2 / 2)`, the Gaussian correlation; `lambda2 = 1`.

    >>> float(SquaredExponential().lambda2)
    1.0
    """

    def decorrelation(self, t: Any) -> Array:
        return -jnp.expm1(-0.5 * t**2)

    @property
    def lambda2(self) -> Any:
        return 1.0


class Diffusion(AbstractCovariance):
    """`r(t) = sech(t/2)^(d/2)`: a point of the diffusing white noise in `d` dimensions, in logarithmic time.

    **Arguments:** `dimension`: `d > 0`, also between integers.

    **Raises:** `ValueError` when it is not positive.

    Source: Majumdar, Sire, Bray & Cornell 1996.

    >>> float(Diffusion(2).lambda2)
    0.25
    """

    dimension: Number

    def __check_init__(self):
        check_number("dimension", self.dimension, minimum=0.0, exclusive=True)

    def decorrelation(self, t: Any) -> Array:
        # log cosh(t/2): the first form has the digits near 0, the second does not overflow.
        small = jnp.minimum(t, 2.0)
        log_cosh = jnp.where(
            t < 2.0, jnp.log1p(2.0 * jnp.sinh(0.25 * small) ** 2), 0.5 * t + jnp.log1p(jnp.exp(-t)) - math.log(2.0)
        )
        return -jnp.expm1(-0.5 * self.dimension * log_cosh)

    @property
    def lambda2(self) -> Any:
        return self.dimension / 8.0


class RandomAcceleration(AbstractCovariance):
    """`r(t) = (3 exp(-t/2) - exp(-3t/2)) / 2`: integrated Brownian motion in logarithmic time; `lambda2 = 3/4`.

    >>> round(float(RandomAcceleration()(1.0)), 4)
    0.7982
    """

    def decorrelation(self, t: Any) -> Array:
        q = -jnp.expm1(-0.5 * t)
        return 0.5 * q**2 * (3.0 - q)

    @property
    def lambda2(self) -> Any:
        return 0.75


class Cosine(AbstractCovariance):
    """`r(t) = cos(w t)`, a pure tone; times another correlation it shifts that one's spectrum by `w`.

    **Arguments:** `frequency`: `w` in radians per unit of time. **Raises:** `ValueError` when it is not positive.

    >>> float(Cosine(2.0).lambda2)
    4.0
    """

    frequency: Number

    def __check_init__(self):
        check_number("frequency", self.frequency, minimum=0.0, exclusive=True)

    def decorrelation(self, t: Any) -> Array:
        return 2.0 * jnp.sin(0.5 * self.frequency * t) ** 2

    @property
    def lambda2(self) -> Any:
        return self.frequency**2


class Product(AbstractCovariance):
    """`r(t) = r_1(t) r_2(t)`, again a correlation.

    **Arguments:** `first`, `second`: correlations.

    **Raises:** `TypeError` when one is none.

    >>> float(Product(SquaredExponential(), Cosine(2.0)).lambda2)
    5.0
    """

    first: AbstractCovariance
    second: AbstractCovariance

    def __check_init__(self):
        for name in ("first", "second"):
            check_instance(name, getattr(self, name), AbstractCovariance, "a covariance such as Matern(2.5)")

    def decorrelation(self, t: Any) -> Array:
        first, second = self.first.decorrelation(t), self.second.decorrelation(t)
        return first + second - first * second

    @property
    def lambda2(self) -> Any:
        return self.first.lambda2 + self.second.lambda2


class Rescaled(AbstractCovariance):
    """`r(t / s)`: a correlation in another unit of time.

    **Arguments:** `covariance`: the correlation; `scale`: `s > 0`.

    **Raises:** `TypeError`, `ValueError` for others.

    >>> float(Rescaled(SquaredExponential(), 2.0).lambda2)
    0.25
    """

    covariance: AbstractCovariance
    scale: Number

    def __check_init__(self):
        check_instance("covariance", self.covariance, AbstractCovariance, "a covariance such as Matern(2.5)")
        check_number("scale", self.scale, minimum=0.0, exclusive=True)

    def decorrelation(self, t: Any) -> Array:
        return self.covariance.decorrelation(t / self.scale)

    @property
    def lambda2(self) -> Any:
        return self.covariance.lambda2 / self.scale**2


class FromFunction(AbstractCovariance):
    """A correlation given as a function of JAX, whose derivatives at 0 are taken from the right.

    **Arguments:** `function`: `r(t)` for lags `t >= 0` of any shape; never of `abs(t)`, whose derivative at 0 is 0.

    **Raises:** `TypeError` when it is not callable.

    >>> import jax.numpy as jnp
    >>> round(float(FromFunction(lambda t: jnp.exp(-(t**2))).lambda2), 6)
    2.0
    """

    function: Callable

    def __check_init__(self):
        if not callable(self.function):
            raise TypeError(f"function must be callable, got {type(self.function).__name__}")

    def decorrelation(self, t: Any) -> Array:
        return 1.0 - self.function(t)

    @property
    def lambda2(self) -> Any:
        return -jax.grad(jax.grad(lambda t: jnp.asarray(self.function(t))))(jnp.zeros(()))


class ScaleMixture(AbstractCovariance):
    """`r(t) = sum_k w_k exp(-t^2 / (2 s_k^2))`: monotone, smooth and a correlation in every dimension.

    **Arguments:** `weights`: shape `(k,)`, at least 0, with sum 1; `scales`: shape `(k,)`, positive.

    **Raises:** `ValueError` for others.

    >>> float(ScaleMixture([0.5, 0.5], [1.0, 0.5]).lambda2)
    2.5
    """

    weights: Float[Array | np.ndarray, " k"]
    scales: Float[Array | np.ndarray, " k"]

    def __init__(self, weights: Any, scales: Any):
        self.weights = check_array("weights", weights, ndim=1)
        self.scales = check_array("scales", scales, shape=self.weights.shape)
        if isinstance(self.weights, Tracer) or isinstance(self.scales, Tracer):
            return
        if not np.all(np.asarray(self.scales) > 0.0):
            raise ValueError("scales must be positive")
        if np.any(np.asarray(self.weights) < 0.0) or abs(float(np.sum(self.weights)) - 1.0) > 1e-5:
            raise ValueError(f"weights must be at least 0 and sum to 1, got a sum of {np.sum(self.weights):g}")

    def decorrelation(self, t: Any) -> Array:
        squares = (jnp.asarray(t)[..., None] / jnp.asarray(self.scales)) ** 2
        return -jnp.expm1(-0.5 * squares) @ jnp.asarray(self.weights)

    @property
    def lambda2(self) -> Any:
        return (self.weights / self.scales**2).sum()


def from_samples(
    t: Any, r: Any, *, crossing_rate: float | None = None, atoms: int = 60, tolerance: float = 0.15
) -> ScaleMixture:
    """A monotone smooth correlation through an empirical one, which is too noisy to be differentiated.

    Non-negative least squares over Gaussian correlations on a logarithmic grid of scales. The rate of zero crossings,
    if it is known, fixes the curvature at zero by Rice's formula, `rate = sqrt(lambda2) / pi`: the lags alone hardly
    say anything about it.

    **Arguments:**

    - `t`: shape `(n,)`, lags from 0 on, increasing; `r`: shape `(n,)`, the empirical correlation there.
    - `crossing_rate`: zero crossings, up and down, per unit of time.
    - `atoms`: scales on the grid, from half of the first lag to four times the last one.
    - `tolerance`: the largest distance between fit and data that is accepted.

    **Returns:** a `ScaleMixture`.

    **Raises:** `ValueError` when shapes or values do not fit, or no monotone correlation is within `tolerance` (the
    data oscillates or is negative), or none has the crossing rate.

    Source: Schoenberg 1938 (the mixtures); Rice 1945, section 3.3 (the rate).

    >>> import numpy as np
    >>> lags = np.linspace(0.0, 6.0, 40)
    >>> fitted = from_samples(lags, (1.0 + lags) * np.exp(-lags), crossing_rate=1 / np.pi)
    >>> bool(abs(fitted(1.0) - 2 * np.exp(-1.0)) < 0.01), round(float(fitted.lambda2), 3)
    (True, 1.0)
    """
    t = np.asarray(check_array("t", t, ndim=1), np.float64)
    r = np.asarray(check_array("r", r, shape=t.shape), np.float64)
    atoms = check_integer("atoms", atoms, minimum=2)
    tolerance = check_number("tolerance", tolerance, minimum=0.0, exclusive=True)
    if t.size < 3 or t[0] != 0.0 or not np.all(np.diff(t) > 0.0):
        raise ValueError("t must hold three increasing lags or more, the first of them 0")
    if abs(r[0] - 1.0) > 1e-6:
        raise ValueError(f"r must be 1 at lag 0, got {r[0]:g}")
    scales = np.geomspace(0.5 * t[1], 4.0 * t[-1], atoms)
    table, target = np.exp(-0.5 * (t[:, None] / scales) ** 2), r
    # The sum and the curvature are conditions, not data: they weigh as much as a million data points.
    firm = 1e3 * math.sqrt(t.size)
    table, target = np.vstack([table, np.full(atoms, firm)]), np.append(target, firm)
    if crossing_rate is not None:
        lambda2 = (math.pi * check_number("crossing_rate", crossing_rate, minimum=0.0, exclusive=True)) ** 2
        table, target = np.vstack([table, firm / (lambda2 * scales**2)]), np.append(target, firm)
    # Neighbouring scales are nearly alike: a little ridge makes the choice between them unique.
    table, target = np.vstack([table, 1e-3 * math.sqrt(t.size) * np.eye(atoms)]), np.append(target, np.zeros(atoms))
    weights = nnls(table, target, maxiter=100 * atoms)[0]
    weights /= weights.sum()
    fitted = ScaleMixture(weights, scales)
    misfit = np.abs(table[: t.size] @ weights - r)
    if misfit.max() > tolerance:
        raise ValueError(
            f"r is not close to a monotone correlation: the best fit is {misfit.max():.3g} off at lag "
            f"{t[misfit.argmax()]:g}, wanted at most tolerance = {tolerance:g}; independent intervals are no "
            "approximation for a process that oscillates"
        )
    if crossing_rate is not None and abs(float(fitted.lambda2) / lambda2 - 1.0) > 0.01:
        raise ValueError(
            f"crossing_rate = {crossing_rate:g} does not fit to the lags: the closest monotone correlation has "
            f"{math.sqrt(float(fitted.lambda2)) / math.pi:g}"
        )
    return fitted
