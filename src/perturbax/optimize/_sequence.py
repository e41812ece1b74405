"""Instances that are solved one after another, each with a value of the parameter that is tuned."""

import abc
from collections.abc import Callable
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from ..core import check_array, check_integer, check_number, float64


class Played(eqx.Module):
    """A solve: its `cost`, whether it `converged`, and whether the cost tells anything of the value (`informative`)."""

    cost: Float[Any, "*batch"]
    converged: Bool[Any, "*batch"]
    informative: Bool[Any, "*batch"]


class AbstractSequence(eqx.Module):
    """Instances in the order in which they are solved."""

    #: Known of each instance before it is solved, shape `(length,)`, or `None`.
    contexts: eqx.AbstractVar[Any]
    #: Whether `play` can be compiled.
    traceable: ClassVar[bool] = True

    @property
    @abc.abstractmethod
    def length(self) -> int:
        """The number of instances."""

    @abc.abstractmethod
    def start(self) -> Any:
        """What the first instance begins with."""

    @abc.abstractmethod
    def play(self, carry: Any, t: Any, value: Any) -> tuple[Any, Played]:
        """Solve instance `t` with a value: what the next instance begins with, and the cost."""

    def check(self, values: tuple[float, ...]) -> None:
        """Refuse values that no solve can have, with a `ValueError` that names them."""


class CostTable(AbstractSequence):
    """Costs that are known for every value of a grid: to compare tuners on the same instances, and to replay logs.

    **Arguments:** `costs`: of each instance with each value, shape `(length, values)`; `values`: of the grid,
    ascending; `contexts`: shape `(length,)`. A tuner's value counts as the nearest one of the grid.

    **Raises:** `TypeError`, `ValueError` for shapes that do not fit, or entries that are negative or not finite.

    >>> CostTable([[3.0, 5.0]], values=[1.0, 1.5]).play(None, 0, 1.4)[1].cost.item()
    5.0
    """

    costs: Any
    values: Any
    contexts: Any

    def __init__(self, costs: Any, values: Any, contexts: Any = None):
        self.values = check_array("values", values, ndim=1)
        self.costs = check_array("costs", costs, shape=(None, self.values.shape[0]))
        if not (np.diff(np.asarray(self.values, np.float64)) > 0.0).all():
            raise ValueError("values must ascend")
        if bool((np.asarray(self.costs) < 0.0).any()):
            raise ValueError("costs must be >= 0")
        self.contexts = as_contexts(contexts, self.costs.shape[0])

    @classmethod
    def measure(cls, problem: AbstractSequence, values: Any, *, batch: int = 50) -> "CostTable":
        """Solve every instance of a sequence with every value, each from the start of the sequence.

        For instances that do not depend on one another. Those with like contexts are solved in one batch, which takes
        as long as its slowest instance.

        **Arguments:** `problem`: traceable, such as a `LinearSequence`; `values`: of the grid, ascending; `batch`: how
        many instances are solved together.

        **Raises:** `TypeError`, `ValueError` for a problem that is not traceable, or other arguments that do not fit.
        """
        if not problem.traceable:
            raise TypeError(f"problem must be traceable, {type(problem).__name__} is not")
        values = check_array("values", values, ndim=1)
        batch = check_integer("batch", batch, minimum=1)
        problem.check(tuple(np.asarray(values, np.float64).tolist()))
        order = np.arange(problem.length) if problem.contexts is None else np.argsort(np.asarray(problem.contexts))
        batches = np.array_split(order, -(-problem.length // batch))
        widest = max(map(len, batches))
        padded = np.stack([np.resize(one, widest) for one in batches])
        with float64():
            grid = jnp.asarray(np.asarray(values, np.float64))
            found = np.asarray(_costs(problem, jnp.asarray(padded), grid))
        costs = np.zeros((problem.length, values.shape[0]))
        costs[padded.reshape(-1)] = found.reshape(-1, values.shape[0])
        return cls(costs, np.asarray(values), problem.contexts)

    @property
    def length(self) -> int:
        return self.costs.shape[0]

    def start(self) -> None:
        return None

    def play(self, carry: None, t: Any, value: Any) -> tuple[None, Played]:
        arm = jnp.argmin(jnp.abs(jnp.asarray(self.values) - value))
        return None, Played(jnp.asarray(self.costs)[t, arm], jnp.array(True), jnp.array(True))


class SolverSequence(AbstractSequence):
    """Any solver at all: a function that solves instance `t` with a value and tells what it cost. Not compiled.

    **Arguments:** `solve`: `solve(t, value)` returns the cost, iterations or seconds, as a number; of a solve that
    failed, its cap. `length`: number of instances; `contexts`: shape `(length,)`.

    **Raises:** `TypeError`, `ValueError` for arguments that do not fit.

    >>> SolverSequence(lambda t, value: 10.0 * value, length=3).play(None, 0, 1.5)[1].cost.item()
    15.0
    """

    solve: Callable[[Any, Any], Any]
    size: int
    contexts: Any

    traceable: ClassVar[bool] = False

    def __init__(self, solve: Callable[[Any, Any], Any], length: int, contexts: Any = None):
        if not callable(solve):
            raise TypeError(f"solve must be callable as solve(t, value), got {type(solve).__name__}")
        self.solve = solve
        self.size = check_integer("length", length, minimum=1)
        self.contexts = as_contexts(contexts, self.size)

    @property
    def length(self) -> int:
        return self.size

    def start(self) -> None:
        return None

    def play(self, carry: None, t: Any, value: Any) -> Any:
        cost = check_number(f"the cost of instance {int(t)}", self.solve(int(t), float(value)), minimum=0.0)
        return None, Played(np.asarray(cost), np.asarray(True), np.asarray(True))


def as_contexts(contexts: Any, length: int) -> Any:
    """Finite contexts of the right number, or `None`."""
    return None if contexts is None else check_array("contexts", contexts, shape=(length,))


@eqx.filter_jit
def _costs(problem: AbstractSequence, batches: Any, grid: Array) -> Float[Array, "batches batch values"]:
    def one(t: Any, value: Any) -> Array:
        return problem.play(problem.start(), t, value)[1].cost

    def row(ts: Any) -> Array:
        return jax.lax.map(lambda value: jax.vmap(one, (0, None))(ts, value), grid).T

    return jax.lax.map(row, batches)
