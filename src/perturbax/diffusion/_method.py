"""What a sampling method is: an algorithm along a path, compiled to a plan."""

import abc
from typing import Any, NamedTuple

import equinox as eqx
import numpy as np

from ..core import Method, Result, check_integer
from ._denoise import Denoiser
from ._grid import AbstractGrid
from ._plan import Plan, build_plan
from ._prediction import AbstractPrediction
from ._process import AbstractProcess
from ._remember import remembered
from ._trace import Node, Tracer


class Path(NamedTuple):
    """The process along a grid, and the evaluations that may be spent on its intervals."""

    process: AbstractProcess
    grid: AbstractGrid
    start: float | None
    evaluations: int

    def nodes(self, intervals: int) -> list[Node]:
        """The `intervals + 1` nodes of the grid, from noise to data."""
        return Node.along(self.process, self.grid.times(self.process, intervals, self.start))


class Outcome(eqx.Module):
    """What an adaptive method hands to the verb; `time` is how far it came."""

    x: Any
    result: Result
    stats: dict[str, Any]
    time: Any


class AbstractSampler(Method):
    """A method of `diffusion.sample`."""


# Tracing is Python, a fraction of a millisecond a step: more is a mistake.
_MOST_STEPS = 100_000


class AbstractPlanned(AbstractSampler):
    """A sampler that is linear in states, outputs and noises and so compiles to a plan.

    A subclass has the fields `steps` (the number of network evaluations that it may spend) and `grid`, and writes its
    algorithm in `integrate`.
    """

    steps: eqx.AbstractVar[int]
    grid: eqx.AbstractVar[AbstractGrid]

    @property
    def minimum_steps(self) -> int:
        """The smallest `steps` with which the method can do anything."""
        return 1 + self.grid.denoises

    def __check_init__(self):
        if not isinstance(self.grid, AbstractGrid):
            raise TypeError(f"grid must be a time grid such as LogSNR(), got {type(self.grid).__name__}")
        if check_integer("steps", self.steps, minimum=self.minimum_steps) > _MOST_STEPS:
            raise ValueError(f"steps must be at most {_MOST_STEPS}, got {self.steps}")

    @abc.abstractmethod
    def integrate(self, x: Any, evaluate: Tracer, path: Path) -> Any:
        """The state at the end of the path, written with `+`, `-` and scaling on `x` and on what `evaluate` gives."""

    def path(self, process: AbstractProcess, start: float | None = None) -> Path:
        """The path of a run."""
        return Path(process, self.grid, start, self.steps - self.grid.denoises)

    @remembered
    def plan(self, process: AbstractProcess, start: float | None = None) -> Plan:
        """Compile to a plan for a process; see `diffusion.plan`."""
        tracer = Tracer()
        path = self.path(process, start)
        # Steps that do not exist (an expansion where alpha is 0) come out non-finite and are refused by build_plan.
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            x = self.integrate(tracer.start, tracer, path)
        if self.grid.denoises:
            x = tracer.data(x, Node.at(process, self.grid.end(process)))
        return build_plan(tracer, [x], process, self.grid.begin(process, start))


class AbstractInvertible(AbstractPlanned):
    """A planned sampler that can also be run from data to noise.

    Its latent is one or several states, which `ascend` computes and `resume` samples from again.
    """

    @property
    @abc.abstractmethod
    def latent_states(self) -> int:
        """Number of states of a latent."""

    @abc.abstractmethod
    def nodes(self, path: Path) -> list[Node]:
        """The nodes of a run along the path, from noise to data."""

    @abc.abstractmethod
    def resume(self, states: list[Any], evaluate: Tracer, path: Path) -> Any:
        """The state at the end of the path, from a latent."""

    @abc.abstractmethod
    def ascend(self, x: Any, evaluate: Tracer, path: Path) -> list[Any]:
        """The latent of the state `x` at the end of the path."""

    def ascend_pair(self, x: Any, before: Any, evaluate: Tracer, path: Path) -> list[Any]:
        """The latent of the last state `x` of a run and the one before it; for methods that have two states."""
        raise ValueError(f"before has no meaning for {type(self).__name__}, whose inversion starts from one state")

    @abc.abstractmethod
    def amplification(self, nodes: list[Node]) -> float:
        """By how much an inversion along the nodes amplifies rounding."""

    @remembered
    def resume_plan(self, process: AbstractProcess, start: float | None = None) -> Plan:
        """Compile sampling from a latent."""
        tracer = Tracer(self.latent_states)
        x = self.resume(tracer.starts, tracer, self.path(process, start))
        return build_plan(tracer, [x], process, self.grid.begin(process, start))

    @remembered
    def inversion_plan(self, process: AbstractProcess, start: float | None = None, pair: bool = False) -> Plan:
        """Compile the way from data, or from the last `pair` of states of a run, to a latent."""
        tracer = Tracer(1 + pair)
        climb: Any = self.ascend_pair if pair else self.ascend
        states = climb(*tracer.starts, tracer, self.path(process, start))
        return build_plan(tracer, states, process, self.grid.end(process))


class AbstractUnplanned(AbstractSampler):
    """A sampler whose steps depend on the states, such as one with step-size control. Needs a JAX model."""

    @abc.abstractmethod
    def solve(
        self,
        denoiser: Denoiser,
        prediction: AbstractPrediction,
        process: AbstractProcess,
        x: Any,
        start: float,
        condition: Any,
    ) -> Outcome:
        """Integrate from `start` to the end of the process, inside `jit`."""


class AbstractPrepared(AbstractSampler):
    """A sampler that makes a late state out of noise by itself, and leaves the rest of the way to another one."""

    start_time: eqx.AbstractVar[float]
    inner: eqx.AbstractVar[AbstractPlanned]

    @abc.abstractmethod
    def prepare(self, noise: Any) -> Any:
        """The state at `start_time` from standard normal noise of shape `(batch, *shape)`, of any framework."""


def posterior_std(s: Node, t: Node) -> float:
    """Standard deviation of `x_t` given `x_s` and `x_0`, for `t` nearer to the data than `s`.

    Source: Ho et al. 2020, equation 7, for any `alpha`, `sigma`.
    """
    variance = s.sigma**2 - (s.alpha / t.alpha) ** 2 * t.sigma**2
    return float(t.sigma / s.sigma * np.sqrt(variance))
