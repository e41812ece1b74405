"""Solver schedules by gradient descent through the sampler: the nodes and the coefficients of the relaxations.

An extension: Liu et al. 2023 search these without gradients; that nodes can be optimised is the idea of AMED and GITS
(Zhou et al. 2024, Chen et al. 2024). With the gaps between nodes as a softmax of `g`, which keeps them in order,

    lambda_i = lambda_0 + (lambda_S - lambda_0) cumsum(softmax(g))_i,     (g, c) <- Adam on the loss of the score

for the plan is linear in the network's outputs, with weights that are smooth in `lambda` and `c`.
"""

from typing import Any, ClassVar, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax

from ..core import Paper, check_instance, check_integer, check_number
from . import _papers
from ._denoise import conversion_row
from ._evolution import Space
from ._plan import run_scanned
from ._population import assemble
from ._sample import settle_denoiser
from ._schedule import SolverSchedule
from ._schedule_weights import decisions_of
from ._scores import TrajectoryError
from ._search import AbstractSearch, Archive, Objective, Proposal
from ._search_runner import through

# A reverse sweep costs about twice the forward one, which it needs too.
_COST_OF_GRADIENT = 3


class GradientTimes(AbstractSearch):
    """Adam on nodes and relaxations, from the best known solvers one after the other, or from a given schedule.

    Needs a JAX model and `TrajectoryError`. A gradient is counted as 3 evaluations of a candidate.

    **Arguments:**

    - `steps`: network evaluations of the schedules.
    - `budget`: how many candidates may be scored, the known solvers and the validation of the best ones included.
    - `updates`: steps of Adam from one start.
    - `learning_rate`: of the logarithms of the gaps; a tenth of it for the coefficients.
    - `initial`: start from this schedule instead, to polish what another search has found.
    - `decisions`: `"time"`, `"relaxation"` or both.
    - `final`: `"zero"` ends with the data prediction at the last node, `"eps"` at the process's smallest time.

    **Returns:** a frozen method for `diffusion.search`.

    **Raises:** `ValueError` or `TypeError` for a parameter out of range.

    Source: derived here, see the module; Zhou et al. 2024, section 3 (AMED) for the idea.

    >>> GradientTimes(steps=5).updates
    20
    """

    steps: int = 5
    budget: int = 300
    updates: int = 20
    learning_rate: float = 0.05
    initial: SolverSchedule | None = None
    decisions: tuple[str, ...] = ("time", "relaxation")
    final: Literal["eps", "zero"] = "eps"

    papers: ClassVar[tuple[Paper, ...]] = (_papers.AMED, _papers.USF)

    def __check_init__(self):
        check_integer("updates", self.updates, minimum=1)
        check_number("learning_rate", self.learning_rate, minimum=0.0, exclusive=True)
        if not set(self.decisions) <= {"time", "relaxation"}:
            raise ValueError(f'decisions must be of "time" and "relaxation" for gradients, got {self.decisions}')
        if self.initial is not None:
            check_instance("initial", self.initial, SolverSchedule, "a diffusion.SolverSchedule")
            if self.initial.evaluations != self.steps or self.initial.final != self.final:
                raise ValueError(
                    f"initial must spend {self.steps} evaluations and end with final={self.final!r}, got "
                    f"{self.initial.evaluations} and {self.initial.final!r}"
                )

    def propose(
        self, archive: Archive, space: Space, generation: int, rng: np.random.Generator, objective: Objective, left: int
    ) -> Proposal:
        if objective.runner.foreign:
            raise TypeError("GradientTimes differentiates the model and needs a JAX model and x_T as a JAX array")
        if not isinstance(objective.score, TrajectoryError):
            raise TypeError(f"score must be TrajectoryError() for GradientTimes, got {type(objective.score).__name__}")
        updates = min(self.updates, (left - 1) // _COST_OF_GRADIENT)
        known = [i for i, made in enumerate(archive.generations) if made == 0]
        start = self._start(archive, known, generation)
        if updates < 1 or start is None:
            return Proposal([])
        return Proposal([self._descended(start, objective, updates)], cost=_COST_OF_GRADIENT * updates)

    def _start(self, archive: Archive, known: list[int], generation: int) -> SolverSchedule | None:
        if self.initial is not None:
            return self.initial if generation == 1 else archive.best(1)[0]
        ranked = sorted(known, key=lambda i: archive.scores[i])
        ranked = [i for i in ranked if "implicit" not in archive.schedules[i].correctors]
        return archive.schedules[ranked[generation - 1]] if generation <= len(ranked) else None

    def _descended(self, schedule: SolverSchedule, objective: Objective, updates: int) -> SolverSchedule:
        runner = objective.runner
        problem, x = runner.problem, runner.x_T
        denoiser, condition = settle_denoiser(problem, x, foreign=False)
        table = jax.tree.map(lambda column: jnp.asarray(column[0]), decisions_of([schedule]))
        gaps = np.diff(schedule.half_log_snr)
        theta = (
            jnp.asarray(np.log(gaps / gaps.sum()), jnp.float32),
            jnp.asarray(schedule.coefficients, jnp.float32),
        )
        free = ("time" in self.decisions, "relaxation" in self.decisions)
        descent = _Descent(problem.process, problem.prediction, through(problem), schedule.analytic_first_step,
                           schedule.final, schedule.evaluations, objective.score, updates, self.learning_rate, free)  # fmt: skip
        ends = jnp.asarray([schedule.half_log_snr[0], schedule.half_log_snr[-1]])
        logits, coefficients = descent(theta, table, ends, denoiser, condition, x, jnp.asarray(objective.reference))
        shares = np.asarray(jax.nn.softmax(logits), np.float64)
        inner = schedule.half_log_snr[0] + (schedule.half_log_snr[-1] - schedule.half_log_snr[0]) * np.cumsum(shares)
        nodes = (schedule.half_log_snr[0], *inner[:-1].tolist(), schedule.half_log_snr[-1])
        fields = {name: getattr(schedule, name) for name in schedule.__dataclass_fields__}
        fields |= {"half_log_snr": nodes, "coefficients": np.asarray(coefficients, np.float64).tolist()}
        return SolverSchedule(**fields)


class _Descent(eqx.Module):
    """The compiled descent; everything here but the learning rate belongs to the program."""

    process: Any
    prediction: Any
    through: tuple[str, ...] = eqx.field(static=True)
    skips_first: bool = eqx.field(static=True)
    final: str = eqx.field(static=True)
    stages: int = eqx.field(static=True)
    score: TrajectoryError
    updates: int = eqx.field(static=True)
    learning_rate: float = eqx.field(static=True)
    free: tuple[bool, bool] = eqx.field(static=True)

    @eqx.filter_jit
    def __call__(self, theta: Any, table: Any, ends: Any, denoiser: Any, condition: Any, x: Any, reference: Any) -> Any:
        def loss(theta: Any) -> Any:
            logits, coefficients = theta
            inner = ends[0] + (ends[1] - ends[0]) * jnp.cumsum(jax.nn.softmax(logits))[:-1]
            nodes = jnp.concatenate([ends[:1], inner, ends[1:]])
            process = self.process
            times = process.time_of_half_log_snr(nodes)
            moved = table._replace(half_log_snr=nodes, coefficient=coefficients)
            first = np.int32(self.skips_first)
            plan = assemble(moved, times, process, first, self.final == "zero", self.stages)
            rows = conversion_row(
                self.prediction, plan.times, plan.model_times, plan.alphas, plan.sigmas, plan.predicts_data
            )
            return self.score.loss(run_scanned(plan, denoiser, rows, x, None, condition).x, reference)

        scale = (1.0 * self.free[0], 0.1 * self.free[1])
        optimizer = optax.adam(optax.cosine_decay_schedule(self.learning_rate, self.updates))

        def update(carry: Any, _: Any) -> Any:
            theta, state, best, best_loss = carry
            value, gradient = jax.value_and_grad(loss)(theta)
            better = value < best_loss
            best = jax.tree.map(lambda a, b: jnp.where(better, a, b), theta, best)
            changes, state = optimizer.update(gradient, state)
            moved = jax.tree.map(lambda t, c, s: t + s * c, theta, changes, scale)
            return (moved, state, best, jnp.minimum(value, best_loss)), None

        begin = (theta, optimizer.init(theta), theta, jnp.inf)
        (_, _, best, _), _ = jax.lax.scan(update, begin, None, length=self.updates)
        return best
