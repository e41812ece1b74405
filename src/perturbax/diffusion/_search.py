"""`search`: find the solver schedule that samples best at a given cost. The verb, its methods' interface, its result.

Three sets of noise are kept apart. Candidates are scored on the first; the best of them are scored again on the second,
the validation set, which chooses; the third, the test set, is looked at once, for the score that is reported. A budget
counts every candidate that is scored on the first or the second set.
"""

import abc
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Float, Int

from ..core import Method, check_choice, check_instance, check_integer, check_key, check_number
from ..core import progress as progress_bar
from ._archive import Archive, load_archive, save_archive, signature_of
from ._evolution import DECISIONS, Space
from ._presets import known_schedules
from ._sample import Sampling
from ._schedule import FINALS, SolverSchedule
from ._score_schedules import TRAJECTORY_ERROR, ScoredSet, runners_of, settle_score
from ._scores import AbstractScore
from ._search_runner import CHUNK, Runner

# Candidates that the validation set chooses from.
FINALISTS = 10


class Proposal(NamedTuple):
    """What a method wants to be scored, and what finding it cost besides, in evaluations of a candidate."""

    schedules: list[SolverSchedule]
    predicted: list[float] | None = None
    cost: int = 0


class Objective(NamedTuple):
    """What a method may ask besides scores: the runner, the score and its reference, for gradients."""

    runner: Runner
    score: AbstractScore
    reference: Any


class AbstractSearch(Method):
    """A method of `diffusion.search`: proposes candidates, given those that were scored."""

    steps: eqx.AbstractVar[int]
    budget: eqx.AbstractVar[int]
    decisions: eqx.AbstractVar[tuple[str, ...]]
    final: eqx.AbstractVar[Literal["eps", "zero"]]

    def __check_init__(self):
        check_choice("final", self.final, FINALS)
        check_integer("steps", self.steps, minimum=1 + (self.final == "zero"))
        check_integer("budget", self.budget, minimum=1)
        if isinstance(self.decisions, str) or not self.decisions:
            raise TypeError(f"decisions must be a tuple of some of {DECISIONS}, got {self.decisions!r}")
        for i, name in enumerate(self.decisions):
            check_choice(f"decisions[{i}]", name, DECISIONS)

    @abc.abstractmethod
    def propose(
        self, archive: Archive, space: Space, generation: int, rng: np.random.Generator, objective: Objective, left: int
    ) -> Proposal:
        """The candidates of a generation, from 1, of which `left` can be paid. What is returned may depend on nothing
        but the arguments, so that a search that was stopped goes on as if it had not been."""


class SearchResult(eqx.Module):
    """What `search` returns.

    - `schedule`: the best on the validation set; `validation_score`, `test_score`: its scores there and on the test
      set.
    - `preset`: name of the known solver that was best on the search set; `preset_schedule`, `preset_test_score`.
    - `history`: the lowest score so far, on the search set, after every candidate.
    - `scores`, `schedules`, `generations`: of all candidates, in the order in which they were scored; `costs`: what had
      been spent of the budget after each.
    - `predictor_rank_correlation`: Spearman's, between what the predictor said of its proposals before they were scored
      and their scores, averaged over the generations; `None` without a predictor.
    - `stats`: `"evaluations"` spent of the budget, `"generations"`, `"seconds"` of this call.
    """

    schedule: SolverSchedule
    validation_score: float
    test_score: float
    preset: str
    preset_schedule: SolverSchedule
    preset_test_score: float
    history: Float[np.ndarray, " candidates"]
    scores: Float[np.ndarray, " candidates"]
    schedules: tuple[SolverSchedule, ...]
    generations: Int[np.ndarray, " candidates"]
    costs: Int[np.ndarray, " candidates"]
    predictor_rank_correlation: float | None
    stats: dict[str, Any]


def search(
    problem: Sampling,
    method: AbstractSearch,
    *,
    key: Any,
    score: AbstractScore | Callable = TRAJECTORY_ERROR,
    samples: int = 96,
    validation: int = 96,
    test: int = 256,
    x_T: Any = None,
    repeats: int = 1,
    chunk: int = CHUNK,
    seconds: float | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    resume: bool = True,
    devices: Any = None,
    progress: bool | None = None,
) -> SearchResult:
    """Find a solver schedule for a model: the network is not trained, only the steps of its sampler are chosen.

    The known solvers on four grids are scored first, and what is found is never worse than them on the validation set.

    **Arguments:**

    - `problem`: what to sample from. A condition has a leading axis of 1 or of `samples + validation + test`.
    - `method`: `S3(steps=5)`, `Evolution`, `RandomSearch` or `GradientTimes`.
    - `key`: PRNG key of the noise and of the search.
    - `score`: `TrajectoryError()`, `Frechet(features, real)`, or any function from samples `(batch, *shape)` to a
      number, smaller being better. NaN is the worst score.
    - `samples`, `validation`, `test`: sizes of the three sets of noise.
    - `x_T`: all starts at once, `samples + validation + test` of them; for a model of another framework arrays of that
      framework, whose schedules are then run one by one, which is slower.
    - `repeats`: average a score that is not deterministic over so many calls.
    - `chunk`: candidates that are sampled in one call; fewer for a network that fills the memory by itself.
    - `seconds`: stop proposing after this wall time, also with budget left.
    - `checkpoint`: a JSON file that the state is kept in after every generation; with `resume` a search that was
      stopped goes on from it to the same result.
    - `devices`: over which candidates are split; all local ones by default.
    - `progress`: as `show` of `core.progress`.

    **Returns:** a `SearchResult`.

    **Raises:** `ValueError` or `TypeError` for arguments that do not fit, such as a budget that the known solvers use
    up, or a checkpoint of another search.

    Source: Liu et al. 2024, arXiv 2312.07243.

    >>> from perturbax import diffusion
    >>> process = diffusion.VPLinear()
    >>> exact = lambda x, t: process.sigma(t) * x / (0.25 * process.alpha(t) ** 2 + process.sigma(t) ** 2)  # N(0, 1/4)
    >>> problem = diffusion.Sampling(exact, process, shape=(2,))
    >>> found = diffusion.search(problem, diffusion.Evolution(steps=3, budget=90), key=jax.random.key(0))
    >>> found.schedule.evaluations, found.stats["evaluations"]
    (3, 90)
    """
    started = time.monotonic()
    check_instance("problem", problem, Sampling, "a diffusion.Sampling problem")
    check_instance("method", method, AbstractSearch, "a search method such as S3()")
    check_key("key", key)
    score = settle_score(score)
    sizes = {"samples": samples, "validation": validation, "test": test}
    sizes = {name: check_integer(name, size, minimum=2) for name, size in sizes.items()}
    repeats = check_integer("repeats", repeats, minimum=1)
    limit = np.inf if seconds is None else check_number("seconds", seconds, minimum=0.0)
    known = known_schedules(method.steps, problem.process, method.final, problem.start)
    space = space_of(problem, method)
    left = method.budget - len(known) - FINALISTS
    if left < 1:
        raise ValueError(
            f"budget must be more than {len(known) + FINALISTS}, for the {len(known)} known solvers and {FINALISTS} "
            f"validations, got {method.budget}"
        )
    runners = runners_of(problem, x_T, key, sizes, devices, check_integer("chunk", chunk, minimum=1))
    sets = [ScoredSet(runner, score, repeats, method.final) for runner in runners]
    objective = Objective(sets[0].runner, score, sets[0].reference)
    path = None if checkpoint is None else Path(checkpoint)
    signature = signature_of(problem, method, key, {**sizes, "repeats": repeats}, score, x_T, tuple(known.values()))
    archive = load_archive(path, signature) if path is not None and resume and path.exists() else Archive()

    def extend(archive: Archive, proposal: Proposal, generation: int) -> Archive:
        count = len(proposal.schedules)
        predicted = proposal.predicted or [np.nan] * count
        archive = Archive(
            (*archive.schedules, *proposal.schedules),
            (*archive.scores, *sets[0].scores(proposal.schedules)),
            (*archive.generations, *[generation] * count),
            (*archive.predicted, *predicted),
            (*archive.costs, *(archive.spent + proposal.cost + i + 1 for i in range(count))),
        )
        if path is not None:
            save_archive(path, archive, signature)
        return archive

    words = np.random.SeedSequence(np.asarray(_words(key)).tolist()).generate_state(4).tolist()
    with progress_bar(method.budget - FINALISTS, "search", show=progress) as bar:
        if not archive.schedules:
            archive = extend(archive, Proposal(list(known.values())), 0)
        bar.advance(archive.spent)
        generation = archive.generations[-1]
        while (left := method.budget - FINALISTS - archive.spent) > 0 and time.monotonic() - started < limit:
            generation += 1
            rng = np.random.default_rng([*words, generation])
            proposal = method.propose(archive, space, generation, rng, objective, left)
            if not proposal.schedules:
                break
            before, archive = archive.spent, extend(archive, proposal, generation)
            bar.advance(archive.spent - before)
            bar.update(best=min(archive.scores))
    names = list(known)
    preset = names[int(np.argmin(archive.scores[: len(names)]))]
    # The best known solver is always among those that the validation set chooses from.
    finalists = [known[preset], *(one for one in archive.best(FINALISTS) if one != known[preset])][:FINALISTS]
    validated = sets[1].scores(finalists)
    chosen = int(np.argmin(validated))
    tested = sets[2].scores([finalists[chosen], known[preset]])
    return SearchResult(
        schedule=finalists[chosen],
        validation_score=validated[chosen],
        test_score=tested[0],
        preset=preset,
        preset_schedule=known[preset],
        preset_test_score=tested[1],
        history=np.minimum.accumulate(np.array(archive.scores)),
        scores=np.array(archive.scores),
        schedules=archive.schedules,
        generations=np.array(archive.generations),
        costs=np.array(archive.costs),
        predictor_rank_correlation=_rank_correlation(archive),
        stats={
            "evaluations": archive.spent + len(finalists),
            "generations": generation,
            "seconds": time.monotonic() - started,
        },
    )


def space_of(problem: Sampling, method: AbstractSearch) -> Space:
    """What a method may vary on a problem.

    **Raises:** `ValueError` when the ends have no finite half log-SNR.
    """
    process = problem.process
    start = process.t_max if problem.start is None else problem.start
    low, high = (float(process.half_log_snr(t)) for t in (start, process.t_min))
    if not np.isfinite(low) or not np.isfinite(high):
        raise ValueError("problem must start where alpha > 0 and end where sigma > 0 for a search; give it a start")
    return Space(method.steps, low, high, method.final, tuple(method.decisions))


def _words(key: Any) -> Any:
    return jax.random.key_data(key) if jax.dtypes.issubdtype(key.dtype, jax.dtypes.prng_key) else key


def _rank_correlation(archive: Archive) -> float | None:
    from scipy.stats import spearmanr

    found = []
    generations, predicted, scores = (np.array(archive[i]) for i in (2, 3, 1))
    for generation in np.unique(generations):
        own = (generations == generation) & np.isfinite(predicted)
        if own.sum() > 2:
            found.append(spearmanr(predicted[own], scores[own]).statistic)
    return float(np.nanmean(found)) if found and np.isfinite(found).any() else None
