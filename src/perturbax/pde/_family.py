"""Families of problems: one equation, with numbers that change from problem to problem."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, Float

from ..core import check_array, check_instance, check_integer, check_key
from ._partition import AbstractPartition
from ._problem import PDEProblem


class Family(eqx.Module):
    """Problems by their numbers, the context, and how their common domain is cut.

    **Arguments:**

    - `make`: `make(*numbers)`, a `PDEProblem` with the exact solution; the numbers should be its `params`, so that
      other ones do not compile again.
    - `lower`, `upper`: the range of each number, `(c,)`.
    - `partition`: of the domain, for `XPINN`.

    **Raises:** `TypeError`, `ValueError` for arguments that do not fit.

    >>> from perturbax import pde
    >>> family = Family(pde.catalogue.reaction, [1.0], [15.0], pde.Split(0, 0.5))
    >>> family.draw(jax.random.key(0), 3).shape
    (3, 1)
    """

    make: Callable
    lower: Float[Array | np.ndarray, " c"]
    upper: Float[Array | np.ndarray, " c"]
    partition: AbstractPartition

    def __init__(self, make: Callable, lower: Any, upper: Any, partition: AbstractPartition):
        if not callable(make):
            raise TypeError(f"make must be a function, got {type(make).__name__}")
        self.make = make
        self.lower = check_array("lower", lower, shape=(None,))
        self.upper = check_array("upper", upper, shape=self.lower.shape)
        if not (np.asarray(self.upper) > np.asarray(self.lower)).all():
            raise ValueError(f"upper must be > lower in every number, got {self.lower} and {self.upper}")
        self.partition = check_instance("partition", partition, AbstractPartition, "a partition such as Split(0, 0.5)")

    def problem(self, context: Any) -> PDEProblem:
        """The problem of a context."""
        numbers = np.asarray(check_array("context", context, shape=np.shape(self.lower)), np.float64)
        problem = check_instance("what make returns", self.make(*numbers.tolist()), PDEProblem, "a PDEProblem")
        if problem.exact is None:
            raise ValueError("make must return problems with an exact solution, by which conditions are compared")
        return problem

    def draw(self, key: Any, n: int) -> np.ndarray:
        """Contexts, uniform in their range, `(n, c)`."""
        check_integer("n", n, minimum=1)
        low, high = (np.asarray(end, np.float64) for end in (self.lower, self.upper))
        unit = np.asarray(jax.random.uniform(check_key("key", key), (n, len(low))), np.float64)
        return low + unit * (high - low)
