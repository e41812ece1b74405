"""How a computation went, as a value that survives `jit`, and the error that it becomes outside."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer


class Result(eqx.Enumeration):
    """Outcome of a solver. Compare with `==`; choose with `Result.where`; `Result[outcome]` is its sentence."""

    successful = ""
    nonfinite = "A value became NaN or infinite."
    max_evaluations = "The budget of evaluations was spent before the computation ended."
    max_steps = "The largest number of steps was taken before the stopping rule was met."
    diverged = "The iteration diverged."
    not_positive_definite = "A direction without positive curvature came up: the operator is not positive definite."
    stagnated = "The iteration stagnated at the rounding errors of its numbers."
    interrupted = "The computation was interrupted."


class SolverError(RuntimeError):
    """A solver failed; the message says which, where and why."""


def raise_if_failed(result: Any, context: str) -> None:
    """Raise `SolverError` unless the result is successful. Under a transformation, where the outcome is not known yet,
    nothing is raised and the caller has the result to look at.

    **Arguments:** `result`: a `Result`, or a batch of them from `vmap`; `context`: what was computed and where it
    stopped, the beginning of the message.

    **Raises:** `SolverError`; of a batch, with the first failure and their number.

    >>> raise_if_failed(Result.successful, "Newton")
    """
    failed = result != Result.successful
    if isinstance(failed, Tracer):
        return
    failed = np.atleast_1d(failed)
    if not failed.any():
        return
    first = jax.tree.map(lambda index: jnp.ravel(index)[int(np.argmax(failed))], result)
    count = f" ({np.count_nonzero(failed)} of {failed.size} failed)" if failed.size > 1 else ""
    raise SolverError(f"{context}: {Result[first]}{count}")
