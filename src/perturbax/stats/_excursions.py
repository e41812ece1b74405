"""How long a stationary Gaussian process stays above a level: the problem, the verb `excursions` and its law."""

import abc
import math
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.scipy.special import ndtr
from jaxtyping import Array, Bool, Float

from ..core import Method, check_array, check_instance, check_integer, check_key, check_number, float64
from .covariances import AbstractCovariance, FromFunction, Number

# Of the mean excursion above level 0; survival is below 1e-3 there, and continued by its exponential tail.
_HORIZON = 10.0

Values = Array | np.ndarray


class InvalidIIA(ValueError):
    """Independent intervals do not make a distribution for this process; the message says where they fail."""


class StationaryGaussian(eqx.Module):
    """A stationary Gaussian process of mean 0 and variance 1, and the level whose excursions are asked for.

    **Arguments:**

    - `correlation`: a covariance of `stats.covariances`, or a function `r(t)` of JAX for lags `t >= 0`.
    - `lambda2`: `-r''(0+)`, when the correlation's own is not to be used; in 1 / time^2.
    - `level`: in standard deviations; the excursions are those above it.
    - `horizon`: the largest excursion to tabulate, in the unit of time of the correlation; ten mean excursions above 0
      when `None`.
    - `normalise`: divide a function by its value at 0, which must be 1 otherwise.

    **Raises:** `TypeError` for another correlation; `ValueError` when `r(0)` is not 1, or the process is not
    mean-square differentiable, so that it crosses every level infinitely often.

    Source: Rice 1945, section 3.3.

    >>> from perturbax import stats
    >>> round(float(stats.StationaryGaussian(stats.covariances.Diffusion(2)).mean), 4)
    6.2832
    """

    correlation: AbstractCovariance
    lambda2: Number
    level: Number
    horizon: Number

    def __init__(
        self,
        correlation: Any,
        *,
        lambda2: Any = None,
        level: Any = 0.0,
        horizon: Any = None,
        normalise: bool = False,
    ):
        if not isinstance(correlation, AbstractCovariance):
            if isinstance(correlation, type) or not callable(correlation):
                check_instance("correlation", correlation, AbstractCovariance, "a covariance such as Matern(2.5)")
            correlation = _settled_function(correlation, normalise)
        self.correlation = correlation
        with float64():
            if lambda2 is None:
                self.lambda2 = _as_number(correlation.lambda2)
                wanted = "process is not mean-square differentiable: zero crossings have infinite rate"
                if not isinstance(self.lambda2, Tracer) and not 0.0 < self.lambda2 < math.inf:
                    raise ValueError(f"correlation has lambda2 = -r''(0+) = {self.lambda2:g}; the {wanted}")
            else:
                self.lambda2 = check_number("lambda2", lambda2, minimum=0.0, exclusive=True)
            self.level = check_number("level", level)
            usual = _HORIZON * math.pi / jnp.sqrt(self.lambda2) if horizon is None else horizon
            self.horizon = check_number("horizon", _as_number(usual), minimum=0.0, exclusive=True)

    def decorrelation(self, t: Any) -> tuple[Array, Array]:
        """`1 - r(t)` and its derivative, for lags of any shape."""
        return jax.jvp(self.correlation.decorrelation, (t,), (jnp.ones_like(t),))

    @property
    def share_above(self) -> Any:
        """The probability of being above the level."""
        return ndtr(-jnp.asarray(self.level))

    @property
    def mean(self) -> Any:
        """The mean excursion above the level: `P(X > u)` over the rate `sqrt(lambda2) exp(-u^2/2) / (2 pi)` (Rice)."""
        rate = jnp.sqrt(self.lambda2) * jnp.exp(-0.5 * jnp.asarray(self.level) ** 2) / (2.0 * math.pi)
        return self.share_above / rate


class ExcursionLaw(eqx.Module):
    """What `excursions` returns: the distribution of the time that the process stays above the level.

    - `t`: an even grid from 0 to the horizon; `survival`, `pdf`: `P(T > t)` and the density there.
    - `theta`: the persistency exponent, `P(T > t) ~ exp(-theta t)`; NaN where there is none or it is not known.
    - `mean`: of `T`, beyond the horizon included.
    - `valid`: whether this is a distribution: for level 0 proven, for others seen on the grid. `reason` says more.
    - `first_increase`: where the matched function first increases, NaN when it does not.
    - `durations`: the excursions that a method counted in increasing order, none for one that counts none.
    """

    t: Float[Values, " n"]
    survival: Float[Values, " n"]
    pdf: Float[Values, " n"]
    theta: Float[Values, ""]
    mean: Float[Values, ""]
    valid: Bool[Values, ""]
    first_increase: Float[Values, ""]
    durations: Float[Values, " m"] = eqx.field(default_factory=lambda: np.zeros(0))
    note: str = eqx.field(static=True, default="")
    stats: dict[str, Any] = eqx.field(default_factory=dict)

    @property
    def reason(self) -> str:
        """What there is to know about validity and tail, in a sentence; empty when all is well."""
        said = [self.note] if self.note else []
        if not self.valid:
            lowest = int(np.argmin(self.pdf))
            if np.isfinite(self.first_increase):
                said.append(f"the matched function increases at t = {self.first_increase:.3g}")
            said.append(f"the lowest density is {self.pdf[lowest]:.3g}, at t = {self.t[lowest]:.3g}")
        elif not self.note and np.isnan(self.theta):
            said.append("the tail is sub-exponential: there is no persistency exponent")
        return "; ".join(said)

    def survival_at(self, t: Any) -> Float[np.ndarray, "..."]:
        """`P(T > t)` at any times, continued by `exp(-theta t)` beyond the horizon.

        **Raises:** `ValueError` when `t` is not finite.
        """
        t = np.asarray(check_array("t", t), np.float64)
        beyond = np.maximum(t - self.t[-1], 0.0)
        return np.asarray(np.interp(t, self.t, self.survival) * np.exp(-np.nan_to_num(self.theta) * beyond))

    def quantile(self, q: Any) -> Float[np.ndarray, "..."]:
        """The durations that are not exceeded with probability `q`; infinite beyond a horizon without known tail.

        **Raises:** `ValueError` when `q` is not within [0, 1).
        """
        q = np.asarray(check_array("q", q), np.float64)
        if not np.all((q >= 0.0) & (q < 1.0)):
            raise ValueError(f"q must be within [0, 1), got {q.min():g} to {q.max():g}")
        inside = np.interp(q, np.maximum.accumulate(1.0 - self.survival), self.t)
        last = max(float(self.survival[-1]), 0.0)
        if np.isnan(self.theta):
            return np.where(1.0 - q < last, np.inf, inside)
        # At least 0: also where a law ends within the grid.
        return np.asarray(inside + np.log(np.maximum(last / (1.0 - q), 1.0)) / self.theta)

    def sample(self, key: Any, n: int) -> Float[np.ndarray, " n"]:
        """Independent durations, by inversion of the distribution function.

        **Raises:** `TypeError`, `ValueError` for a bad key or number.
        """
        n = check_integer("n", n, minimum=1)
        with float64():
            return self.quantile(np.asarray(jax.random.uniform(check_key("key", key), (n,), jnp.float64)))


class AbstractExcursionMethod(Method):
    """A method of `stats.excursions`."""

    @abc.abstractmethod
    def law(self, problem: StationaryGaussian, key: Any) -> ExcursionLaw:
        """The law of excursions, computed in float64."""


def excursions(problem: StationaryGaussian, method: AbstractExcursionMethod, *, key: Any = None) -> ExcursionLaw:
    """The distribution of how long a stationary Gaussian process stays above a level.

    Computed in float64 whatever the setting is. Put `with core.float64():` around `jit`, `vmap` or `grad` over
    parameters of the covariance.

    **Arguments:** `problem`: `StationaryGaussian(...)`; `method`: such as `SlepianIIA()`; `key`: JAX PRNG key, for
    methods that simulate.

    **Returns:** an `ExcursionLaw`.

    **Raises:** `TypeError`, `ValueError` for arguments that do not fit; `InvalidIIA` when independent intervals make no
    distribution.

    >>> from perturbax import stats
    >>> problem = stats.StationaryGaussian(stats.covariances.Diffusion(2))
    >>> round(float(stats.excursions(problem, stats.SlepianIIA()).theta), 5)
    0.18621
    """
    check_instance("problem", problem, StationaryGaussian, "stats.StationaryGaussian(...)")
    check_instance("method", method, AbstractExcursionMethod, "a method such as SlepianIIA()")
    if key is not None:
        check_key("key", key)
    traced = any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves(problem))
    if traced and not jax.config.jax_enable_x64:  # pyright: ignore[reportAttributeAccessIssue]
        raise TypeError("problem is traced by jit, vmap or grad in float32; put `with core.float64():` around that")
    with float64():
        # Arrays, so that one compiled program serves all parameters.
        numbers, rest = eqx.partition(problem, eqx.is_array_like)
        numbers = jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float64), numbers)
        law = method.law(eqx.combine(numbers, rest), key)
        # Arrays of NumPy, because those of JAX cannot be computed with where float64 is off.
        return jax.tree.map(lambda leaf: leaf if isinstance(leaf, Tracer) else np.asarray(leaf), law)


def only_level_zero(problem: StationaryGaussian, method: AbstractExcursionMethod) -> None:
    """Refuse another level where a method knows none."""
    if not isinstance(problem.level, Tracer) and float(problem.level) != 0.0:
        raise ValueError(f"{type(method).__name__} is for level 0, got level = {float(problem.level):g}")


def _settled_function(function: Callable, normalise: bool) -> AbstractCovariance:
    with float64():
        zero = jnp.zeros(())
        start, slope = jax.jvp(lambda t: jnp.asarray(function(t)), (zero,), (jnp.ones(()),))
        if isinstance(start, Tracer):
            return FromFunction(function)
        if not (np.isfinite(float(start)) and float(start) > 0.0):
            raise ValueError(f"correlation must be positive and finite at lag 0, got r(0) = {float(start):g}")
        if not normalise and abs(float(start) - 1.0) > 1e-6:
            raise ValueError(f"correlation must have r(0) = 1, got {float(start):g}; or say normalise=True")
        scale = 1.0 / start
        settled = FromFunction(lambda t: scale * function(t)) if normalise else FromFunction(function)
        if not abs(float(slope * scale)) <= 1e-6 * math.sqrt(abs(float(settled.lambda2)) or 1.0):
            raise ValueError(
                f"correlation has slope {float(slope * scale):g} at lag 0+, wanted 0: the process is not mean-square "
                "differentiable: zero crossings have infinite rate"
            )
        return settled


def _as_number(value: Any) -> Any:
    return value if isinstance(value, Tracer) else float(value)
