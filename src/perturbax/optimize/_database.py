r"""Databases of simulations: drawn from a prior, simulated once, kept in a folder, and asked again and again.

Simulation number `i` has the parameters that the prior draws for `fold_in(key, i)`, whatever is simulated beside it. So
a database grows, or goes on after it was stopped, without a simulation that is made twice.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec
from jaxtyping import Array, Float

from ..core import (
    Result,
    check_array,
    check_instance,
    check_integer,
    check_key,
    digest,
    raise_if_failed,
    read_tree,
    write_tree,
)
from ..core import progress as progress_bar
from ..stats import AbstractPrior

_HEAD = "database.npz"
_LABEL = "database of simulations"


class Database(eqx.Module):
    """Parameters and what a forward model makes of them.

    **Arguments:** `parameters`: shape `(n, d)`; `predictions`: shape `(n, ...)`; `origin`: a digest of the model and
    the prior, `""` when it is not known; `about`: what else belongs to it, as `core.write_tree` takes it.

    **Raises:** `TypeError`, `ValueError` for arrays of other shapes or values that are not finite.

    >>> Database(np.ones((3, 2)), np.ones((3, 10), np.float16)).size
    3
    """

    parameters: Float[np.ndarray, "n d"]
    predictions: Float[np.ndarray, "n ..."]
    origin: str = eqx.field(static=True)
    about: Any

    def __init__(self, parameters: Any, predictions: Any, *, origin: str = "", about: Any = None):
        self.parameters = np.asarray(check_array("parameters", parameters, ndim=2), np.float32)
        self.predictions = np.asarray(check_array("predictions", predictions))
        if self.predictions.ndim < 2 or self.predictions.shape[0] != self.size:
            raise ValueError(f"predictions must have {self.size} rows, got shape {self.predictions.shape}")
        self.origin, self.about = origin, about

    @property
    def size(self) -> int:
        """The number of simulations."""
        return self.parameters.shape[0]

    def select(self, index: Any) -> "Database":
        """Some of the simulations.

        **Arguments:** `index`: whole numbers, booleans or a slice, as for an array.

        **Raises:** `ValueError` when none is left.
        """
        return Database(self.parameters[index], self.predictions[index], origin=self.origin, about=self.about)


def build_database(
    forward: Any,
    prior: Any,
    count: int,
    *,
    key: Any,
    path: str | os.PathLike[str] | None = None,
    about: Any = None,
    shard: int = 64,
    dtype: Any = np.float16,
    workers: int | None = None,
    progress: bool | None = None,
) -> Database:
    """Simulate draws from a prior.

    **Arguments:**

    - `forward`: from parameters of shape `(d,)` to an array; traceable.
    - `prior`: what is drawn from.
    - `count`: how many simulations.
    - `key`: JAX PRNG key; simulation `i` uses `fold_in(key, i)`.
    - `path`: a folder to keep shards in. What it has of this database is not simulated again.
    - `about`: what the folder shall hold besides, as `core.write_tree` takes it.
    - `shard`: simulations in one program and one file; split over the devices when they divide it.
    - `dtype`: that predictions are stored in.
    - `workers`: threads that work on shards at the same time; by default as many as there are cores, and one where the
      devices are no CPUs.
    - `progress`: show a bar; on a terminal by default.

    **Returns:** a `Database`.

    **Raises:** `TypeError`, `ValueError` for arguments that do not fit and for a folder with another database;
    `SolverError` when a prediction is not finite; `OSError` when the folder cannot be written.

    >>> from perturbax import stats
    >>> wave = lambda p: jax.numpy.sin(p[0] * np.arange(4.0))
    >>> build_database(wave, stats.UniformPrior([0.0], [1.0]), 5, key=jax.random.key(0)).predictions.shape
    (5, 4)
    """
    if not callable(forward):
        raise TypeError(f"forward must be a function of the parameters, got {type(forward).__name__}")
    check_instance("prior", prior, AbstractPrior, "a prior such as stats.UniformPrior(low, high)")
    count, shard = check_integer("count", count, minimum=1), check_integer("shard", shard, minimum=1)
    key = check_key("key", key)
    workers = _cores() if workers is None else check_integer("workers", workers, minimum=1)
    origin = digest((forward, prior, key))
    folder = None if path is None else _prepared(path, origin, count, shard, np.dtype(dtype), about)
    starts = range(0, count, shard)

    def simulated(start: int) -> tuple[np.ndarray, np.ndarray]:
        stop = min(start + shard, count)
        file = None if folder is None else _file(folder, start, stop)
        if file is not None and file.is_file():
            return _read(file, origin)
        parameters = prior.sample(key, shard, start)
        predictions = np.asarray(_simulate(forward, _spread(parameters)))[: stop - start]
        finite = np.isfinite(predictions).all()
        raise_if_failed(Result.successful if finite else Result.nonfinite, f"simulations {start} to {stop - 1}")
        pair = np.asarray(parameters)[: stop - start], predictions.astype(dtype)
        if file is not None:
            write_tree(file, {"parameters": pair[0], "predictions": pair[1]}, label=f"{_LABEL} {origin}")
        return pair

    pairs = list(_watched(simulated, starts, count, workers, progress))
    return Database(
        np.concatenate([pair[0] for pair in pairs]),
        np.concatenate([pair[1] for pair in pairs]),
        origin=origin,
        about=about,
    )


def read_database(path: str | os.PathLike[str]) -> Database:
    """A database from the folder that `build_database` was given.

    **Arguments:** `path`: of the folder.

    **Returns:** the `Database`.

    **Raises:** `ValueError` when it is no such folder, a file is damaged, or simulations are missing because building
    was stopped: build it again to go on.

    >>> import tempfile
    >>> from perturbax import stats
    >>> options = {"key": jax.random.key(0), "about": {"unit": "mm"}}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = build_database(jax.numpy.cos, stats.UniformPrior([0.0], [1.0]), 3, path=folder, **options)
    ...     read_database(folder).about
    {'unit': 'mm'}
    """
    folder = Path(path)
    if not (folder / _HEAD).is_file():
        raise ValueError(f"{folder} is no folder of a database: it has no {_HEAD}")
    head = read_tree(folder / _HEAD, label=_LABEL)
    starts = range(0, head["count"], head["shard"])
    files = [_file(folder, start, min(start + head["shard"], head["count"])) for start in starts]
    missing = [file.name for file in files if not file.is_file()]
    if missing:
        raise ValueError(f"{folder} is not complete, {missing[0]} and {len(missing) - 1} more files are missing")
    pairs = [_read(file, head["origin"]) for file in files]
    parameters, predictions = (np.concatenate(parts) for parts in zip(*pairs, strict=True))
    return Database(parameters, predictions, origin=head["origin"], about=head["about"])


@eqx.filter_jit
def _simulate(forward: Any, parameters: Array) -> Array:
    return jax.vmap(forward)(parameters)


def _spread(parameters: Array) -> Array:
    """Over all devices, where they divide the shard."""
    devices = jax.devices()
    if len(devices) == 1 or parameters.shape[0] % len(devices):
        return parameters
    mesh = jax.sharding.Mesh(np.array(devices), ("simulations",))
    return jax.device_put(parameters, NamedSharding(mesh, PartitionSpec("simulations")))


def _watched(
    work: Callable[[int], Any], starts: range, count: int, workers: int, show: bool | None
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    from joblib import Parallel, delayed

    # Compiled programs run without the interpreter's lock, so threads are enough, and nothing is compiled twice.
    parallel = Parallel(n_jobs=workers, require="sharedmem", return_as="generator")
    jobs = parallel(delayed(work)(start) for start in starts)
    with progress_bar(count, "simulations", show=show) as bar:
        for pair in jobs:
            bar.advance(len(pair[0]))
            yield pair


def _cores() -> int:
    from joblib import cpu_count

    return cpu_count() if jax.default_backend() == "cpu" and len(jax.devices()) == 1 else 1


def _prepared(path: Any, origin: str, count: int, shard: int, dtype: np.dtype, about: Any) -> Path:
    """The folder, with a head that says what is in it."""
    folder = Path(path)
    head = folder / _HEAD
    wanted = {"origin": origin, "shard": shard, "dtype": dtype.name}
    if head.is_file():
        found = read_tree(head, label=_LABEL)
        for name, value in wanted.items():
            if found[name] != value:
                what = "model, prior or key" if name == "origin" else name
                raise ValueError(f"path {folder} holds a database of another {what}: choose another folder")
        count = max(count, found["count"])
    folder.mkdir(parents=True, exist_ok=True)
    write_tree(head, {**wanted, "count": count, "about": about}, label=_LABEL)
    return folder


def _file(folder: Path, start: int, stop: int) -> Path:
    return folder / f"simulations-{start:08d}-{stop:08d}.npz"


def _read(file: Path, origin: str) -> tuple[np.ndarray, np.ndarray]:
    held: Mapping[str, np.ndarray] = read_tree(file, label=f"{_LABEL} {origin}")
    return held["parameters"], held["predictions"]
