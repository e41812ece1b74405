"""USF: a sampler whose solver is chosen anew at every step.

Liu, Ning, Yang & Wang 2024, *A Unified Sampling Framework for Solver Searching of Diffusion Probabilistic Models*,
arXiv 2312.07243. Every step of a `SolverSchedule` is

    x_t = decay x_s + sum_q w_q F_q,     F_q the noise or the data prediction at an evaluated point q,

with the weights of `_schedule_weights`; with a corrector it is done once more after the evaluation at `t`, which is
then among the points. DDIM, DPM-Solver, DPM-Solver++ and UniPC are schedules.
"""

from typing import ClassVar

from ..core import Paper, check_instance
from . import _papers
from ._process import AbstractProcess
from ._schedule import AtHalfLogSNR, SolverSchedule
from ._scheduled import AbstractScheduled


class USF(AbstractScheduled):
    """The sampler that carries out a solver schedule.

    **Arguments:** `schedule`: what to do at every step, written by hand, found by `diffusion.search`, made of another
    sampler by `solver_schedule`, or read with `SolverSchedule.from_json`.

    **Returns:** a frozen method for `diffusion.sample`.

    **Raises:** `TypeError` when `schedule` is none; when used, `ValueError` where the process does not reach its nodes.

    Source: Liu et al. 2024, arXiv 2312.07243.

    >>> import jax
    >>> from perturbax import diffusion
    >>> schedule = diffusion.SolverSchedule([-5.0, -1.0, 2.0, 4.5], orders=[1, 2, 3], predictions="data")
    >>> problem = diffusion.Sampling(lambda x, t: 0.5 * x, diffusion.VPLinear(), shape=(2,))
    >>> diffusion.sample(problem, diffusion.USF(schedule), key=jax.random.key(0)).stats["evaluations"]
    3
    """

    schedule: SolverSchedule

    papers: ClassVar[tuple[Paper, ...]] = (_papers.USF,)

    def __init__(self, schedule: SolverSchedule):
        self.schedule = check_instance("schedule", schedule, SolverSchedule, "a diffusion.SolverSchedule")

    @property
    def steps(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Network evaluations."""
        return self.schedule.evaluations

    @property
    def grid(self) -> AtHalfLogSNR:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The nodes."""
        return self.schedule.grid

    def schedule_for(self, process: AbstractProcess, start: float | None = None) -> SolverSchedule:
        return self.schedule
