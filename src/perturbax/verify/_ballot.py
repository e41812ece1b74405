"""Questions to voters in a row, with a file that keeps their answers, so that a run that was stopped goes on."""

import os
import time
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int

from .. import core
from ._votes import Voters

_LABEL = "a checkpoint of perturbax.verify.certify"


class Ballot:
    """Asks voters and keeps their answers. Asked the same questions in the same order it never asks twice.

    **Arguments:** `voters`; `bar`: a `core.progress` over the draws; `checkpoint`: the file, or `None`; `signature`: of
    the run that it is of; `seconds`: at most so often it is written.

    **Raises:** `ValueError` when the file is of another run, or its folder does not exist.
    """

    def __init__(self, voters: Voters, bar: Any, checkpoint: Any, signature: str, seconds: float = 30.0):
        self.voters, self.evaluations = voters, 0
        self._bar, self._seconds, self._signature = bar, seconds, signature
        self._path = None if checkpoint is None else Path(checkpoint)
        if self._path is not None and not self._path.absolute().parent.is_dir():
            raise ValueError(f"checkpoint {self._path} must be in a folder that exists")
        self._answers: list[np.ndarray] = []
        self._asked, self._done, self._counts = 0, 0, None
        self._written = time.monotonic()
        if self._path is not None and self._path.exists():
            self._resume(core.read_tree(self._path, _LABEL))

    def ask(self, key: Any, rows: np.ndarray, first: int, draws: int) -> Int[np.ndarray, "rows classes"]:
        """Votes for each class on the draws `first` to `first + draws - 1` of some images.

        **Raises:** `ValueError` when the classifier gave NaN or a label out of range.
        """
        total = len(rows) * draws
        self._asked += 1
        self.evaluations += total
        if self._asked <= len(self._answers):
            self._bar.advance(total)
            return self._answers[self._asked - 1]
        if self._counts is None:
            self._counts = np.zeros((len(rows), self.voters.classes + 1), np.int64)
        self._bar.advance(self._done)
        while self._done < total:
            count = min(self.voters.span, total - self._done)
            counts = self._counts + self.voters.count(key, rows, first, draws, self._done, count)
            if (none := counts[:, -1].sum()) > 0:
                raise ValueError(
                    f"classifier must give numbers, or labels in [0, {self.voters.classes}), for every noisy image, "
                    f"got NaN or other labels for {none}"
                )
            self._counts, self._done = counts, self._done + count
            self._bar.advance(count)
            if time.monotonic() - self._written >= self._seconds:
                self.keep()
        self._answers.append(self._counts[:, :-1])
        self._counts, self._done = None, 0
        return self._answers[-1]

    def keep(self) -> None:
        """Write the checkpoint, when there is one to write."""
        self._written = time.monotonic()
        if self._path is not None:
            state = {"answers": self._answers, "counts": self._counts, "done": self._done}
            core.write_tree(self._path, {"signature": self._signature, **state}, _LABEL)

    def _resume(self, state: dict[str, Any]) -> None:
        if state["signature"] != self._signature:
            raise ValueError(
                f"checkpoint {os.fspath(str(self._path))} is of other images, another classifier or other settings; "
                "remove it or name another"
            )
        self._answers, self._counts, self._done = list(state["answers"]), state["counts"], state["done"]
