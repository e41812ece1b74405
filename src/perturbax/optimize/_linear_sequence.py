"""Linear systems one after another, as a simulation meets them, with a solver that has a parameter."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..core import Result, check_array, check_integer
from ..linalg import LinearSystem, solve
from ._sequence import AbstractSequence, Played, as_contexts


class LinearSequence(AbstractSequence):
    """The systems `A_t x_t = b_t`, where `b_t` and the start of the solver may depend on `x_{t-1}`.

    The cost is the number of iterations, at least 1. A solve that fails costs `max_steps` of its solver and the
    sequence goes on. `b_t = 0` costs 1 and teaches nothing.

    **Arguments:**

    - `system`: `system(t, x)` gives the `linalg.LinearSystem` of instance `t`, with the solution `x` of the one before;
      traceable. For a warm start it sets `x0`.
    - `solver`: `solver(value)` gives a method of `linalg.solve`, such as `Stationary(SOR(value), history=False)`.
    - `length`: number of instances; `x0`: solution before the first, an array of the shape of `b`.
    - `contexts`: what is known of each instance, shape `(length,)`.

    **Raises:** `TypeError`, `ValueError` for arguments that do not fit.

    >>> import jax
    >>> from perturbax import linalg, optimize
    >>> A = np.array([[2.0, -1.0], [-1.0, 2.0]])
    >>> problem = optimize.LinearSequence(
    ...     lambda t, x: linalg.LinearSystem(A, jnp.array([1.0, 0.0])),
    ...     lambda omega: linalg.Stationary(linalg.SOR(omega)), length=3, x0=np.zeros(2))
    >>> optimize.tune(problem, optimize.Fixed(1.0), key=jax.random.key(0)).costs.tolist()
    [10.0, 10.0, 10.0]
    """

    system: Callable[[Any, Any], LinearSystem]
    solver: Callable[[Any], Any]
    size: int
    x0: Any
    contexts: Any

    def __init__(
        self,
        system: Callable[[Any, Any], LinearSystem],
        solver: Callable[[Any], Any],
        length: int,
        x0: Any,
        contexts: Any = None,
    ):
        for name, function in (("system", system), ("solver", solver)):
            if not callable(function):
                raise TypeError(f"{name} must be callable, got {type(function).__name__}")
        self.system, self.solver = system, solver
        self.size = check_integer("length", length, minimum=1)
        self.x0 = check_array("x0", x0)
        self.contexts = as_contexts(contexts, self.size)

    @property
    def length(self) -> int:
        return self.size

    def start(self) -> Float[Array, "..."]:
        return jnp.asarray(np.asarray(self.x0, np.float64)) if isinstance(self.x0, np.ndarray) else self.x0

    def play(self, carry: Any, t: Any, value: Any) -> tuple[Any, Played]:
        system, method = self.system(t, carry), self.solver(value)
        solved = solve(system, method, throw=False)
        converged = solved.result == Result.successful
        count = jnp.where(converged, jnp.maximum(solved.iterations, 1), method.max_steps)
        x = jnp.asarray(solved.x)
        # What a solver left that diverged must not be the start of the next one.
        x = jnp.where(jnp.all(jnp.isfinite(x)), x, carry)
        return x, Played(count.astype(x.dtype), converged, jnp.any(jnp.asarray(system.b) != 0.0))

    def check(self, values: tuple[float, ...]) -> None:
        for value in values:
            try:
                self.solver(value)
            except ValueError as error:
                raise ValueError(f"the solver takes no value {value:g}: {error}") from None
