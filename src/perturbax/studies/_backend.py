"""Where trials run: in this process, or through joblib on local processes, a Dask cluster or a Ray cluster.

Every backend is one function that pulls tasks from an iterator one by one as workers get free, and yields the
outcomes as they come: pulling a task is what claims its trial in the store.
"""

import itertools
import os
from collections.abc import Callable, Generator, Iterator
from concurrent.futures.process import BrokenProcessPool
from typing import Any

import joblib
from joblib.externals.loky import get_reusable_executor

from ._worker import Outcome, Task, run_in_own_process, run_task

_Outcomes = Generator[Outcome, None, None]
BACKENDS = ("loky", "dask", "ray", "sequential")


class WorkerDied(RuntimeError):
    """A worker process ended in the middle of a trial (killed, out of memory, a crash in native code)."""


def settle_jobs(jobs: int | None) -> int:
    """The number of workers: as asked, else one per core that this process may use."""
    return joblib.cpu_count() if jobs is None else jobs


def run_tasks(backend: str, tasks: Iterator[Task], jobs: int) -> _Outcomes:
    """Runs the tasks and yields their outcomes in the order in which they finish.

    **Raises:**

    `WorkerDied` when a local worker process ends in a trial; `ImportError` that names the extra when the engine of
    the backend is not installed.
    """
    functions: dict[str, Callable[[Iterator[Task], int], _Outcomes]] = {
        "sequential": _sequential,
        "loky": _loky,
        "dask": _dask,
        "ray": _ray,
    }
    return functions[backend](tasks, jobs)


def _sequential(tasks: Iterator[Task], jobs: int) -> _Outcomes:
    yield from map(run_task, tasks)


def _loky(tasks: Iterator[Task], jobs: int) -> _Outcomes:
    threads = max(1, joblib.cpu_count() // jobs)
    # A pool of one would run in this process: a crash of a trial would be a crash of the run.
    with joblib.parallel_config("loky", n_jobs=max(jobs, 2), inner_max_num_threads=threads):
        parallel = _parallel(return_as="generator_unordered", pre_dispatch=jobs)
        outcomes = parallel(joblib.delayed(run_in_own_process)(task, threads, os.getpid()) for task in tasks)
        try:
            yield from outcomes
        except BrokenProcessPool as error:
            raise WorkerDied("a worker process ended in the middle of a trial") from error
        finally:
            # joblib would keep the workers, and with them the code of a study that is edited before its next run.
            get_reusable_executor(reuse=True).shutdown(kill_workers=True)


def _parallel(**options: Any) -> Any:
    """Trials are long and unequal: they are handed out one at a time."""
    return joblib.Parallel(**{"batch_size": 1, **options})


def _dask(tasks: Iterator[Task], jobs: int) -> _Outcomes:
    try:
        import distributed
        from dask.config import get as get_setting
    except ImportError as error:
        raise ImportError('backend "dask" needs the extra: pip install "perturbax[dask]"') from error
    try:
        client, ours = distributed.Client.current(), False
    except ValueError:
        # A cluster of the user is named by DASK_SCHEDULER_ADDRESS, which Dask reads itself.
        if get_setting("scheduler-address", None):
            client, ours = distributed.Client(), True
        else:
            client, ours = distributed.Client(n_workers=jobs, threads_per_worker=1, dashboard_address=None), True
    try:
        with joblib.parallel_config("dask"):
            parallel = _parallel(return_as="generator_unordered", pre_dispatch="n_jobs")
            yield from parallel(joblib.delayed(run_task)(task) for task in tasks)
    finally:
        if ours:
            client.close()


def _ray(tasks: Iterator[Task], jobs: int) -> _Outcomes:
    try:
        import ray
        from ray.util.joblib import register_ray
    except ImportError as error:
        raise ImportError('backend "ray" needs the extra: pip install "perturbax[ray]"') from error
    ours = not ray.is_initialized()
    if ours:
        local: dict[str, Any] = {"num_cpus": jobs, "include_dashboard": False}
        ray.init(log_to_driver=False, **({} if os.environ.get("RAY_ADDRESS") else local))
    register_ray()
    try:
        # Ray's joblib backend returns no generator, so that the outcomes of one task per worker come together.
        with joblib.parallel_config("ray", n_jobs=max(jobs, 2)), _parallel() as parallel:
            while round_ := list(itertools.islice(tasks, jobs)):
                yield from parallel(joblib.delayed(run_task)(task) for task in round_)
    finally:
        if ours:
            ray.shutdown()
