"""The Deep Ritz method: a network that minimises an energy.

    mean L(x_i, u, grad u) + penalty sum_k w_k mean |B_k(x_j, u)|^2

over points inside and for each condition, by Adam on new points all the time: the mean over points is an estimate of
the integral, and on points that stay a network finds functions that are lower at them than anywhere else.
"""

from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp

from ..core import Paper, adam, check_integer, check_number
from ._adam import Adam
from ._collocation import AbstractCollocation
from ._dense import Dense, check_hidden
from ._descent import descend
from ._field import field
from ._jet import automatic
from ._lagrangian import check_variational, density
from ._least_squares import Points, conditions_loss
from ._optimiser import Outcome
from ._papers import DEEP_RITZ
from ._problem import PDEProblem
from ._sampler import AbstractSampler, FreshPoints


class DeepRitz(AbstractCollocation):
    """A tanh network that minimises the energy of a problem, with the conditions as a penalty.

    **Arguments:**

    - `hidden`: widths of the hidden layers.
    - `steps`, `learning_rate`: of Adam.
    - `penalty`: times the mean squares of the conditions.
    - `points`: a sampler; they should change often.

    **Returns:** a frozen method for `pde.solve`. `history["loss"]` is the energy with the penalty, by the points.

    **Raises:** `ValueError` for numbers out of range, and when used for a problem without an energy.

    Source: E & Yu 2018 (arXiv 1710.00211), with tanh in the place of the cubes of rectifiers and without residual
    connections.

    >>> import jax
    >>> from perturbax import pde
    >>> method = pde.DeepRitz(hidden=(8,), steps=5, points=pde.FreshPoints(50, 10))
    >>> pde.solve(pde.catalogue.semilinear(2), method, key=jax.random.key(0)).stats["steps"]
    5
    """

    hidden: tuple[int, ...] = (64, 64)
    steps: int = 5000
    learning_rate: float = 1e-3
    penalty: float = 100.0
    points: AbstractSampler = FreshPoints(every=10)

    papers: ClassVar[tuple[Paper, ...]] = (DEEP_RITZ,)

    def __check_init__(self):
        check_hidden(self.hidden)
        check_integer("steps", self.steps, minimum=1)
        check_number("learning_rate", self.learning_rate, minimum=0.0, exclusive=True)
        check_number("penalty", self.penalty, minimum=0.0, exclusive=True)

    @property
    def optimiser(self) -> "EnergyAdam":
        """Adam on the energy."""
        return EnergyAdam(self.steps, self.learning_rate, penalty=self.penalty)

    def network(self, problem: PDEProblem, key: Any) -> Dense:
        check_variational(problem)
        return Dense(problem.dimension, self.hidden, 1, key=key)


class EnergyAdam(Adam):
    """Adam on the energy in the place of the sum of squares."""

    penalty: float = 100.0

    def run(self, problem: PDEProblem, trained: Any, frozen: Any, points: Points, state: Any, steps: Any) -> Outcome:
        transformation = adam(self.learning_rate, self.steps)
        objective = Penalised(jnp.asarray(self.penalty))
        return descend(transformation, problem, trained, frozen, points, state, self.chunk, steps, objective)


class Penalised(eqx.Module):
    """The energy of a problem by points, with its conditions."""

    penalty: Any

    def __call__(self, problem: PDEProblem, trained: Any, frozen: Any, points: Points) -> Any:
        theta = eqx.combine(trained, frozen)
        u, of_density = field(problem, theta), density(problem)
        firsts = ((), *((axis,) for axis in range(problem.dimension)))

        def at(x: Any) -> Any:
            found = automatic(u.__call__, x, firsts)
            return of_density(x, found[()][0], jnp.concatenate([found[index] for index in firsts[1:]]))

        inside = jnp.mean(points.weights * jax.vmap(at)(points.x))
        return inside + self.penalty * conditions_loss(problem, theta, points)
