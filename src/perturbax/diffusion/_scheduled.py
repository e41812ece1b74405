"""Samplers that are solver schedules: the one algorithm that carries out any of them."""

import abc
from typing import Any

import numpy as np

from ._method import AbstractPlanned, Path
from ._process import AbstractProcess
from ._schedule import SolverSchedule
from ._schedule_weights import decisions_of, weights_of
from ._trace import Node, Tracer


class AbstractScheduled(AbstractPlanned):
    """A sampler that is a solver schedule on every process."""

    @abc.abstractmethod
    def schedule_for(self, process: AbstractProcess, start: float | None = None) -> SolverSchedule:
        """The schedule on a process."""

    def integrate(self, x: Any, evaluate: Tracer, path: Path) -> Any:
        schedule = self.schedule_for(path.process, path.start)
        return carry_out(schedule, x, evaluate, path.nodes(schedule.steps))


def carry_out(schedule: SolverSchedule, x: Any, evaluate: Tracer, nodes: list[Node]) -> Any:
    """The state at the end of a schedule: after every evaluation the step of the unified framework."""
    alpha, sigma, half_log_snr = (np.array([getattr(node, name) for node in nodes]) for name in Node._fields[1:])
    table = decisions_of([schedule])
    table = table._replace(half_log_snr=half_log_snr[None])
    weights = weights_of(table, alpha[None], sigma[None])
    wants_data = table.data[0]

    predicted: list[tuple[Any, Any, bool]] = []  # the evaluated state, the output there, whether it is the data
    states = [x]

    def look(x: Any, q: int) -> tuple[Any, Any, bool]:
        data = bool(wants_data[q])
        if q == 0 and schedule.analytic_first_step:
            return x, 0.0 * x, True
        return x, (evaluate.data if data else evaluate.noise)(x, nodes[q], schedule.orders[q]), data

    def prediction(q: int, data: bool) -> Any:
        state, output, is_data = predicted[q]
        if is_data == data:
            return output
        if data:
            return (state - nodes[q].sigma * output) / nodes[q].alpha
        return (state - nodes[q].alpha * output) / nodes[q].sigma

    def step(i: int, row: np.ndarray) -> Any:
        total = weights.decay[0, i] * states[table.start[0, i]]
        for q in np.flatnonzero(row):
            total = total + row[q] * prediction(int(q), bool(wants_data[i]))
        return total

    predicted.append(look(x, 0))
    for i in range(schedule.steps):
        x = step(i, weights.predict[0, i])
        if i + 1 < schedule.steps:
            predicted.append(look(x, i + 1))
        if schedule.correctors[i] != "none":
            x = step(i, weights.correct[0, i])
        if schedule.correctors[i] == "pseudo":
            x = evaluate.keep(x)
        elif schedule.correctors[i] == "implicit":
            predicted[-1] = look(x, i + 1)
        states.append(x)
    return x
