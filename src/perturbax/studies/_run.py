"""Running a study: what is in the store is taken from there, the rest is run, every finished trial is kept at once."""

import contextlib
import hashlib
import inspect
import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ._backend import BACKENDS, WorkerDied, run_tasks, settle_jobs
from ._code import code_digest
from ._interrupt import interrupts
from ._owner import owner_name
from ._store import Store, StoredTrial, StoreError
from ._study import Bar, Study, Trial
from ._systems import StudySource, find_study, module_root, reference_of
from ._worker import Outcome, Task, keep

if TYPE_CHECKING:
    import os

    import pandas

_LEASE = 60.0
_POLL = 0.2


@dataclass(frozen=True)
class Failure:
    """A trial that ended with an error, and the error."""

    trial: Trial
    error: str


@dataclass(frozen=True)
class StudyRun:
    """What `run_study` returns.

    `table` has one row per finished trial in the order of the grid: the columns of the cells (`cell_names`), `seed`,
    the columns of the records. `met` is `True` or `False`, or `None` when there is no verdict (preset `"smoke"`, or a
    trial failed). `new` and `reused` count the trials that this run finished and those that it found; `seconds` is
    the time that all trials of the table took together, whenever they ran.
    """

    source: StudySource
    preset: str
    table: "pandas.DataFrame"
    cell_names: tuple[str, ...]
    bars: tuple[Bar, ...]
    met: bool | None
    failures: tuple[Failure, ...]
    new: int
    reused: int
    seconds: float
    store: str

    @property
    def study(self) -> Study:
        """The study that was run."""
        return self.source.study


def run_study(
    study: Study | str,
    preset: str = "small",
    *,
    seeds: int | None = None,
    backend: str = "loky",
    jobs: int | None = None,
    store: "str | os.PathLike[str] | None" = None,
    retry: bool = False,
    progress: bool | None = None,
) -> StudyRun:
    """Runs the trials of a study that are not in the store yet, and judges the table.

    May be stopped at any time and called again: what was finished is kept. Two runs may share a store; each trial is
    then run by one of them, and both return the whole table.

    **Arguments:**

    - `study`: a `Study`, or its name as `perturbax study run` takes it (a slug, `package.module:NAME`, a `.py` file).
    - `preset`: a name in the study's `presets`.
    - `seeds`: run every cell with the seeds 0, ..., seeds - 1 instead of the preset's own.
    - `backend`: `"loky"` (processes on this machine), `"dask"` or `"ray"` (a cluster; a local one is started when none
        is named by `DASK_SCHEDULER_ADDRESS` or `RAY_ADDRESS`), `"sequential"` (in this process).
    - `jobs`: number of workers; one per core when `None`.
    - `store`: path of a SQLite file or a database URL; the user's own when `None`.
    - `retry`: run the trials again that failed in an earlier run.
    - `progress`: show a bar; `None` shows it on terminals only.

    **Returns:**

    A `StudyRun`.

    **Raises:**

    `ValueError`/`TypeError` for an unknown study, preset or backend, or numbers out of range; `StoreError` for a
    store that cannot be used. A trial that fails raises nothing, it is in `failures`.
    """
    source = _source(study)
    declared = source.study
    _check_preset(declared, preset)
    if backend not in BACKENDS:
        raise ValueError(f"backend must be one of {', '.join(BACKENDS)}, got {backend!r}")
    _check_count("seeds", seeds)
    _check_count("jobs", jobs)
    grid = _grid(source, preset, seeds)
    opened = Store(store)
    try:
        campaign = _Campaign(source, grid, opened)
        if retry:
            opened.forget_failures(declared.slug, grid)
        campaign.run(backend, settle_jobs(jobs), progress)
        return campaign.result(preset)
    finally:
        opened.close()


def finished_run(
    study: Study | str, store: "str | os.PathLike[str] | None" = None, preset: str = "small"
) -> StudyRun | None:
    """The run of a study as a store has it, without running anything.

    **Arguments:** `study`, `preset`, `store`: as for `run_study`.

    **Returns:** a `StudyRun`, or `None` while trials of the preset are missing in the store.

    **Raises:** as `run_study`, for a study, preset or store that it refuses.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     print(finished_run("dpm-solver", f"{folder}/new.sqlite"))
    None
    """
    source = _source(study)
    _check_preset(source.study, preset)
    opened = Store(store)
    try:
        campaign = _Campaign(source, _grid(source, preset, None), opened)
        return None if campaign._left() else campaign.result(preset)
    finally:
        opened.close()


def _check_preset(study: Study, preset: str) -> None:
    if preset not in study.presets:
        raise ValueError(f"preset must be one of {', '.join(study.presets)}, got {preset!r}")


def _check_count(name: str, value: Any) -> None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
        raise ValueError(f"{name} must be an integer >= 1, got {value!r}")


def _source(study: Study | str) -> StudySource:
    if isinstance(study, str):
        return find_study(study)
    if not isinstance(study, Study):
        raise TypeError(f"study must be a Study or its name, got {type(study).__name__}")
    module = inspect.getmodule(study.run)
    path = inspect.getsourcefile(study.run)
    if module is None or path is None:
        raise ValueError(
            f"the run function of study {study.slug!r} must be in a file, so that its code can be digested"
        )
    return StudySource(study, reference_of(study, module), module_root(module), module.__name__, Path(path).resolve())


def _grid(source: StudySource, preset: str, seeds: int | None) -> dict[str, Trial]:
    """The trials by content hash, in the study's order."""
    study = source.study
    trials = list(study.trials(study.presets[preset]))
    if not trials or not all(isinstance(trial, Trial) for trial in trials):
        raise TypeError(f"trials of study {study.slug!r} must return a non-empty list of Trial")
    if seeds is not None:
        cells = {json.dumps(dict(trial.cell), sort_keys=True): trial.cell for trial in trials}
        trials = [Trial(cell, seed) for cell in cells.values() for seed in range(seeds)]
    code = code_digest(source.path, source.module, source.root, trials_only=True)
    grid: dict[str, Trial] = {}
    for trial in trials:
        content = [study.slug, study.precision, code, dict(trial.cell), trial.seed]
        hash_ = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
        if hash_ in grid:
            raise ValueError(f"trials of study {study.slug!r} has {trial.label} twice")
        grid[hash_] = trial
    return grid


@dataclass
class _Campaign:
    """One run over a grid: which trials are left, which this run holds, and what became of them."""

    source: StudySource
    grid: dict[str, Trial]
    store: Store
    owner: str = field(default_factory=owner_name)
    held: set[str] = field(default_factory=set)
    known: dict[str, StoredTrial] = field(default_factory=dict)
    new: int = 0

    @property
    def slug(self) -> str:
        return self.source.study.slug

    def run(self, backend: str, jobs: int, progress: bool | None) -> None:
        from perturbax.core import progress as progress_bar

        left = self._left()
        if not left:
            return
        with progress_bar(len(self.grid), self.slug, show=progress) as bar, _Heartbeat(self), interrupts() as check:

            def advance(count: int) -> None:
                check()
                bar.advance(count)

            bar.advance(len(self.grid) - len(left))
            try:
                while left:
                    before = self.new
                    self._pass(left, backend, jobs, advance)
                    remaining = self._left()
                    bar.advance(len(left) - len(remaining) - (self.new - before))
                    if self.new == before and len(remaining) == len(left):
                        time.sleep(_POLL)
                    left = remaining
            finally:
                if self.held:
                    self.store.release(self.slug, self.held, self.owner)

    def _left(self) -> list[str]:
        self.known = self.store.read(self.slug, self.grid)
        return [hash_ for hash_ in self.grid if hash_ not in self.known]

    def _pass(self, left: Sequence[str], backend: str, jobs: int, advance: Callable[[int], Any]) -> None:
        """Runs what can be claimed. What another runner holds is left for a later pass."""
        suspects: list[str] = []
        try:
            with contextlib.closing(run_tasks(backend, self._claimed(left), jobs)) as outcomes:
                for outcome in outcomes:
                    self._keep(outcome)
                    advance(1)
        except WorkerDied:
            suspects = sorted(self.held)
            finished = self.store.read(self.slug, suspects)
            self.held -= set(finished)
            self.new += len(finished)
            advance(len(finished))
            suspects = [hash_ for hash_ in suspects if hash_ not in finished]
        # The pool does not tell which trial took its worker down, so each one that was running is tried alone.
        for hash_ in suspects:
            try:
                outcomes = list(run_tasks(backend, iter([self._task(hash_)]), 1))
            except WorkerDied as error:
                outcomes = [Outcome(hash_, None, f"WorkerDied: {error} (killed, out of memory or a crash)", 0.0)]
            self._keep(outcomes[0])
            advance(1)

    def _claimed(self, left: Sequence[str]) -> Iterator[Task]:
        waiting = deque(left)
        while waiting:
            hash_ = waiting.popleft()
            trial = self.grid[hash_]
            self.held.add(hash_)
            if self.store.claim(self.slug, hash_, trial.cell, int(trial.seed), self.owner, lease=_LEASE):
                yield self._task(hash_)
            else:
                self.held.discard(hash_)

    def _task(self, hash_: str) -> Task:
        source = self.source
        study = source.reference or source.study
        return Task(study, source.root, self.grid[hash_], hash_, self.slug, self.owner, self.store.address)

    def _keep(self, outcome: Outcome) -> None:
        kept = outcome.kept
        if kept is None:
            kept = keep(self.store, self.slug, self.owner, outcome)
        self.held.discard(outcome.hash)
        self.new += kept

    def result(self, preset: str) -> StudyRun:
        import pandas as pd

        study, known = self.source.study, self.known
        done = {hash_: known[hash_] for hash_ in self.grid if known[hash_].status == "done"}
        failures = tuple(
            Failure(trial, known[hash_].error or "") for hash_, trial in self.grid.items() if hash_ not in done
        )
        table = pd.DataFrame([_row(self.grid[hash_], stored) for hash_, stored in done.items()])
        bars = () if failures else _judge(study, table)
        met = None if failures or preset == "smoke" else all(bar.met for bar in bars)
        seconds = sum(stored.seconds for stored in done.values())
        reused = len(self.grid) - self.new
        names = tuple(dict.fromkeys(name for trial in self.grid.values() for name in trial.cell))
        name = self.store.name
        return StudyRun(self.source, preset, table, names, bars, met, failures, self.new, reused, seconds, name)


class _Heartbeat:
    """Renews the claims of a campaign in the background while it runs."""

    def __init__(self, campaign: _Campaign):
        self._campaign = campaign
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> "_Heartbeat":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _beat(self) -> None:
        while not self._stop.wait(_LEASE / 4):
            held = set(self._campaign.held)
            if held:
                # A server that does not answer now may do so at the next beat; if not, keeping a record will tell.
                with contextlib.suppress(StoreError):
                    self._campaign.store.renew(self._campaign.slug, held, self._campaign.owner, lease=_LEASE)


def _row(trial: Trial, stored: StoredTrial) -> dict[str, Any]:
    return {**trial.cell, "seed": trial.seed, **(stored.record or {})}


def _judge(study: Study, table: "pandas.DataFrame") -> tuple[Bar, ...]:
    try:
        bars = tuple(study.judge(table))
    except Exception as error:
        raise RuntimeError(f"judge of study {study.slug!r} failed: {type(error).__name__}: {error}") from error
    if not bars or not all(isinstance(bar, Bar) for bar in bars):
        raise RuntimeError(f"judge of study {study.slug!r} must return a non-empty list of Bar")
    return bars
