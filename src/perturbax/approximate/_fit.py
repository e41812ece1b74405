"""`fit`: approximate a function or data. The verb, the base of its methods, and the solution for functions."""

import abc
from typing import Any, ClassVar

import equinox as eqx
import numpy as np
import pandas as pd
from jaxtyping import Float

from ..core import Method, Result, check_instance, check_key, raise_if_failed
from ._data import ScatteredData


class Candidates(eqx.Module):
    """The fits that a method chose between.

    - `bandwidth`: of each.
    - `score`: generalised cross-validation; the smallest was chosen.
    - `error`: root mean square of the residual over that of the data.
    - `rank`: effective degrees of freedom.
    - `functions`: the fitted functions.
    """

    bandwidth: Float[np.ndarray, " c"]
    score: Float[np.ndarray, " c"]
    error: Float[np.ndarray, " c"]
    rank: Float[np.ndarray, " c"]
    functions: tuple[Any, ...]

    def table(self) -> pd.DataFrame:
        """A row for each candidate."""
        return pd.DataFrame({name: getattr(self, name) for name in ("bandwidth", "score", "error", "rank")})


class Approximation(eqx.Module):
    """What `fit` returns; call it as the function that was approximated.

    - `function`: a module that transformations of JAX may go through. For `ScatteredData` it is defined on the unit
      box, from `(n, m)` to `(n, k)`; for a `Target` it is a `Program`.
    - `problem`: what was approximated.
    - `error`: for `ScatteredData` the root mean square of the residual over that of the data; for a `Target` the
      largest error on a fine grid, in its unit and precision.
    - `candidates`: what was chosen from, or `None`.
    - `result`: how it went; `stats`: what it took.
    """

    function: Any
    problem: Any
    error: float
    candidates: Candidates | None = None
    result: Any = eqx.field(default_factory=lambda: Result.successful)
    stats: dict[str, Any] = eqx.field(default_factory=dict)

    def __call__(self, x: Any) -> Float[np.ndarray, "..."]:
        """Values at points. For `ScatteredData` these have shape `(n, m)`, or `(n,)` for one column, and the values the
        shape in which `y` came.

        **Raises:** `TypeError`, `ValueError` for another shape or values that are not finite.
        """
        return self.problem.evaluate(self.function, x)


class AbstractFitMethod(Method):
    """A method of `approximate.fit`. `draws` says whether it needs a key, `problems` what it can approximate."""

    draws: ClassVar[bool] = False
    problems: ClassVar[tuple[type, ...]] = (ScatteredData,)

    @abc.abstractmethod
    def approximate(self, problem: Any, key: Any) -> Any:
        """The solution, with a `result`."""


def fit(problem: Any, method: AbstractFitMethod, *, key: Any = None, throw: bool = True) -> Any:
    """Approximate a function or data by a family of functions, in float64 whatever is switched on.

    **Arguments:**

    - `problem`: a `ScatteredData`, a `Target`, or a `DetectorTrace`.
    - `method`: such as `BandlimitedRandomNet()` for the first, `Remez(3)` for the second, `LaplaceFit()` for the third.
    - `key`: JAX PRNG key, for methods that draw.
    - `throw`: raise when the fit is not successful; else look at `result`.

    **Returns:** an `Approximation`; a `PeakFit` for a `DetectorTrace`.

    **Raises:** `TypeError`, `ValueError` for arguments that do not fit; `SolverError` when a fit does not converge or
    is not finite.

    >>> import jax
    >>> from perturbax import approximate
    >>> x = np.linspace(0.0, 1.0, 200)
    >>> data = approximate.ScatteredData(x, np.sin(10.0 * x))
    >>> fitted = approximate.fit(data, approximate.BandlimitedRandomNet(60, 10.0), key=jax.random.key(0))
    >>> bool(abs(fitted([0.123]) - np.sin(1.23)) < 1e-6)
    True
    """
    check_instance("method", method, AbstractFitMethod, "a method such as BandlimitedRandomNet()")
    names = " or ".join(f"{cls.__name__}(...)" for cls in method.problems)
    check_instance("problem", problem, method.problems, f"what {type(method).__name__} approximates, {names}")
    if method.draws:
        key = check_key("key", key)
    fitted = method.approximate(problem, key)
    if throw:
        raise_if_failed(fitted.result, f"fit by {type(method).__name__}")
    return fitted


def settled(problem: ScatteredData, function: Any, **more: Any) -> Approximation:
    """The solution for a fitted function: its error is measured, and a value that is not finite is a failure."""
    left = problem.y - function(problem.unit(problem.x))
    scale = float(np.sqrt(np.mean(problem.y**2)))
    error = float(np.sqrt(np.mean(left**2))) / (scale or 1.0)
    result = Result.successful if np.isfinite(error) else Result.nonfinite
    return Approximation(function, problem, error, result=result, **more)
