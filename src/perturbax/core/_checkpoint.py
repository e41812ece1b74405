"""Where a run of `fit` stands, and the file that it is kept in."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np

from ._archive import read_tree, write_tree
from ._training import Start, State, Training

# A NumPy array over the seeds; for a single run a scalar, which NumPy's arithmetic turns into its own scalar types.
PerRun = Any

_LABEL = "a checkpoint of perturbax.core.fit"


@dataclass(frozen=True)
class Record:
    """Where a run stands. It is replaced, never changed, so that an interruption at any moment finds a whole one.

    Arrays have the leading axis of the seeds where there are seeds. `best` holds the parameters and their average at
    the lowest validation loss; `losses` and `aux` have one item per chunk; `failed_at` is the step whose loss was not
    finite, or -1.
    """

    state: State
    best: tuple[Any, Any] | None
    best_value: PerRun
    best_step: PerRun
    failed_at: PerRun
    done: int = 0
    losses: tuple[np.ndarray, ...] = ()
    aux: tuple[Any, ...] = ()
    validation_losses: tuple[PerRun, ...] = ()
    validation_steps: tuple[int, ...] = ()

    @classmethod
    def fresh(cls, training: Training, state: State) -> "Record":
        """The record of a run that begins."""
        shape = () if training.seeds is None else (training.seeds,)
        best = None if training.validation is None else (state.params, state.ema)
        return cls(state, best, np.full(shape, np.inf), np.full(shape, -1), np.full(shape, -1))

    @property
    def alive(self) -> PerRun:
        """Which runs go on."""
        return self.failed_at < 0

    @property
    def first_failure(self) -> int:
        """The first step, from 0, at which a run failed; -1 when none did."""
        return int(self.failed_at[~self.alive].min(initial=self.done)) if not self.alive.all() else -1

    def all_losses(self) -> np.ndarray:
        """The losses of all chunks."""
        empty = np.zeros((*self.failed_at.shape, 0), np.float32)
        return np.concatenate([empty, *self.losses], axis=-1)

    def all_aux(self) -> Any:
        """The auxiliary values of all chunks."""
        axis = self.failed_at.ndim
        return jax.tree.map(lambda *parts: np.concatenate(parts, axis=axis), *self.aux) if self.aux else None

    def all_validation_losses(self) -> np.ndarray:
        """The validation losses of all chunks."""
        empty = np.zeros((*self.failed_at.shape, 0))
        return np.stack(self.validation_losses, axis=-1) if self.validation_losses else empty

    def summary(self) -> dict[str, float]:
        """What a progress bar shows."""
        recent = {"loss": self.losses[-1:], "validation": self.validation_losses[-1:]}
        return {name: float(np.nanmean(value)) for name, value in recent.items() if np.isfinite(value).any()}


def save(path: Path, training: Training, start: Start, record: Record) -> None:
    """Write the checkpoint, whole or not at all."""
    tree = {
        "signature": signature(training, start, record.state),
        "arrays": jax.tree.leaves(_arrays(record)),
        "done": record.done,
        "losses": list(record.losses),
        "aux": [jax.tree.leaves(aux) for aux in record.aux],
        "validation_losses": list(record.validation_losses),
        "validation_steps": list(record.validation_steps),
    }
    write_tree(path, tree, _LABEL)


def load(path: Path, training: Training, start: Start, fresh: Record) -> Record:
    """Read a checkpoint back into the shape of a fresh record.

    **Raises:** `ValueError` when the file is damaged, or is of a run of another model, key, data or options.
    """
    tree = read_tree(path, _LABEL)
    for name, wanted in signature(training, start, fresh.state).items():
        found = tree["signature"].get(name)
        if found != wanted:
            raise ValueError(
                f"checkpoint {os.fspath(path)} is of another run: its {name} is {found}, now it is {wanted}; "
                "give another path, or resume=False to start over"
            )
    leaves, structure = jax.tree.flatten(_arrays(fresh))
    restored = [_as_before(array, leaf) for array, leaf in zip(tree["arrays"], leaves, strict=True)]
    state, best, best_value, best_step, failed_at = jax.tree.unflatten(structure, restored)
    if training.seeds is None:
        # A single run that failed tries again: with another learning rate it may go on.
        failed_at = fresh.failed_at
    aux = jax.tree.structure(training.records[1])
    return Record(
        state,
        best,
        best_value,
        best_step,
        failed_at,
        done=tree["done"],
        losses=tuple(tree["losses"]),
        aux=tuple(jax.tree.unflatten(aux, leaves) for leaves in tree["aux"]),
        validation_losses=tuple(tree["validation_losses"]),
        validation_steps=tuple(tree["validation_steps"]),
    )


def signature(training: Training, start: Start, state: State) -> dict[str, str]:
    """What must be the same for a run to go on as if it had never stopped. The number of steps may grow."""
    data = training.data
    return {
        "key": str(np.asarray(jax.random.key_data(start.loss_key)).tolist()),
        "batch_size": str(training.batch_size),
        "ema": str(training.decay),
        "validation": "none" if training.validation is None else "given",
        "data": "a function" if callable(data) else _shapes(data),
        "parameters": _shapes(state.params),
        "optimizer state": _shapes(state.opt_state),
    }


def _arrays(record: Record) -> tuple[Any, ...]:
    return record.state, record.best, record.best_value, record.best_step, record.failed_at


def _shapes(tree: Any) -> str:
    return " ".join(f"{x.dtype}[{','.join(map(str, x.shape))}]" for x in jax.tree.leaves(tree)) or "nothing"


def _as_before(array: Any, like: Any) -> Any:
    # A JAX array returns to the devices that it was on.
    return jax.device_put(array, like.sharding) if isinstance(like, jax.Array) else array
