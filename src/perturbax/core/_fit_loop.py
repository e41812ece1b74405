"""The part of `fit` that runs on the host: one chunk after the other, and what happens between them."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ._checkpoint import PerRun, Record, load, save
from ._progress import progress as progress_bar
from ._training import Start, Training


class Loop:
    """Chunks until all steps are made, `after_chunk` says so, or no run is left whose losses are finite."""

    def __init__(
        self,
        training: Training,
        start: Start,
        *,
        steps: int,
        checkpoint: Path | None,
        checkpoint_seconds: float,
        progress: bool | None,
        after_chunk: Callable[[Record], Any] | None,
    ):
        self._training, self._start, self._steps = training, start, steps
        self._checkpoint, self._checkpoint_seconds = checkpoint, checkpoint_seconds
        self._progress, self._after_chunk = progress, after_chunk

    def run(self, record: Record, *, resume: bool) -> Record:
        """The record of the whole run."""
        if resume and self._checkpoint is not None and self._checkpoint.exists():
            record = load(self._checkpoint, self._training, self._start, record)
            if record.done > self._steps:
                made = f"{record.done}, what checkpoint {self._checkpoint} has made"
                raise ValueError(f"steps must be >= {made}, got {self._steps}")
        saved, saved_at = record, time.monotonic()
        try:
            with progress_bar(self._steps, "fit", show=self._progress) as bar:
                bar.advance(record.done)
                while record.done < self._steps and record.alive.any():
                    before, record = record.done, self._chunk(record)
                    bar.advance(record.done - before)
                    bar.update(**record.summary())
                    if self._after_chunk is not None and self._after_chunk(record):
                        break
                    if self._checkpoint is not None and time.monotonic() - saved_at >= self._checkpoint_seconds:
                        save(self._checkpoint, self._training, self._start, record)
                        saved, saved_at = record, time.monotonic()
        except BaseException as error:
            if self._checkpoint is not None and record.done > 0:
                if record is not saved:
                    save(self._checkpoint, self._training, self._start, record)
                error.add_note(f"fit was stopped after step {record.done}; {self._checkpoint} keeps the run")
            raise
        if self._checkpoint is not None and record is not saved:
            save(self._checkpoint, self._training, self._start, record)
        return record

    def _chunk(self, record: Record) -> Record:
        training, alive = self._training, record.alive
        length = min(training.chunk, self._steps - record.done)
        # One count for all seeds as long as all are alive: a count per seed makes every step select its state.
        count = np.asarray(length) if alive.all() else np.where(alive, length, 0)
        state, losses, aux, finite = self._advance(record.state, count)
        good = np.minimum(_leading_finite(losses), count)
        if (good < count).any() or not finite.all():
            state, losses, aux, good = self._retreat(record.state, good)
        made = int(good.max())
        losses = np.where(np.arange(training.chunk) < good[..., None], losses, np.nan)[..., :made]
        aux = jax.tree.map(lambda x: x[:, :made] if training.seeds else x[:made], aux)
        record = replace(
            record,
            state=state,
            done=record.done + made,
            failed_at=np.where(alive & (good < length), record.done + good, record.failed_at),
            losses=(*record.losses, losses),
            aux=(*record.aux, aux),
        )
        return record if training.validation is None else self._validated(record)

    def _advance(self, state: Any, count: PerRun) -> tuple[Any, np.ndarray, Any, PerRun]:
        state, *rest = self._training.advance(self._start, state, jnp.asarray(count, jnp.int32))
        losses, aux, finite = jax.tree.map(np.asarray, rest)
        return state, losses.astype(np.promote_types(np.float32, losses.dtype)), aux, finite

    def _retreat(self, state: Any, good: PerRun) -> tuple[Any, np.ndarray, Any, PerRun]:
        """The chunk again, up to the last step that leaves finite parameters."""
        while True:
            after, losses, aux, finite = self._advance(state, good)
            if finite.all():
                return after, losses, aux, good
            good = np.where(finite, good, good - 1)

    def _validated(self, record: Record) -> Record:
        value = np.asarray(self._training.validate(self._start, record.state), np.float64)
        if value.shape != record.best_value.shape:
            raise ValueError(f"validation must return a scalar, got shape {value.shape[record.best_value.ndim :]}")
        better = value < record.best_value
        return replace(
            record,
            best=choose(better, (record.state.params, record.state.ema), record.best),
            best_value=np.where(better, value, record.best_value),
            best_step=np.where(better, record.state.step, record.best_step),
            validation_losses=(*record.validation_losses, value),
            validation_steps=(*record.validation_steps, record.done),
        )


def choose(which: PerRun, first: Any, second: Any) -> Any:
    """The first tree where `which` holds, else the second; per seed when `which` has that axis."""
    if which.ndim == 0:
        return first if which else second
    return jax.tree.map(lambda a, b: jnp.where(which.reshape(-1, *(1,) * (a.ndim - 1)), a, b), first, second)


def _leading_finite(losses: np.ndarray) -> PerRun:
    """How many losses come before the first that is not finite."""
    return np.logical_and.accumulate(np.isfinite(losses), axis=-1).sum(axis=-1)
