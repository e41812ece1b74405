"""`discover`: find programs for a function. The verb, its solution and the base of its methods."""

import abc
from typing import Any

import equinox as eqx
import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from ..core import Method, Result, check_instance, check_integer, check_key, raise_if_failed
from ._evaluation import Archive, program_of
from ._program import Program
from ._target import Target


class Front(eqx.Module):
    """What `discover` returns: programs of which each further one has more operations and a smaller error.

    - `programs`; `operations` of each.
    - `error`: on fresh points, in the target's unit and precision; `training_error`: on the grid of the search, in
      float64.
    - `history`: the smallest training error of programs with at most so many operations after each generation, shape
      `(generations, max_operations + 1)`; infinite where there was none.
    - `result`: how it went; `stats`: programs, evaluations, how many were rejected, the largest number of operations of
      the first population.
    """

    programs: tuple[Program, ...]
    operations: Int[np.ndarray, " p"]
    error: Float[np.ndarray, " p"]
    training_error: Float[np.ndarray, " p"]
    history: Float[np.ndarray, "generations n"]
    result: Any
    stats: dict[str, Any]

    def best(self, max_operations: int) -> Program:
        """The program with the smallest error on fresh points among those with at most so many operations.

        **Raises:** `ValueError` when there is none.
        """
        allowed = np.flatnonzero(self.operations <= check_integer("max_operations", max_operations, minimum=0))
        if not allowed.size:
            raise ValueError(f"max_operations must be at least {self.operations.min()}, got {max_operations}")
        return self.programs[int(allowed[np.argmin(self.error[allowed])])]

    def table(self) -> pd.DataFrame:
        """A row for each program."""
        names = ("operations", "error", "training_error")
        return pd.DataFrame(
            {**{name: getattr(self, name) for name in names}, "latex": [p.to_latex() for p in self.programs]}
        )


class AbstractDiscovery(Method):
    """A method of `approximate.discover`."""

    @abc.abstractmethod
    def search(self, target: Target, key: Any, progress: bool | None) -> tuple[Archive, np.ndarray, dict[str, Any]]:
        """What was found, its history, and the counts."""


def discover(
    target: Target, method: AbstractDiscovery, *, key: Any, progress: bool | None = None, throw: bool = True
) -> Front:
    """Find short programs for a function of one variable, in float64 whatever is switched on.

    **Arguments:** `target`; `method`: such as `Evolution()`; `key`: JAX PRNG key; `progress`: as `show` of
    `core.progress`; `throw`: raise when no program is finite on fresh points; else look at `result`.

    **Returns:** a `Front`.

    **Raises:** `TypeError`, `ValueError` for arguments that do not fit; `SolverError` when nothing was found.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from perturbax import approximate
    >>> target = approximate.Target(jnp.exp2, 0.0, 1.0, points=64)
    >>> method = approximate.Evolution(max_operations=3, generations=3, children=16, tuner=approximate.Lawson(3, 8))
    >>> front = approximate.discover(target, method, key=jax.random.key(0))
    >>> bool(front.error[-1] < 0.2), front.stats["first_operations"]
    (True, 0)
    """
    check_instance("target", target, Target, "a Target(fn, lower, upper)")
    check_instance("method", method, AbstractDiscovery, "a method such as Evolution()")
    archive, history, stats = method.search(target, check_key("key", key), progress)
    found = [(error, program_of(genome)) for error, genome in archive.front()]
    errors = np.array([target.error_of(program) for _, program in found])
    finite = np.isfinite(errors)
    result = Result.successful if finite.any() else Result.nonfinite
    if throw:
        raise_if_failed(result, f"discover by {type(method).__name__}")
    kept = [pair for pair, good in zip(found, finite, strict=True) if good]
    return Front(
        tuple(program for _, program in kept),
        np.array([program.operations for _, program in kept], np.int64),
        errors[finite],
        np.array([error for error, _ in kept], np.float64),
        history,
        result,
        stats,
    )
