"""Where finished trials are kept: one table of a SQL database, one row per trial.

A row is claimed before its trial runs and filled when it is finished. The pair (study, hash) is unique and every
change of a row names the owner that it expects, so that any number of runners may share one store: a trial is run by
the one that holds the claim, and only that one can fill the row. A claim ends when its runner is found dead, or when
it was not renewed in time.

Records are stored as JSON, arrays as `.npz` bytes that are read with `allow_pickle=False`: nothing from a store is
executed. A file that is damaged, or that is some other program's database, is refused before anything is written.
"""

import contextlib
import json
import os
import sqlite3
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa
import sqlalchemy.exc

from ._codec import checksum, decode_record
from ._owner import is_dead

_VERSION = 1
_metadata = sa.MetaData()
_trials = sa.Table(
    "perturbax_trials",
    _metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("study", sa.String(200), nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),
    sa.Column("cell", sa.Text, nullable=False),
    sa.Column("seed", sa.BigInteger, nullable=False),
    sa.Column("status", sa.String(10), nullable=False),
    sa.Column("owner", sa.String(300), nullable=False),
    sa.Column("lease", sa.Float(53), nullable=False),
    sa.Column("record", sa.Text),
    sa.Column("arrays", sa.LargeBinary),
    sa.Column("checksum", sa.String(64)),
    sa.Column("error", sa.Text),
    sa.Column("seconds", sa.Float(53)),
    sa.Column("finished", sa.Float(53)),
    sa.UniqueConstraint("study", "hash", name="perturbax_trials_study_hash"),
)


class StoreError(ValueError):
    """A store that cannot be opened or read, with its name and the reason. It was left as it is."""


@dataclass(frozen=True)
class StoredTrial:
    """A finished or failed trial as the store has it."""

    hash: str
    status: Literal["done", "failed"]
    record: dict[str, Any] | None
    error: str | None
    seconds: float


def default_store() -> str:
    """The store when none is named: `PERTURBAX_STORE` (a path or URL), or a file in the user's data folder.

    Results are not a cache: emptying the cache keeps them.
    """
    if os.environ.get("PERTURBAX_STORE"):
        return os.environ["PERTURBAX_STORE"]
    if sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return str(base / "perturbax" / "studies.sqlite")


class Store:
    """A database of trials, opened and checked.

    **Arguments:**

    - `where`: the path of a SQLite file (made when it is not there), or any SQLAlchemy URL.

    **Raises:**

    `StoreError` when the file is damaged, is another program's, or the server cannot be reached.
    """

    def __init__(self, where: str | os.PathLike[str] | None = None):
        url, self.path = _settle(default_store() if where is None else where)
        self.address = url.render_as_string(hide_password=False)
        self.name = url.render_as_string(hide_password=True) if self.path is None else str(self.path)
        if self.path is not None:
            _check_file(self.path)
            self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            options = (
                {"connect_args": {"timeout": 60}} if url.get_backend_name() == "sqlite" else {"pool_pre_ping": True}
            )
            self._engine = sa.create_engine(url, **options)
        except (sqlalchemy.exc.ArgumentError, sqlalchemy.exc.NoSuchModuleError, ImportError) as error:
            raise StoreError(f"store {self.name}: {_reason(error)}") from None
        with self._reported():
            self._prepare()

    def close(self) -> None:
        """Gives the connections back."""
        self._engine.dispose()

    def _prepare(self) -> None:
        present = sa.inspect(self._engine).get_table_names()
        if _trials.name not in present:
            if self.path is not None and present:
                raise StoreError(f"store {self.name}: is a database of something else (tables {sorted(present)[:5]})")
            try:
                _metadata.create_all(self._engine)
            except sqlalchemy.exc.SQLAlchemyError:
                # Another runner may have made the table between the look and the make; anything else shows again below.
                time.sleep(0.2)
        columns = {column["name"] for column in sa.inspect(self._engine).get_columns(_trials.name)}
        if columns != set(_trials.columns.keys()):
            raise StoreError(f"store {self.name}: table {_trials.name} was written by another version of perturbax")
        with self._engine.connect() as connection:
            newest = connection.scalar(sa.select(sa.func.max(_trials.c.version)))
        if newest is not None and newest > _VERSION:
            raise StoreError(f"store {self.name}: was written by a newer perturbax (layout {newest}, here {_VERSION})")

    @contextlib.contextmanager
    def _reported(self) -> Iterator[None]:
        try:
            yield
        except sqlalchemy.exc.SQLAlchemyError as error:
            raise StoreError(f"store {self.name}: {_reason(error)}") from error

    def claim(self, study: str, hash_: str, cell: Mapping[str, Any], seed: int, owner: str, *, lease: float) -> bool:
        """Takes a trial that nobody has; `False` when it is finished, failed, or somebody else is at it."""
        row = {"owner": owner, "lease": time.time() + lease, "status": "running"}
        new = {"version": _VERSION, "study": study, "hash": hash_, "cell": json.dumps(dict(cell)), "seed": seed, **row}
        with self._reported():
            try:
                with self._engine.begin() as connection:
                    connection.execute(_trials.insert().values(new))
                return True
            except sqlalchemy.exc.IntegrityError:
                pass
            with self._engine.connect() as connection:
                held = connection.execute(
                    sa.select(_trials.c.status, _trials.c.owner, _trials.c.lease).where(*_key(study, hash_))
                ).first()
            if held is None or held.status != "running" or not (held.lease < time.time() or is_dead(held.owner)):
                return False
            # The lease is part of the condition: of two runners that see the same dead claim, one gets it.
            return self._change(
                study, hash_, row, _trials.c.status == "running", _trials.c.owner == held.owner,
                _trials.c.lease == held.lease,
            )  # fmt: skip

    def renew(self, study: str, hashes: Iterable[str], owner: str, *, lease: float) -> None:
        """Keeps the claims of a runner that is alive."""
        hashes = list(hashes)
        with self._reported(), self._engine.begin() as connection:
            connection.execute(
                _trials.update()
                .where(_trials.c.study == study, _trials.c.hash.in_(hashes), _trials.c.owner == owner)
                .where(_trials.c.status == "running")
                .values(lease=time.time() + lease)
            )

    def finish(self, study: str, hash_: str, owner: str, record: tuple[str, bytes | None], seconds: float) -> bool:
        """Fills a claimed row with an encoded record; `False`, and nothing done, when the claim was lost."""
        text, arrays = record
        values = {"status": "done", "record": text, "arrays": arrays, "checksum": checksum(text, arrays)}
        return self._end(study, hash_, owner, {**values, "error": None, "seconds": seconds})

    def fail(self, study: str, hash_: str, owner: str, error: str, seconds: float) -> bool:
        """Marks a claimed row as failed, with the message."""
        return self._end(study, hash_, owner, {"status": "failed", "error": error, "seconds": seconds})

    def release(self, study: str, hashes: Iterable[str], owner: str) -> None:
        """Gives claims back that were not finished."""
        with self._reported(), self._engine.begin() as connection:
            connection.execute(
                _trials.delete()
                .where(_trials.c.study == study, _trials.c.hash.in_(list(hashes)), _trials.c.owner == owner)
                .where(_trials.c.status == "running")
            )

    def forget_failures(self, study: str, hashes: Iterable[str]) -> None:
        """Removes failed rows, so that their trials run again."""
        with self._reported():
            for chunk in _chunks(list(hashes)):
                with self._engine.begin() as connection:
                    connection.execute(
                        _trials.delete().where(
                            _trials.c.study == study, _trials.c.hash.in_(chunk), _trials.c.status == "failed"
                        )
                    )

    def read(self, study: str, hashes: Iterable[str]) -> dict[str, StoredTrial]:
        """The finished and failed trials among `hashes`, by hash."""
        found: dict[str, StoredTrial] = {}
        with self._reported(), self._engine.connect() as connection:
            for chunk in _chunks(list(hashes)):
                rows = connection.execute(
                    sa.select(_trials).where(
                        _trials.c.study == study, _trials.c.hash.in_(chunk), _trials.c.status != "running"
                    )
                )
                for row in rows:
                    found[row.hash] = self._stored(row)
        return found

    def _stored(self, row: Any) -> StoredTrial:
        record = None
        if row.status == "done":
            place = f"store {self.name}: row {row.id} (study {row.study})"
            if row.record is None or row.checksum != checksum(row.record, row.arrays):
                raise StoreError(f"{place} is damaged: its checksum is wrong")
            try:
                record = decode_record(row.record, row.arrays)
            except ValueError as error:
                raise StoreError(f"{place} is damaged: {error}") from None
        return StoredTrial(row.hash, row.status, record, row.error, float(row.seconds or 0.0))

    def _end(self, study: str, hash_: str, owner: str, values: dict[str, Any]) -> bool:
        with self._reported():
            ours = (_trials.c.owner == owner, _trials.c.status == "running")
            return self._change(study, hash_, {**values, "finished": time.time()}, *ours)

    def _change(self, study: str, hash_: str, values: dict[str, Any], *where: Any) -> bool:
        with self._engine.begin() as connection:
            return connection.execute(_trials.update().where(*_key(study, hash_), *where).values(values)).rowcount == 1


def _key(study: str, hash_: str) -> tuple[Any, Any]:
    return _trials.c.study == study, _trials.c.hash == hash_


def _chunks(items: Sequence[str], size: int = 500) -> Iterator[Sequence[str]]:
    """Pieces of a list that fit any database's limit on bound values."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _settle(where: str | os.PathLike[str]) -> tuple[sa.URL, Path | None]:
    text = os.fspath(where)
    if not isinstance(text, str) or not text.strip() or "\0" in text:
        raise StoreError(f"store must be a path or a database URL, got {text!r}")
    if "://" not in text:
        path = Path(text).expanduser().absolute()
        return sa.URL.create("sqlite", database=str(path)), path
    try:
        url = sa.make_url(text)
    except (sqlalchemy.exc.ArgumentError, ValueError):
        raise StoreError(
            "store must be a path or a database URL such as sqlite:///file.sqlite; it cannot be read"
        ) from None
    if url.get_backend_name() != "sqlite":
        return url, None
    if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
        raise StoreError("store must be a file: a SQLite database in memory cannot be resumed or shared")
    return url, Path(url.database).absolute()


def _check_file(path: Path) -> None:
    """Refuses a file that is no sound SQLite database, without writing to it."""
    if not path.exists():
        return
    if not path.is_file():
        raise StoreError(f"store {path}: is not a file")
    with path.open("rb") as file:
        head = file.read(16)
    if not head:
        return
    if head != b"SQLite format 3\0":
        raise StoreError(f"store {path}: is not a SQLite file (it begins with {head[:16]!r}); left untouched")
    # A journal is what a killed writer leaves: SQLite must be allowed to roll it back, so no read-only mode then.
    mode = "rw" if Path(f"{path}-journal").exists() else "ro"
    try:
        with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode={mode}", uri=True, timeout=60)) as connection:
            answer = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.Error as error:
        raise StoreError(f"store {path}: is damaged ({error}); left untouched") from None
    if answer != "ok":
        raise StoreError(f"store {path}: is damaged ({answer.splitlines()[-1]}); left untouched")


def _reason(error: BaseException) -> str:
    original = getattr(error, "orig", None) or error
    text = " ".join(str(original).split())
    return text if len(text) <= 300 else f"{text[:300]}..."
