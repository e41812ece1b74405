"""Scores of many schedules on one set of noise."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from jaxtyping import Float

from ..core import check_instance, check_integer, check_key
from ._door import check_drawable, settle_start
from ._noise import start_noise
from ._sample import Sampling
from ._schedule import SolverSchedule
from ._scores import AbstractScore, Metric, TrajectoryError
from ._search_runner import CHUNK, Runner, part_of

TRAJECTORY_ERROR = TrajectoryError()


def score_schedules(
    problem: Sampling,
    schedules: Sequence[SolverSchedule],
    *,
    key: Any = None,
    score: AbstractScore | Callable = TRAJECTORY_ERROR,
    samples: int | None = None,
    x_T: Any = None,
    repeats: int = 1,
    chunk: int = CHUNK,
    devices: Any = None,
) -> Float[np.ndarray, " schedules"]:
    """Score many schedules from the same starts, in one program for a JAX model.

    **Arguments:** `schedules`: all with the same `final`; `samples`: as many as `x_T` has, or 96; the others as for
    `search`, with one set of noise, which is the search's own when `key` and `samples` are.

    **Returns:** a score for each schedule, infinite where it is NaN.

    **Raises:** `ValueError` or `TypeError` for arguments that do not fit.

    >>> from perturbax import diffusion
    >>> problem = diffusion.Sampling(lambda x, t: 0.5 * x, diffusion.VPLinear(), shape=(2,))
    >>> known = diffusion.known_schedules(4, problem.process)
    >>> scores = score_schedules(problem, list(known.values()), key=jax.random.key(0), samples=16)
    >>> list(known)[int(scores.argmin())]
    '3S++, TimeUniform'
    """
    check_instance("problem", problem, Sampling, "a diffusion.Sampling problem")
    if not schedules:
        raise ValueError("schedules must hold at least one schedule, got none")
    start = problem.process.half_log_snr(problem.process.t_max if problem.start is None else problem.start)
    for i, schedule in enumerate(schedules):
        check_instance(f"schedules[{i}]", schedule, SolverSchedule, "a diffusion.SolverSchedule")
        if schedule.final != schedules[0].final:
            raise ValueError(f"schedules must all have the same final, got {schedule.final!r} at {i}")
        if not np.isclose(schedule.half_log_snr[0], start, rtol=1e-6, atol=1e-6):
            raise ValueError(
                f"schedules[{i}] must begin where the problem starts, at half log-SNR {float(start):.6g}, got "
                f"{schedule.half_log_snr[0]:.6g}"
            )
    if x_T is None:
        check_key("key", key)
        samples = 96 if samples is None else samples
    else:
        x_T = settle_start(x_T, problem.shape)
        samples = x_T.shape[0] if samples is None else samples
    sizes = {"samples": check_integer("samples", samples, minimum=2)}
    repeats = check_integer("repeats", repeats, minimum=1)
    (runner,) = runners_of(problem, x_T, key, sizes, devices, check_integer("chunk", chunk, minimum=1))
    return np.array(ScoredSet(runner, settle_score(score), repeats, schedules[0].final).scores(schedules))


def settle_score(score: Any) -> AbstractScore:
    if isinstance(score, AbstractScore):
        return score
    if isinstance(score, type) or not callable(score):
        raise TypeError(f"score must be a function of the samples or TrajectoryError(), got {score!r}")
    return Metric(score)


class ScoredSet:
    """A set of noise, and the scores of schedules on it."""

    def __init__(self, runner: Runner, score: AbstractScore, repeats: int, final: Any):
        self.runner = runner
        self._score, self._repeats = score, repeats
        self.reference = score.reference(self.runner.sampled, final)

    def scores(self, schedules: Sequence[SolverSchedule]) -> list[float]:
        """A number for each schedule, infinite where there is none."""
        return [self._one(x) for x in self.runner.samples(schedules)]

    def _one(self, x: np.ndarray) -> float:
        if not np.isfinite(x).all():
            return np.inf
        values = [float(self._score(x, self.reference)) for _ in range(self._repeats)]
        mean = float(np.mean(values))
        return np.inf if np.isnan(mean) else mean


def runners_of(problem: Sampling, x_T: Any, key: Any, sizes: dict[str, int], devices: Any, chunk: int) -> list[Runner]:
    """Disjoint sets of starts of the given sizes, each with its part of the problem's conditions."""
    total, start = sum(sizes.values()), problem.process.t_max if problem.start is None else problem.start
    if x_T is None:
        check_drawable(problem.process, start)
        std = np.float32(problem.process.sigma(start))
        x_T = start_noise(key, np.uint32(0), (total, *problem.shape), std, problem.process.noise)
    else:
        x_T = settle_start(x_T, problem.shape)
        if x_T.shape[0] != total:
            raise ValueError(f"x_T must hold {' + '.join(sizes)} = {total} starts, got {x_T.shape[0]}")
    local = jax.local_devices() if devices is None else list(devices)
    runners, first = [], 0
    for size in sizes.values():
        runners.append(Runner(part_of(problem, first, size, total), x_T[first : first + size], local, chunk))
        first += size
    return runners
