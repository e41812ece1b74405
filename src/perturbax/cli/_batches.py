"""A long computation in batches, whose finished ones lie next to the output until all are there."""

import io
import json
import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from perturbax.core import write_atomic


class Batches:
    """The folder `OUT.partial`: `settings.json`, which a later run must agree with, and a file per finished batch.

    **Arguments:**

    - `out`: the file that the batches will become.
    - `settings`: whatever the result depends on, as plain values.
    - `resume`: continue (`True`), start over (`False`), or raise when there is something to decide (`None`).

    **Raises:** `ValueError` when batches of another run, or damaged ones, are there.
    """

    def __init__(self, out: Path, settings: Mapping[str, Any], resume: bool | None):
        self.folder = out.with_name(f"{out.name}.partial")
        self._settings = json.loads(json.dumps(settings))
        if self.finished():
            if resume is None:
                raise ValueError(
                    f"{self.folder} holds {len(self.finished())} finished batches of an interrupted run: go on with "
                    "--resume, or begin again with --restart"
                )
            if resume:
                self._check_same_run()
            else:
                shutil.rmtree(self.folder)

    def finished(self) -> set[int]:
        """The numbers of the batches that are there."""
        return {int(path.stem.removeprefix("batch-")) for path in self.folder.glob(f"batch-{'[0-9]' * 6}.npz")}

    def keep(self, index: int, **arrays: np.ndarray) -> None:
        """Write a finished batch."""
        self.folder.mkdir(exist_ok=True)
        if not self.finished():
            write_atomic(self.folder / "settings.json", json.dumps(self._settings, indent=2).encode())
        buffer = io.BytesIO()
        np.savez(buffer, allow_pickle=False, **arrays)
        write_atomic(self._path(index), buffer.getvalue())

    def join(self, count: int) -> dict[str, np.ndarray]:
        """All batches one after the other."""
        parts = [self._read(index) for index in range(count)]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def remove(self) -> None:
        """Delete the folder, once the output is written."""
        shutil.rmtree(self.folder)

    def _path(self, index: int) -> Path:
        return self.folder / f"batch-{index:06d}.npz"

    def _read(self, index: int) -> dict[str, np.ndarray]:
        path = self._path(index)
        try:
            with np.load(path, allow_pickle=False) as stored:
                return {name: stored[name] for name in stored.files}
        except (ValueError, EOFError, zipfile.BadZipFile) as error:
            raise ValueError(f"{path} is damaged ({error}); delete it and continue with --resume") from None

    def _check_same_run(self) -> None:
        path = self.folder / "settings.json"
        try:
            stored = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ValueError(f"{path} cannot be read ({error}); begin again with --restart") from None
        if not isinstance(stored, dict):
            raise ValueError(f"{path} does not hold the settings of a run; begin again with --restart")
        for name in sorted(stored.keys() | self._settings.keys()):
            if stored.get(name) != self._settings.get(name):
                raise ValueError(
                    f"--resume: {self.folder} is of a run with another {name} ({stored.get(name)!r}, now "
                    f"{self._settings.get(name)!r}); begin again with --restart"
                )
