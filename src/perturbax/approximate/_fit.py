"""`fit`: approximate data by a family of functions. The verb and the base of its methods."""

import abc
from typing import Any, ClassVar

from ..core import Method, check_instance, check_key, raise_if_failed


class AbstractFitMethod(Method):
    """A method of `approximate.fit`. `draws` says whether it needs a key, `problems` what it can approximate."""

    draws: ClassVar[bool] = False
    problems: ClassVar[tuple[type, ...]] = ()

    @abc.abstractmethod
    def approximate(self, problem: Any, key: Any) -> Any:
        """The solution, with a `result`."""


def fit(problem: Any, method: AbstractFitMethod, *, key: Any = None, throw: bool = True) -> Any:
    """Approximate data, in float64 whatever is switched on.

    **Arguments:**

    - `problem`: the data, such as a `DetectorTrace`.
    - `method`: such as `LaplaceFit()`.
    - `key`: JAX PRNG key, for methods that draw.
    - `throw`: raise when the fit is not successful; else look at `result`.

    **Returns:** the solution, a `PeakFit` for a `DetectorTrace`.

    **Raises:** `TypeError`, `ValueError` for arguments that do not fit; `SolverError` when a fit does not converge or
    is not finite.

    >>> import numpy as np
    >>> from perturbax import approximate
    >>> from perturbax.systems import column
    >>> t = np.linspace(0.0, 100.0, 51)
    >>> apparatus, bell = column.GasColumn(1.0, column.ConstantFlow(1.0)), np.exp(-((t - 40.0) ** 2) / 50.0)
    >>> trace = approximate.DetectorTrace(apparatus, t, bell, column.Rectangle(1.0))
    >>> approximate.fit(trace, approximate.GaussianPeaks()).values.round(3).tolist()
    [[40.0, 5.0]]
    """
    check_instance("method", method, AbstractFitMethod, "a method such as LaplaceFit()")
    names = " or ".join(f"{cls.__name__}(...)" for cls in method.problems)
    check_instance("problem", problem, method.problems, f"what {type(method).__name__} approximates, {names}")
    if method.draws:
        key = check_key("key", key)
    fitted = method.approximate(problem, key)
    if throw:
        raise_if_failed(fitted.result, f"fit by {type(method).__name__}")
    return fitted
