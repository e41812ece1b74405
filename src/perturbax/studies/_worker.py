"""One trial in a worker process: the study is loaded by its name, the record comes back as bytes.

A worker keeps to its share of the cores, uses the compilation cache, runs the trial in the study's precision, and
turns any error of the trial into a message, so that one failing trial stops no other.
"""

import hashlib
import os
import signal
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from ._codec import encode_record
from ._store import Store
from ._study import Study, Trial
from ._systems import find_study


@dataclass(frozen=True)
class Task:
    """What a worker needs to run one trial."""

    study: Study | str
    root: str
    trial: Trial
    hash: str
    slug: str
    owner: str
    store: str


@dataclass(frozen=True)
class Outcome:
    """What a worker sends back: an encoded record, or the message of the error; and whether it put it in the store."""

    hash: str
    record: tuple[str, bytes | None] | None
    error: str | None
    seconds: float
    kept: bool | None = None


def run_in_own_process(task: Task, threads: int, parent: int) -> Outcome:
    """`run_task` in a process on this machine that belongs to the run `parent` and to nothing else.

    It puts the outcome in the store itself: what is finished is kept even when the parent is killed before it looks.
    """
    _settle_process(threads, parent)
    outcome = run_task(task)
    return replace(outcome, record=None, kept=keep(_store(task.store), task.slug, task.owner, outcome))


def keep(store: Store, slug: str, owner: str, outcome: Outcome) -> bool:
    """Puts an outcome in the store; `False` when the claim was lost in the meantime."""
    if outcome.record is None:
        return store.fail(slug, outcome.hash, owner, outcome.error or "", outcome.seconds)
    return store.finish(slug, outcome.hash, owner, outcome.record, outcome.seconds)


def run_task(task: Task) -> Outcome:
    """Runs one trial. An error of the trial is part of the outcome; Ctrl-C goes through."""
    started = time.perf_counter()
    try:
        study = task.study if isinstance(task.study, Study) else find_study(task.study, task.root).study
        record = encode_record(_run(study, task.trial))
    except Exception as error:
        return Outcome(task.hash, None, _describe(error), time.perf_counter() - started)
    return Outcome(task.hash, record, None, time.perf_counter() - started)


def _run(study: Study, trial: Trial) -> Mapping[str, Any]:
    # JAX is imported here, after the process was told its share of the cores.
    import jax

    from perturbax.core import enable_compilation_cache, precision

    enable_compilation_cache()
    with precision(study.precision):
        record = study.run(trial, trial_key(study, int(trial.seed)))
        if isinstance(record, Mapping):
            record = jax.device_get(dict(record))
    clashes = sorted({"seed", *trial.cell} & set(record)) if isinstance(record, Mapping) else []
    if clashes:
        raise ValueError(f"a record must not use the names of the cell or 'seed', got {clashes}")
    return record


def trial_key(study: Study, seed: int) -> Any:
    """The key of a trial: the same for one study and seed in every cell, so that methods share their random numbers."""
    import jax

    number = study.number
    if number is None:
        number = int.from_bytes(hashlib.sha256(study.slug.encode()).digest()[:4], "big")
    return jax.random.fold_in(jax.random.key(number), seed)


def _describe(error: Exception) -> str:
    """The error, and the last place in the study's or the library's code where it passed."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({os.path.basename(frames[-1].filename)}, line {frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:2000]}{place}"


@cache
def _store(address: str) -> Store:
    return Store(address)


_settled = False


def _settle_process(threads: int, parent: int) -> None:
    """Once per worker: its share of the cores, no reaction to Ctrl-C (the parent ends it), an end with the parent."""
    global _settled
    if _settled:
        return
    _settled = True
    # XLA sizes its thread pool from NPROC, and does not see the OMP variables that joblib sets.
    os.environ["NPROC"] = str(threads)
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(parent, os.getppid), daemon=True).start()


def _end_with(parent: int, current: Callable[[], int]) -> None:
    """Ends this process when its parent was killed: nobody would take its answer."""
    while current() == parent:
        time.sleep(0.5)
    os._exit(1)
