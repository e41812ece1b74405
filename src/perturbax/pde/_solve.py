"""`solve`: the solution of a partial differential equation. The verb, its methods and its solution."""

import abc
import dataclasses
import time
from collections.abc import Callable
from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ..core import (
    Method,
    Result,
    cast,
    check_array,
    check_instance,
    check_key,
    precision,
    raise_if_failed,
    settle_arrays,
    to_host,
)
from ._jet import Index, jet, settle_index
from ._problem import PDEProblem

# Points of which the derivatives are in memory at once.
_BATCH = 8192


class PDESolution(eqx.Module):
    """What `solve` returns; called with points `(n, dimension)` it gives `u` there, `(n, fields)`.

    - `problem`: as it was solved.
    - `model`: the solution at one point, from `(dimension,)` to `(fields,)`; for methods that fit a network a `Field`,
      whose `network` has what is special to the method.
    - `unknown`: the unknown coefficients as they were found.
    - `history`: arrays by name, a row for each chunk of steps: `"step"`, `"seconds"` and `"cpu_seconds"` (with
      compilation the first time), `"evaluations"`, `"loss"`, and `"error"` (relative L2) where the exact solution is
      known.
    - `points`: where the equation was asked for at the end; `sampler`: the state of an adaptive sampler.
    - `result`: how it went.
    - `precision`: in which it was computed, and is evaluated.
    - `stats`: `"evaluations"` and what else the method counts.
    """

    problem: PDEProblem
    model: Callable
    unknown: dict[str, Any]
    history: dict[str, np.ndarray]
    points: Any
    sampler: Any
    result: Any
    stats: dict[str, Any]
    precision: Literal["float32", "float64"] = eqx.field(static=True, default="float64")

    def __call__(self, x: Any) -> Any:
        """`u` at points, `(n, fields)`."""
        return self.derivative(x)

    def derivative(self, x: Any, *axes: int) -> Any:
        """A derivative at points, `(n, fields)`: `derivative(x, 0, 0)` is the second one along axis 0."""
        index = settle_index(axes, self.problem.dimension)
        return self._at(x, lambda model, problem, x: derivative_at(model, index, x))

    def residual(self, x: Any) -> Any:
        """The residual of the equation at points, `(n, equations)`."""
        return self._at(x, residual_at)

    def _at(self, x: Any, function: Callable) -> Any:
        x = check_array("x", x, shape=(None, self.problem.dimension))
        with precision(self.precision):
            model, problem = settle_arrays((self.model, self.problem))
            answer = function(model, problem, cast(x, jnp.result_type(float)))
        return to_host(answer)


class AbstractPDEMethod(Method):
    """A method of `pde.solve`."""

    @abc.abstractmethod
    def solve(self, problem: PDEProblem, key: Any, progress: bool | None) -> PDESolution:
        """The solution, in the precision in force, of a problem whose arrays have it. A failure is told by `result`."""


def solve(
    problem: PDEProblem,
    method: AbstractPDEMethod,
    *,
    key: Any,
    precision: Literal["float32", "float64"] = "float64",
    progress: bool | None = None,
    throw: bool = True,
) -> PDESolution:
    """Solve a partial differential equation.

    **Arguments:**

    - `problem`: a `PDEProblem`; `pde.catalogue` has some.
    - `method`: such as `PINN()` or `PIG()`.
    - `key`: JAX PRNG key.
    - `precision`: float64 by default, scoped to this call; float32 is faster on an accelerator and enough for `Adam`.
    - `progress`: as `show` of `core.progress`.
    - `throw`: raise when it fails; else look at `result`.

    **Returns:** a `PDESolution`, the same for every method.

    **Raises:** `TypeError`, `ValueError` for arguments that do not fit; `SolverError` when a value is not finite.

    >>> import jax
    >>> from perturbax import pde
    >>> def pull(x, u, params):
    ...     return u.d(0, 0) + 1.0
    >>> problem = pde.PDEProblem(pde.Box([0.0], [1.0]), pull, [pde.Dirichlet(0.0)])
    >>> method = pde.PINN(hidden=(8,), optimiser=pde.LM(20), points=pde.FixedPoints(20, 2))
    >>> solution = pde.solve(problem, method, key=jax.random.key(0))
    >>> round(float(solution([[0.5]])[0, 0]), 2)
    0.12
    """
    check_instance("problem", problem, PDEProblem, "a pde.PDEProblem")
    check_instance("method", method, AbstractPDEMethod, "a method such as PINN()")
    check_key("key", key)
    started = time.perf_counter()
    with _precision(precision):
        solution = method.solve(settle_arrays(problem), key, progress)
    solution = dataclasses.replace(
        to_host(solution), precision=precision, stats={**solution.stats, "seconds": time.perf_counter() - started}
    )
    if throw:
        raise_if_failed(solution.result, f"solve by {type(method).__name__}")
    return solution


def outcome(finite: Any) -> Any:
    """The result of a method that fails only when a value is not finite."""
    return Result.where(jnp.asarray(finite), Result.successful, Result.nonfinite)


_precision = precision


@eqx.filter_jit
def derivative_at(model: Callable, index: Index, x: Any) -> Any:
    """A derivative of a pointwise model at points, in batches."""
    return jax.lax.map(lambda one: jet(model, one, [index]).read(index), x, batch_size=_BATCH)


@eqx.filter_jit
def residual_at(model: Callable, problem: PDEProblem, x: Any) -> Any:
    """The residual of the equation at points by a pointwise model, in batches."""

    def at(one: Any) -> Any:
        return problem.evaluate(one, jet(model, one, problem.indices), problem.coefficients)

    return jax.lax.map(at, x, batch_size=_BATCH)
