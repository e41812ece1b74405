"""Methods that fit a pointwise network to the rows of a problem: a representation, a sampler and an optimiser."""

import abc
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ..core import check_instance, progress
from ._error import relative_l2
from ._field import Field, Theta, field
from ._history import History, known_at
from ._least_squares import Points
from ._lm import LM
from ._optimiser import AbstractOptimiser
from ._problem import PDEProblem
from ._sampler import AbstractSampler, Residual
from ._solve import AbstractPDEMethod, PDESolution, derivative_at, outcome


class AbstractCollocation(AbstractPDEMethod):
    """A method of `pde.solve` that fits a network by the sum of squares of residuals at points.

    Its fields `optimiser` and `points` say how and where.
    """

    def __check_init__(self):
        method: Any = self
        check_instance("optimiser", method.optimiser, AbstractOptimiser, "an optimiser such as LM()")
        check_instance("points", method.points, AbstractSampler, "a sampler such as FixedPoints()")

    @abc.abstractmethod
    def network(self, problem: PDEProblem, key: Any) -> Any:
        """The representation at the start, from `[-1, 1]^dimension` to `(fields,)`."""

    def start(self, problem: PDEProblem, key: Any) -> Field:
        """The field that `solve` with this key starts from, in the precision in force."""
        network = self.network(problem, jax.random.split(key, 3)[0])
        return Field(problem, network, jax.tree.map(jnp.asarray, problem.unknown))

    def trainable(self, network: Any) -> Any:
        """A pytree of booleans, or of prefixes, that says which leaves of the network are trained."""
        return jax.tree.map(eqx.is_inexact_array, network)

    def split(self, problem: PDEProblem, key: Any) -> tuple[Theta, Theta]:
        """What is trained of `start`, and the rest of it; `eqx.combine` joins them."""
        start = self.start(problem, key)
        theta = Theta(start.network, start.unknown)
        every = jax.tree.map(eqx.is_inexact_array, theta.unknown)
        trained, frozen = eqx.partition(theta, Theta(self.trainable(theta.network), every))
        return trained, frozen

    def ask(self, problem: PDEProblem, points: Points, key: Any) -> Points:
        """What is asked for at the points of the sampler; a method that asks for more, as at interfaces, adds it."""
        return points

    def solve(self, problem: PDEProblem, key: Any, progress: bool | None) -> PDESolution:
        method: Any = self
        _warn_of_precision(method.optimiser)
        _, point_key, update_key = jax.random.split(key, 3)
        trained, frozen = self.split(problem, key)
        points, state = method.points.start(problem, point_key)

        def ask(points: Points) -> Points:
            return self.ask(problem, points, jax.random.fold_in(point_key, 0))

        run = _Run(problem, trained, frozen, points, state, update_key, known_at(problem), ask)
        run.optimise(method.optimiser, method.points, progress)
        theta = eqx.combine(run.trained, frozen)
        return PDESolution(
            problem,
            field(problem, theta),
            theta.unknown,
            run.history.columns(),
            run.points,
            run.state,
            outcome(np.isfinite(run.loss)),
            {
                "steps": run.step,
                "evaluations": run.evaluations,
                "sampler_evaluations": method.points.evaluations(run.state),
                "parameters": sum(leaf.size for leaf in jax.tree.leaves(run.trained)),
            },
        )


class _Run:
    """The state of one run between the compiled chunks."""

    def __init__(
        self,
        problem: PDEProblem,
        trained: Any,
        frozen: Any,
        drawn: Points,
        state: Any,
        key: Any,
        test: Any,
        ask: Callable[[Points], Points],
    ):
        self.problem, self.trained, self.frozen = problem, trained, frozen
        self.drawn, self.state, self.key, self.test = drawn, state, key, test
        self.ask, self.points = ask, ask(drawn)
        self.step, self.evaluations, self.loss = 0, 0, np.inf
        self.history = History()

    def optimise(self, optimiser: Any, sampler: AbstractSampler, show: bool | None) -> None:
        """All phases of an optimiser, with updates of the points where the sampler wants them."""
        with progress(optimiser.steps, "pde.solve", show=show) as bar:
            for phase in optimiser.phases:
                optimising = phase.start(self.trained)
                for steps in _chunks(self.step, phase, sampler):
                    with self.history.timed():
                        done = phase.run(
                            self.problem, self.trained, self.frozen, self.points, optimising, jnp.asarray(steps)
                        )
                        self.loss = float(done.loss)
                        if not np.isfinite(self.loss):
                            return
                        self.trained, optimising = done.trained, done.state
                        self.step, self.evaluations = self.step + steps, self.evaluations + int(done.evaluations)
                        if sampler.every is not None and self.step % sampler.every == 0:
                            self._move(sampler)
                            optimising = phase.moved(self.trained, optimising)
                    self._record(sampler)
                    bar.advance(steps)
                    bar.update(loss=self.loss)

    def _move(self, sampler: AbstractSampler) -> None:
        residual = Residual(self.problem, eqx.combine(self.trained, self.frozen))
        self.key, key = jax.random.split(self.key)
        self.drawn, self.state = sampler.update(self.problem, self.drawn, self.state, residual, key)
        self.points = self.ask(self.drawn)

    def _record(self, sampler: AbstractSampler) -> None:
        row = {"step": self.step, "evaluations": self.evaluations, "loss": self.loss}
        if self.test is not None:
            x, exact = self.test
            u = derivative_at(field(self.problem, eqx.combine(self.trained, self.frozen)), (), x)
            row["error"] = relative_l2(np.asarray(u), exact)
        self.history.add(row | sampler.report(self.state))


def _chunks(step: int, phase: Any, sampler: AbstractSampler) -> Iterator[int]:
    """The lengths of the compiled chunks: a sampler's updates lie between two of them."""
    left = phase.steps
    while left:
        until = left if sampler.every is None else sampler.every - step % sampler.every
        count = min(left, phase.chunk, until)
        yield count
        step, left = step + count, left - count


def _warn_of_precision(optimiser: AbstractOptimiser) -> None:
    if not jax.config.read("jax_enable_x64") and any(isinstance(phase, LM) for phase in optimiser.phases):
        warnings.warn("LM in float32 stops at errors of about 1e-3; precision='float64' goes on", stacklevel=4)
