"""The problem of approximating a function that is known on an interval, and the units of its error.

    AbsoluteError   |p - f|
    RelativeError   |p - f| / |f|
    ULPError        |p - f| / ulp(f),     ulp(y) = 2^(floor(log2 |y|) - precision + 1)

ULP are units in the last place of a floating-point format; their size at one fixed value serves a whole interval.
"""

import abc
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ..core import check_array, check_choice, check_instance, check_integer, check_number, float64

_VALIDATION = 10_000  # points on which what was fitted is judged, as in AutoNumerics-Zero


def ulp(y: Any, precision: int = 24) -> Float[np.ndarray, "..."]:
    """The size of a unit in the last place, `2^(floor(log2 |y|) - precision + 1)`, without subnormals.

    **Arguments:** `y`: values other than 0; `precision`: bits of the significand, 24 for float32 and 53 for float64.

    >>> ulp([1.0, 1.9, 2.0, 0.75]).tolist() == [2.0**-23, 2.0**-23, 2.0**-22, 2.0**-24]
    True
    """
    y = np.asarray(y, np.float64)
    return np.ldexp(1.0, np.frexp(np.abs(y))[1] - precision)


class AbstractErrorUnit(eqx.Module):
    """What an error is measured in; a function of the size of the true value that does not fall."""

    @abc.abstractmethod
    def of(self, size: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
        """The unit at values of the given sizes `|f|`."""


class AbsoluteError(AbstractErrorUnit):
    """The unit 1."""

    def of(self, size):
        return np.ones_like(size)


class RelativeError(AbstractErrorUnit):
    """The size of the true value, which must not vanish on the interval."""

    def of(self, size):
        return size


class ULPError(AbstractErrorUnit):
    """Units in the last place.

    **Arguments:** `precision`: bits of the significand; `at`: the value whose unit is used everywhere, or `None` for
    that of each true value.

    **Raises:** `ValueError` for numbers out of range.

    >>> ULPError().of(np.array([1.0, 100.0])).tolist() == [2.0**-23, 2.0**-23]
    True
    """

    precision: int = 24
    at: float | None = 1.5

    def __check_init__(self):
        check_integer("precision", self.precision, minimum=1, maximum=53)
        if self.at is not None:
            check_number("at", self.at, minimum=0.0, exclusive=True)

    def of(self, size):
        return ulp(size if self.at is None else np.full_like(size, self.at), self.precision)


class Target(eqx.Module):
    """A function of one variable on an interval.

    **Arguments:**

    - `fn`: from arrays to arrays, accurate to float64; a function in JAX can be proved about and expanded.
    - `lower`, `upper`: the ends of the interval.
    - `unit`: what errors are measured in.
    - `dtype`: in which an approximation will be computed, `"float64"` or `"float32"`; errors contain its rounding.
    - `points`: of the uniform grid that approximations are fitted on, both ends included.

    **Raises:** `TypeError`, `ValueError` for an empty interval, values of `fn` that are not finite, or a unit that
    vanishes, as that of relative errors at a root.

    >>> target = Target(jnp.exp2, 0.0, 1.0)
    >>> target.truth(np.array([0.0, 1.0])).tolist()
    [1.0, 2.0]
    """

    fn: Callable = eqx.field(static=True)
    lower: float
    upper: float
    unit: AbstractErrorUnit = RelativeError()
    dtype: str = "float64"
    points: int = 1024

    def __check_init__(self):
        if not callable(self.fn):
            raise TypeError(f"fn must be a function, got {type(self.fn).__name__}")
        lower = check_number("lower", self.lower)
        if check_number("upper", self.upper) <= lower:
            raise ValueError(f"upper must be > lower, got {self.upper:g} and {lower:g}")
        check_instance("unit", self.unit, AbstractErrorUnit, "a unit such as RelativeError()")
        check_choice("dtype", self.dtype, ("float64", "float32"))
        check_integer("points", self.points, minimum=2)
        y = self.truth(self.grid(self.points))
        if not (self.units(y) > 0.0).all():
            raise ValueError("unit must not vanish: fn has a root on the interval, take AbsoluteError()")

    def grid(self, n: int) -> Float[np.ndarray, " n"]:
        """`n` points from one end to the other; in float32 their nearest numbers."""
        return np.linspace(self.lower, self.upper, n).astype(self.dtype).astype(np.float64)

    def truth(self, x: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
        """The values of `fn` in float64."""
        with float64():
            y = np.asarray(self.fn(jnp.asarray(x, jnp.float64)), np.float64)
        return np.asarray(check_array("fn", y, shape=x.shape))

    def units(self, y: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
        """The unit at true values."""
        return self.unit.of(np.abs(y))

    def errors(self, function: Any, x: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
        """Errors of a function that is computed in the target's `dtype`, in its unit."""
        y = self.truth(x)
        with np.errstate(all="ignore"):
            return np.abs(np.asarray(function(x.astype(self.dtype)), np.float64) - y) / self.units(y)

    def error_of(self, function: Any) -> float:
        """The largest error on a fine grid; infinite when a value is not finite."""
        error = self.errors(function, self.grid(_VALIDATION))
        return float(error.max()) if np.isfinite(error).all() else float("inf")

    def evaluate(self, function: Any, x: Any) -> Float[np.ndarray, "..."]:
        """A fitted function at points of any shape, in the target's `dtype`."""
        return function(np.asarray(check_array("x", x), self.dtype))
