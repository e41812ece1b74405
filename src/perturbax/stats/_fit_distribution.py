"""Fit a distribution to data that may lie near a set of lower dimension: the verb `fit_distribution`."""

import abc
from typing import Any

import equinox as eqx
import jax
import numpy as np
import pandas as pd
from jaxtyping import Array, Float

from ..core import Method, Result, check_array, check_instance, check_integer, check_key, check_number, raise_if_failed
from ._settle import settled


class Observations(eqx.Module):
    """The problem of finding the law that independent observations are drawn from.

    **Arguments:**

    - `x`: shape `(n, D)`.
    - `validation`: share of the rows that a method may set aside to choose between fits, below 1, and 0 for none; or
      other observations of the same law to choose by, shape `(m, D)`, and then all of `x` is fitted.
    - `scale`: the unit of noise and of distances: a positive number, or one for each column to standardise them. By
      default the median of the standard deviations of the columns that vary.

    **Raises:** `ValueError` when a shape does not fit, a value is not finite, there is one row only, no column varies,
    or a scale is not positive.

    >>> Observations(np.array([[0.0, 0.0], [2.0, 6.0], [4.0, 0.0]])).scale.round(2).tolist()
    [2.23, 2.23]
    """

    x: Float[np.ndarray, "n D"]
    validation: float | Float[np.ndarray, "m D"]
    scale: Float[np.ndarray, " D"]

    def __init__(self, x: Any, validation: Any = 0.2, scale: Any = None):
        self.x = np.asarray(check_array("x", x, ndim=2), np.float64)
        if len(self.x) < 2:
            raise ValueError(f"x must have two rows or more, got {len(self.x)}")
        if np.ndim(validation):
            rows = check_array("validation", validation, shape=(None, self.x.shape[1]))
            self.validation = np.asarray(rows, np.float64)
        else:
            self.validation = check_number("validation", validation, minimum=0.0, maximum=1.0)
            if self.validation == 1.0:
                raise ValueError("validation must be < 1: with all rows set aside none is left to fit")
        spread = self.x.std(0)
        if not spread.any():
            raise ValueError("x must vary: all its rows are equal")
        scale = np.median(spread[spread > 0.0]) if scale is None else np.asarray(check_array("scale", scale))
        if scale.shape not in ((), spread.shape):
            raise ValueError(f"scale must be one number or one for each of {spread.size} columns, got {scale.shape}")
        if not (scale > 0.0).all():
            raise ValueError(f"scale must be > 0, got {scale.min():g}")
        self.scale = np.broadcast_to(np.asarray(scale, np.float64), spread.shape)

    def split(self, key: Any) -> tuple[Float[np.ndarray, "n D"], Float[np.ndarray, "m D"]]:
        """The rows to fit and the rows to choose by; a share of them is drawn at random, and leaves two or more."""
        if isinstance(self.validation, np.ndarray):
            return self.x, self.validation
        order = np.asarray(jax.random.permutation(key, len(self.x)))
        held = min(round(self.validation * len(self.x)), len(self.x) - 2)
        return self.x[order[held:]], self.x[order[:held]]


class AbstractLaw(eqx.Module):
    """A fitted distribution on `R^D`."""

    @property
    @abc.abstractmethod
    def size(self) -> int:
        """Number of columns."""

    @abc.abstractmethod
    def sample(self, key: Any, n: int) -> Float[Array, "n D"]:
        """`n` independent draws, without the model's noise."""

    @abc.abstractmethod
    def log_density(self, x: Float[Array, "n D"]) -> Float[Array, " n"]:
        """The log density, with the model's noise."""


class AbstractGeneratedLaw(AbstractLaw):
    """A law that is made of a latent variable."""

    @property
    @abc.abstractmethod
    def dimension(self) -> int:
        """Number of latent dimensions."""

    @abc.abstractmethod
    def generate(self, z: Float[Array, "n d"]) -> Float[Array, "n D"]:
        """The points of the support at latent positions."""


class Candidates(eqx.Module):
    """What a method chose between.

    - `sigma`: standard deviations of the instance noise, in units of the problem's scale.
    - `distance`: to the rows set aside, see `PerturbedMLE`; `spread`: its standard deviation over the repetitions.
    - `model_sigma`: the noise that each model ended with; `log_likelihood`: its mean over the last steps, per row,
      which can be compared for one `sigma` only.
    - `laws`: the fitted laws.
    """

    sigma: Float[np.ndarray, " k"]
    distance: Float[np.ndarray, " k"]
    spread: Float[np.ndarray, " k"]
    model_sigma: Float[np.ndarray, " k"]
    log_likelihood: Float[np.ndarray, " k"]
    laws: tuple[AbstractLaw, ...]


class FittedDistribution(eqx.Module):
    """What `fit_distribution` returns.

    - `law`: the law. What it does can be part of functions that `jit` and `vmap` transform.
    - `sigma`: standard deviation of the model's noise, in units of the problem's scale; 0 when it has none.
    - `sigma_perturb`: standard deviation of the noise that was put on the data, in the same units.
    - `singular`: whether the likelihood has no maximum: without noise on data on a set of lower dimension it grows
      without bound as `sigma` falls, and the fit is only what the optimiser reached.
    - `growth`: where it is singular, the slope of the mean log-likelihood in `log sigma` while `sigma` falls, near
      `-(D - d)`; else NaN.
    - `candidates`: what was chosen from, or `None`.
    - `losses`: of each step; empty for closed forms. `result`: how it went. `stats`: what it took.
    """

    law: AbstractLaw
    sigma: float = 0.0
    sigma_perturb: float = 0.0
    singular: bool = False
    growth: float = float("nan")
    candidates: Candidates | None = None
    losses: Any = eqx.field(default_factory=lambda: np.zeros(0))
    result: Any = eqx.field(default_factory=lambda: Result.successful)
    stats: dict[str, Any] = eqx.field(default_factory=dict)

    def sample(self, key: Any, n: int) -> Float[Array, "n D"]:
        """Draw `n` points of the estimated law, without the model's noise."""
        return self.law.sample(check_key("key", key), check_integer("n", n, minimum=1))

    def log_density(self, x: Any) -> Float[Array, " n"]:
        """The log density of the smoothed law, with the model's noise, at points of shape `(n, D)`: a score for
        anomalies.

        **Raises:** `ValueError` for a law without density, or another number of columns.
        """
        return self.law.log_density(settled(check_array("x", x, shape=(None, self.law.size))))

    def generate(self, z: Any) -> Float[Array, "n D"]:
        """The points of the fitted set at latent positions `z` of shape `(n, d)`.

        **Raises:** `ValueError` for a law without latent variable.
        """
        if not isinstance(self.law, AbstractGeneratedLaw):
            raise ValueError(f"{type(self.law).__name__} has no latent variable: use sample")
        return self.law.generate(settled(check_array("z", z, shape=(None, self.law.dimension))))

    def table(self) -> pd.DataFrame:
        """What was chosen from, by instance noise.

        **Raises:** `ValueError` when nothing was.
        """
        if self.candidates is None:
            raise ValueError("there are no candidates: one fit was made, or it is a closed form")
        names = ("sigma", "distance", "spread", "model_sigma", "log_likelihood")
        return pd.DataFrame({name: getattr(self.candidates, name) for name in names})


class AbstractDistributionMethod(Method):
    """A method of `stats.fit_distribution`."""

    @abc.abstractmethod
    def estimate(self, problem: Observations, key: Any, progress: bool | None) -> FittedDistribution:
        """The solution."""


def fit_distribution(
    problem: Observations,
    method: AbstractDistributionMethod,
    *,
    key: Any,
    progress: bool | None = None,
    throw: bool = True,
) -> FittedDistribution:
    """Estimate the law of observations.

    **Arguments:**

    - `problem`: the observations.
    - `method`: `PerturbedMLE()`, `ProbabilisticPCA(d)`, `KernelDensity()` or `Empirical()`.
    - `key`: JAX PRNG key.
    - `progress`: as `show` of `core.progress`.
    - `throw`: raise when the fit is not successful; else look at `result`.

    **Returns:** a `FittedDistribution`.

    **Raises:** `TypeError`, `ValueError` for arguments that do not fit; `SolverError` when a loss is not finite.

    >>> from perturbax import stats
    >>> x = np.random.default_rng(0).normal(size=(500, 1)) * np.array([3.0, 0.0, 4.0])
    >>> fitted = stats.fit_distribution(stats.Observations(x), stats.ProbabilisticPCA(1), key=jax.random.key(0))
    >>> fitted.sample(jax.random.key(1), 4).shape, fitted.singular
    ((4, 3), True)
    """
    check_instance("problem", problem, Observations, "a stats.Observations(...)")
    check_instance("method", method, AbstractDistributionMethod, "a method such as PerturbedMLE()")
    fitted = method.estimate(problem, check_key("key", key), progress)
    if throw:
        raise_if_failed(fitted.result, f"fit_distribution by {type(method).__name__}")
    return fitted
