"""Samplers: where the equation and the conditions are asked for, and how that changes while one optimises."""

import abc
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from ..core import check_instance, check_integer
from ._design import AbstractDesign, Sobol, Uniform
from ._field import Theta
from ._least_squares import Points, equation
from ._problem import PDEProblem


class Residual(eqx.Module):
    """The residual of the equation by the present solution, compiled: what an adaptive sampler looks at.

    Called with points `(n, dimension)` it gives `(n, equations)`.
    """

    problem: PDEProblem
    theta: Theta

    def __call__(self, x: Any) -> Any:
        return _residual(self.problem, self.theta, x)


class AbstractSampler(eqx.Module):
    """A rule for points. `every` is after how many steps of the optimiser `update` is asked, never when `None`.

    The state of a sampler is a pytree of its own, such as a density and its optimiser; `None` where it has none.
    """

    interior: eqx.AbstractVar[int]
    boundary: eqx.AbstractVar[int]
    every: eqx.AbstractVar[int | None]

    def __check_init__(self):
        check_integer("interior", self.interior, minimum=1)
        check_integer("boundary", self.boundary, minimum=1)
        if self.every is not None:
            check_integer("every", self.every, minimum=1)

    @abc.abstractmethod
    def start(self, problem: PDEProblem, key: Any) -> tuple[Points, Any]:
        """The first points, and the state."""

    def update(
        self, problem: PDEProblem, points: Points, state: Any, residual: Residual, key: Any
    ) -> tuple[Points, Any]:
        """The next points and state, by the residual of the present solution. Numbers of points must not change often:
        each new one compiles again."""
        return points, state

    def report(self, state: Any) -> dict[str, float]:
        """Numbers of the state for the history."""
        return {}

    def evaluations(self, state: Any) -> int:
        """How many residuals of the equation the updates so far evaluated."""
        return 0


class FixedPoints(AbstractSampler):
    """The same points throughout.

    **Arguments:** `interior`: number of points inside; `boundary`: about as many for each condition; `design`: how they
    lie.

    >>> FixedPoints(100, 40).every is None
    True
    """

    interior: int = 1000
    boundary: int = 200
    design: AbstractDesign = Sobol()
    every: int | None = eqx.field(default=None, init=False)

    def start(self, problem: PDEProblem, key: Any) -> tuple[Points, Any]:
        return draw(problem, key, self.interior, self.boundary, self.design), None


class FreshPoints(AbstractSampler):
    """New points after every `every` steps of the optimiser. The other arguments are those of `FixedPoints`.

    >>> FreshPoints(100, 40, every=10).design
    Uniform()
    """

    interior: int = 1000
    boundary: int = 200
    every: int | None = 100
    design: AbstractDesign = Uniform()

    def start(self, problem: PDEProblem, key: Any) -> tuple[Points, Any]:
        return draw(problem, key, self.interior, self.boundary, self.design), None

    def update(
        self, problem: PDEProblem, points: Points, state: Any, residual: Residual, key: Any
    ) -> tuple[Points, Any]:
        return draw(problem, key, self.interior, self.boundary, self.design), state


def draw(problem: PDEProblem, key: Any, interior: int, boundary: int, design: AbstractDesign) -> Points:
    """Points of a design inside and for each condition, all of weight 1."""
    check_instance("design", design, AbstractDesign, "a design such as Sobol()")
    inside_key, boundary_key = jax.random.split(key)
    x = problem.domain.sample(inside_key, interior, design)
    sites = tuple(
        condition.place(problem.domain, jax.random.fold_in(boundary_key, k), boundary, design)
        for k, condition in enumerate(problem.conditions)
    )
    return Points(x, jnp.ones(len(x)), sites)


@eqx.filter_jit
def _residual(problem: PDEProblem, theta: Theta, x: Any) -> Any:
    return jax.vmap(lambda one: equation(problem, theta, one))(x)
