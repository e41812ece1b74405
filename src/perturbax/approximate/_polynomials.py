"""What the classical approximations share: Taylor coefficients by automatic differentiation, and changes of
variable."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from numpy.polynomial import Chebyshev, Polynomial

from ..core import Result, check_number, float64
from ._fit import Approximation
from ._program import Program
from ._target import Target


def taylor_coefficients(target: Target, centre: float, degree: int) -> Float[np.ndarray, " c"]:
    """The coefficients of `f(centre + t)` in powers of `t`, for functions in JAX.

    **Raises:** `TypeError` when the function cannot be differentiated by JAX.
    """
    derivatives: list[Any] = [target.fn]
    for _ in range(degree):
        derivatives.append(jax.grad(derivatives[-1]))
    try:
        with float64():
            at = jnp.asarray(centre, jnp.float64)
            values = np.array([float(derivative(at)) for derivative in derivatives])
    except (jax.errors.JAXTypeError, TypeError) as error:
        raise TypeError(f"fn must be a function in JAX to be expanded: {error}") from None
    return values / np.cumprod([1.0, *range(1, degree + 1)])


def moved(coefficients: Any, centre: float) -> Float[np.ndarray, " c"]:
    """Coefficients in powers of `x - centre` as coefficients in powers of `x`."""
    shifted = Polynomial(coefficients)(Polynomial([-centre, 1.0]))
    return np.pad(shifted.coef, (0, len(coefficients) - len(shifted.coef)))


def monomials(series: Chebyshev) -> Float[np.ndarray, " c"]:
    """A Chebyshev series on an interval as coefficients in powers of `x`."""
    converted = series.convert(kind=Polynomial, domain=[-1.0, 1.0], window=[-1.0, 1.0]).coef
    return np.pad(converted, (0, len(series.coef) - len(converted)))


def settle_centre(target: Target, centre: float | None) -> float:
    """The point of an expansion; by default the middle of the interval."""
    if centre is None:
        return 0.5 * (target.lower + target.upper)
    return check_number("centre", centre)


def approximated(target: Target, program: Program, evaluations: int, **stats: Any) -> Approximation:
    """The solution for a program; one that is not finite on the interval, as at a pole, is a failure."""
    error = target.error_of(program)
    result = Result.successful if np.isfinite(error) else Result.nonfinite
    stats = {"evaluations": evaluations, "operations": program.operations, **stats}
    return Approximation(program, target, error, result=result, stats=stats)
