"""Running many schedules: one compiled program for JAX models, one schedule after the other for those of others."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from ..core import raise_if_failed
from ._denoise import AbstractGuidance, ClassifierFree
from ._population import PlanStack, run_stack, stack_plans, stack_schedules
from ._sample import Sampling, conversions_of, run_plan, settle_denoiser
from ._schedule import SolverSchedule
from .usf import USF

# Candidates in one call unless told otherwise: enough to amortise it, few enough that the states stay in a
# processor's cache.
CHUNK = 8


class Runner:
    """Samples of schedules from fixed starts. `devices`: over which the `chunk` schedules of a call are split."""

    def __init__(self, problem: Sampling, x_T: Any, devices: Sequence[Any] = (), chunk: int = CHUNK):
        self.problem, self.x_T = problem, x_T
        self.foreign = not isinstance(x_T, jax.Array)
        mesh = Mesh(np.array(devices), ("schedule",)) if len(devices) > 1 else None
        self._sharding = None if mesh is None else NamedSharding(mesh, PartitionSpec("schedule"))
        self._chunk = chunk if mesh is None else -(-chunk // mesh.size) * mesh.size

    def sampled(self, method: Any) -> Any:
        """Samples of one sampler; raises where the model is not finite."""
        samples, where = run_plan(self.problem, method.plan(self.problem.process, self.problem.start), self.x_T, None)
        raise_if_failed(samples.result, f"the reference of the score{where}")
        return samples.x

    def samples(self, schedules: Sequence[SolverSchedule]) -> list[np.ndarray]:
        """Samples of every schedule as NumPy arrays; what is not finite stays so."""
        if self.foreign:
            return [self._one(schedule) for schedule in schedules]
        found: list[np.ndarray] = []
        steps = max(schedule.evaluations for schedule in schedules) + 1
        for first in range(0, len(schedules), self._chunk):
            some = list(schedules[first : first + self._chunk])
            # One shape for every chunk, so that one program serves them all.
            full = some + some[-1:] * (self._chunk - len(some))
            found += list(np.asarray(self._together(full, steps)))[: len(some)]
        return found

    def _one(self, schedule: SolverSchedule) -> np.ndarray:
        samples, _ = run_plan(self.problem, USF(schedule).plan(self.problem.process), self.x_T, None)
        return np.asarray(samples.x.detach().cpu() if hasattr(samples.x, "detach") else samples.x)

    def _together(self, schedules: list[SolverSchedule], steps: int) -> Any:
        problem = self.problem
        if any("implicit" in schedule.correctors for schedule in schedules):
            stack = stack_plans([USF(schedule).plan(problem.process) for schedule in schedules])
        else:
            stack = stack_schedules(schedules, problem.process, steps)
        rows, dtype = stack.rows(problem.prediction, conversions_of(problem)), self.x_T.dtype
        rows = jax.tree.map(lambda column: jnp.asarray(column, dtype), rows)
        denoiser, condition = settle_denoiser(problem, self.x_T, foreign=False)
        plans = self._spread(stack)
        return run_stack(plans, denoiser, rows, self.x_T, condition)

    def _spread(self, stack: PlanStack) -> Any:
        if self._sharding is None:
            return stack.plans
        sharding = self._sharding
        return jax.tree.map(
            lambda leaf: jax.device_put(leaf, sharding) if isinstance(leaf, np.ndarray) else leaf, stack.plans
        )


def part_of(problem: Sampling, first: int, count: int, total: int) -> Sampling:
    """The problem of samples `first ... first + count - 1` of all: its conditions are cut like the starts."""

    def cut(leaf: Any) -> Any:
        if len(getattr(leaf, "shape", ())) == 0 or leaf.shape[0] == 1:
            return leaf
        if leaf.shape[0] != total:
            raise ValueError(
                f"condition must have a leading axis of 1 or of all samples of the search, {total}, got {leaf.shape[0]}"
            )
        return leaf[first : first + count]

    guidance: AbstractGuidance | None = problem.guidance
    if isinstance(guidance, ClassifierFree):
        guidance = ClassifierFree(guidance.scale, jax.tree.map(cut, guidance.unconditional))
    condition = jax.tree.map(cut, problem.condition)
    return Sampling(
        problem.model, problem.process, problem.shape, problem.prediction, condition, guidance, problem.corrector,
        problem.start,
    )  # fmt: skip
