"""The ledger of a holdout: a file of JSON lines to which every answer is appended before it is given.

The first line says what the ledger belongs to, each further one is an answer with the state after it. Every line
carries a SHA-256 chain over all lines before. Beside the ledger lie

- `LEDGER.anchor`, the number of answers and the chain at the last one, so that a ledger that was cut short, replaced
  or deleted is found out instead of starting again with a full budget;
- `LEDGER.lock`, a file lock, so that processes that share a ledger answer one after the other.

A line that a crash cut short was never answered; it is dropped when the anchor does not count it. All this finds
accidents and thoughtlessness. It is no protection against someone who rewrites all three files.
"""

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import filelock

from ..core import write_atomic

FORMAT = "perturbax-holdout-1"
# A query takes milliseconds; who waits this long waits for a process that hangs.
_PATIENCE = 60.0


class Ledger:
    """The lines of a ledger. In memory until it is attached to a file."""

    def __init__(self, head: dict[str, Any], path: Path | None = None):
        self.path = path
        self.entries: list[dict[str, Any]] = []
        self.head = {"format": FORMAT, **head}
        self._chains = [_link("", self.head)]  # after the head and after each entry
        self._noises: set[Any] = set()
        self._read = 0

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Ledger":
        """Read a ledger and verify it.

        **Raises:** `FileNotFoundError` when there is none and never was; `ValueError` when it is damaged, was cut short
        or deleted, or is another file.
        """
        path = Path(path)
        with _locked(path):
            if not path.exists() and _anchor(path).exists():
                raise ValueError(f"{path} is gone, but its anchor says that it was in use: restore it")
            with open(path, "rb") as file:
                first = file.readline()
            head = _parsed(path, 1, first)
            if head.get("format") != FORMAT:
                raise ValueError(f"{path} is no ledger of a holdout")
            head.pop("chain", None)
            ledger = cls({name: value for name, value in head.items() if name != "format"}, path)
            if first != _line(ledger.head, ledger._chains[0]):
                raise ValueError(f"{path}, line 1: the ledger is damaged, its contents do not fit its checksum")
            ledger._read = len(first)
            ledger._refresh()
        return ledger

    def attach(self, path: str | os.PathLike[str]) -> None:
        """Write the lines so far to a new file, and all further ones.

        **Raises:** `FileExistsError` when there is a ledger, or its anchor, already.
        """
        path = Path(path)
        with _locked(path):
            for there in (path, _anchor(path)):
                if there.exists():
                    raise FileExistsError(17, "a ledger is never reset; open it to continue", str(there))
            pairs = zip([self.head, *self.entries], self._chains, strict=True)
            content = b"".join(_line(content, chain) for content, chain in pairs)
            write_atomic(path, content)
            os.chmod(path, 0o600)  # it holds the key of the noise
            self.path, self._read = path, len(content)
            self._write_anchor()

    @contextmanager
    def turn(self) -> Iterator[list[dict[str, Any]]]:
        """Until the end of the block no other process answers. Gives the entries that others have appended."""
        if self.path is None:
            yield []
            return
        with _locked(self.path):
            yield self._refresh()

    def append(self, entry: dict[str, Any]) -> None:
        """Add an entry; on disk when this returns. Within `turn` only."""
        chain = _link(self._chains[-1], entry)
        if self.path is not None:
            line = _line(entry, chain)
            with open(self.path, "ab") as file:
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
            self._read += len(line)
        self._take(entry, chain)
        if self.path is not None:
            self._write_anchor()

    def _refresh(self) -> list[dict[str, Any]]:
        """Read and verify what was appended since; hold it against the anchor."""
        assert self.path is not None
        anchor = self._read_anchor()
        with open(self.path, "rb") as file:
            file.seek(0, os.SEEK_END)
            if file.tell() < self._read:
                raise ValueError(f"{self.path} was cut short while it was in use")
            file.seek(self._read)
            content = file.read()
        complete = content[: content.rfind(b"\n") + 1]
        new: list[dict[str, Any]] = []
        for line in complete.splitlines(keepends=True):
            number = len(self.entries) + 2
            entry = _parsed(self.path, number, line)
            entry.pop("chain", None)
            chain = _link(self._chains[-1], entry)
            if line != _line(entry, chain) or entry.get("query") != len(self.entries):
                raise ValueError(f"{self.path}, line {number}: the ledger is damaged, this line does not continue it")
            if entry.get("noise") in self._noises:
                raise ValueError(f"{self.path}, line {number}: the noise of an earlier answer was used again")
            self._take(entry, chain)
            new.append(entry)
        self._read += len(complete)
        if len(self.entries) < anchor["answers"]:
            raise ValueError(
                f"{self.path} holds {len(self.entries)} answers but {anchor['answers']} were given: it was cut short"
            )
        if self._chains[anchor["answers"]] != anchor["chain"]:
            raise ValueError(f"{self.path} is not the ledger that its anchor belongs to")
        if len(complete) < len(content):  # cut short by a crash, before the answer was given
            os.truncate(self.path, self._read)
        return new

    def _take(self, entry: dict[str, Any], chain: str) -> None:
        self.entries.append(entry)
        self._chains.append(chain)
        self._noises.add(entry.get("noise"))

    def _write_anchor(self) -> None:
        assert self.path is not None
        text = json.dumps({"answers": len(self.entries), "chain": self._chains[-1]})
        write_atomic(_anchor(self.path), text.encode())

    def _read_anchor(self) -> dict[str, Any]:
        assert self.path is not None
        path = _anchor(self.path)
        try:
            anchor = json.loads(path.read_bytes())
            found = {"answers": int(anchor["answers"]), "chain": str(anchor["chain"])}
            if found["answers"] < 0:
                raise ValueError("a negative number of answers")
            return found
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{path} is damaged: {error}") from None
        except FileNotFoundError:
            raise ValueError(f"{path} is missing: it says how many answers the ledger must hold") from None


def _anchor(path: Path) -> Path:
    return path.with_name(f"{path.name}.anchor")


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    if not path.absolute().parent.is_dir():
        raise FileNotFoundError(2, "the ledger lies in a folder that does not exist", str(path))
    try:
        with filelock.FileLock(f"{path}.lock", timeout=_PATIENCE):
            yield
    except filelock.Timeout:
        raise TimeoutError(f"{path}.lock is held by another process for more than {_PATIENCE:g} s") from None


def _link(chain: str, content: dict[str, Any]) -> str:
    return hashlib.sha256((chain + _text(content)).encode()).hexdigest()


def _line(content: dict[str, Any], chain: str) -> bytes:
    return f"{_text({**content, 'chain': chain})}\n".encode()


def _text(content: dict[str, Any]) -> str:
    return json.dumps(content, sort_keys=True, allow_nan=False)


def _parsed(path: Path, number: int, line: bytes) -> dict[str, Any]:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        entry = None
    if not isinstance(entry, dict):
        raise ValueError(f"{path}, line {number}: the ledger is damaged, this is no JSON object")
    return entry
