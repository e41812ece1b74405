"""`solve`: the linear system `A x = b`. The verb and its solution."""

import abc
import time
import warnings
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float, Int

from ..core import Method, check_instance, check_integer, check_number, precision, raise_if_failed, to_host
from ._krylov import Outcome
from ._problem import LinearSystem, SettledSystem


class LinearSolution(eqx.Module):
    """What `solve` returns.

    - `x`: the solution, of the shape and precision of `b`; a NumPy array when it is float64 and JAX is not.
    - `residual_norms`: `|b - A x|` at the start and after each iteration; NaN after the last.
    - `iterations`: how many were made; `result`: how it went.
    - `stats`: `"evaluations"` of the operator, `"proposals"` of the preconditioner or network, `"fallbacks"` of the
      methods that have them, `"setup_evaluations"`, and outside of `jit` `"setup_seconds"` and `"seconds"`, which
      contain compilation the first time.
    """

    x: Array | np.ndarray
    residual_norms: Float[Array | np.ndarray, "*batch steps"]
    iterations: Int[Array, "*batch"]
    result: Any
    stats: dict[str, Any]


class AbstractLinearSolver(Method):
    """A method of `linalg.solve`. Its fields `tol` and `max_steps` say when it stops."""

    def __check_init__(self):
        method: Any = self
        check_number("tol", method.tol, minimum=0.0, exclusive=True)
        check_integer("max_steps", method.max_steps, minimum=1)

    @property
    def needs_symmetric(self) -> bool:
        """Whether an operator that is known not to be symmetric is refused."""
        return True

    def prepare(self, system: SettledSystem) -> tuple[Any, dict[str, Any]]:
        """What is made once for an operator, and its stats."""
        return None, {}

    @abc.abstractmethod
    def iterate(self, system: SettledSystem, prepared: Any) -> Outcome:
        """The iteration with what `prepare` made."""


def solve(system: LinearSystem, method: AbstractLinearSolver, *, throw: bool = True) -> LinearSolution:
    """Solve `A x = b` to `|b - A x| <= tol |b|`.

    Works under `jit` and `vmap` over `b`, `x0`, entries of the operator and numbers such as `omega`; what is made of
    the pattern of the entries (orderings, incomplete factors, grids) must not be traced.

    **Arguments:**

    - `system`: the operator and `b`. A float64 `b` is solved in float64, whatever is switched on around.
    - `method`: `CG()`, `PCG(IncompleteCholesky())`, `PCG(AMG())`, `DeflatedPCG()`, `FlexibleCG(network)`,
      `DCDM(network)`, `NetworkIteration(network)` or `Stationary(SOR(omega))`.
    - `throw`: raise when the solution is not successful; else look at `result`.

    **Returns:** a `LinearSolution`, the same for every method.

    **Raises:** `TypeError`, `ValueError` for arguments that do not fit; `SolverError` when the tolerance is not
    reached, or the operator turns out not to be positive definite.

    >>> from perturbax import linalg
    >>> solved = linalg.solve(linalg.LinearSystem(np.diag([1.0, 2.0, 4.0]), np.ones(3)), linalg.CG(tol=1e-10))
    >>> solved.x.round(6).tolist(), int(solved.iterations)
    ([1.0, 0.5, 0.25], 3)
    """
    check_instance("system", system, LinearSystem, "a linalg.LinearSystem")
    check_instance("method", method, AbstractLinearSolver, "a method such as CG()")
    if method.needs_symmetric and system.operator.symmetric is False:
        raise ValueError(f"operator must be symmetric for {type(method).__name__}")
    if isinstance(system.b, Tracer):
        return _solve(system, method, throw)
    with precision("float64" if system.b.dtype == np.float64 else "float32"):
        solution = _solve(system, method, throw)
    return to_host(solution)


def _solve(system: LinearSystem, method: AbstractLinearSolver, throw: bool) -> LinearSolution:
    start = time.perf_counter()
    settled = system.settle()
    # Also inside of `jit`: what is made of an operator that is known needs its entries, and is part of the program.
    with jax.ensure_compile_time_eval():
        prepared, stats = method.prepare(settled)
    middle = time.perf_counter()
    outcome = method.iterate(settled, prepared)
    stats = {**stats, **outcome.stats}
    if not isinstance(outcome.x, Tracer):
        jax.block_until_ready(outcome.x)
        stats |= {"setup_seconds": middle - start, "seconds": time.perf_counter() - middle}
        reached = float(outcome.residual_norms[int(outcome.iterations)])
        context = f"solve by {type(method).__name__} after {int(outcome.iterations)} iterations, residual {reached:.3g}"
        if throw:
            raise_if_failed(outcome.result, context)
        _warn_of_fallbacks(method, int(outcome.iterations), int(stats.get("fallbacks", 0)))
    return LinearSolution(outcome.x, outcome.residual_norms, outcome.iterations, outcome.result, stats)


def _warn_of_fallbacks(method: AbstractLinearSolver, iterations: int, fallbacks: int) -> None:
    if 2 * fallbacks > iterations:
        warnings.warn(
            f"{type(method).__name__} took the residual in the place of its network's proposal in {fallbacks} of "
            f"{iterations} iterations: the network is not trained for this operator, or gives NaN",
            stacklevel=4,
        )
