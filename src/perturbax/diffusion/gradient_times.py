"""Solver schedules by gradient descent through the sampler: the nodes and the coefficients of the relaxations.

An extension: Liu et al. 2024 search these without gradients; that nodes can be optimised is the idea of AMED and GITS
(Zhou et al. 2024, arXiv 2312.00094; Chen et al. 2024, arXiv 2405.11326). With the gaps between nodes as a softmax of
`g`, which keeps them in order,

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
from ._archive import Archive
from ._evolution import Space
from ._plan import run_scanned
from ._population import stack_schedules
from ._sample import conversions_of, settle_denoiser
from ._schedule import SolverSchedule
from ._scores import TrajectoryError
from ._search import AbstractSearch, Objective, Proposal

# A reverse sweep costs about twice the forward one, which it needs too.
_COST_OF_GRADIENT = 3
# Coefficients are some hundredths where the logarithms of the gaps are of order 1.
_COEFFICIENT_RATE = 0.1
_STEP = 1e-5


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

    Source: derived here, see the module; the idea is that of Zhou et al. 2024 (AMED), arXiv 2312.00094.

    >>> from perturbax import diffusion
    >>> diffusion.GradientTimes(steps=5).updates
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

    def _descended(self, start: SolverSchedule, objective: Objective, updates: int) -> SolverSchedule:
        gaps, steps = np.diff(start.half_log_snr), start.steps
        theta = np.concatenate([np.log(gaps / gaps.sum()), start.coefficients])
        free = [1.0 * ("time" in self.decisions), _COEFFICIENT_RATE * ("relaxation" in self.decisions)]
        rates = np.repeat(free, steps)
        optimizer = optax.adam(optax.cosine_decay_schedule(self.learning_rate, self.updates))
        state, best = optimizer.init(theta), (np.inf, theta)
        for _ in range(updates):
            loss, gradient = _loss_and_gradient(start, theta, objective)
            if loss < best[0]:
                best = (loss, theta)
            changes, state = optimizer.update(gradient, state)
            theta = theta + rates * np.asarray(changes, np.float64)
        return _moved(start, best[1])


def _moved(start: SolverSchedule, theta: np.ndarray) -> SolverSchedule:
    """The schedule of parameters `(g, c)`; the ends stay."""
    logits, coefficients = np.split(theta, 2)
    shares = np.exp(logits - logits.max())
    first, *_, last = start.half_log_snr
    inner = first + (last - first) * np.cumsum(shares / shares.sum())[:-1]
    fields = {name: getattr(start, name) for name in start.__dataclass_fields__}
    return SolverSchedule(**fields | {"half_log_snr": (first, *inner, last), "coefficients": tuple(coefficients)})


def _loss_and_gradient(start: SolverSchedule, theta: np.ndarray, objective: Objective) -> tuple[float, np.ndarray]:
    """The chain rule through the plan: JAX differentiates the loss by the plan's numbers, and these are differentiated
    by the parameters with central differences in float64, which takes a millisecond and compiles nothing."""
    runner, count = objective.runner, theta.size
    around = np.concatenate([theta[None], theta + _STEP * np.eye(count), theta - _STEP * np.eye(count)])
    stack = stack_schedules([_moved(start, one) for one in around], runner.problem.process)
    numbers = stack.plans.mix, stack.rows(runner.problem.prediction, conversions_of(runner.problem))
    plan, (mix, rows) = (
        jax.tree.map(lambda leaf: leaf[0] if isinstance(leaf, np.ndarray) else leaf, tree)
        for tree in (stack.plans, numbers)
    )
    denoiser, condition = settle_denoiser(runner.problem, runner.x_T, foreign=False)
    cast = jax.tree.map(lambda leaf: jnp.asarray(leaf, runner.x_T.dtype), (mix, rows))
    loss, by_numbers = _differentiated(
        cast, plan, objective.score, denoiser, condition, runner.x_T, jnp.asarray(objective.reference)
    )
    gradient = np.zeros(count)
    for leaf, slope in zip(jax.tree.leaves(numbers), jax.tree.leaves(by_numbers), strict=True):
        change = (leaf[1 : 1 + count] - leaf[1 + count :]) / (2.0 * _STEP)
        gradient += (change * np.asarray(slope, np.float64)).reshape(count, -1).sum(1)
    return float(loss), gradient


@eqx.filter_jit
def _differentiated(
    numbers: Any, plan: Any, score: Any, denoiser: Any, condition: Any, x: Any, reference: Any
) -> tuple[Any, Any]:
    def loss(numbers: Any) -> Any:
        mix, rows = numbers
        moved = eqx.tree_at(lambda p: p.mix, plan, mix)
        return score.loss(run_scanned(moved, denoiser, rows, x, None, condition).x, reference)

    return jax.value_and_grad(loss)(numbers)
