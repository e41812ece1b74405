"""What a search has scored so far, and the file that it is kept in."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import equinox as eqx
import numpy as np

from ..core import Method, digest, write_atomic
from ._sample import Sampling
from ._schedule import SolverSchedule

_FORMAT = "perturbax-search-1"


class Archive(NamedTuple):
    """The candidates so far: schedules, scores (infinite for those that gave NaN), when they were proposed, what a
    predictor said before (NaN without one), and what had been spent of the budget after each."""

    schedules: tuple[SolverSchedule, ...] = ()
    scores: tuple[float, ...] = ()
    generations: tuple[int, ...] = ()
    predicted: tuple[float, ...] = ()
    costs: tuple[int, ...] = ()

    @property
    def spent(self) -> int:
        """What has been spent of the budget."""
        return self.costs[-1] if self.costs else 0

    def best(self, count: int) -> list[SolverSchedule]:
        """The schedules of the lowest scores, best first."""
        return [self.schedules[i] for i in np.argsort(self.scores, kind="stable")[:count]]


def signature_of(
    problem: Sampling, method: Method, key: Any, sizes: dict[str, int], score: Any, x_T: Any, known: Any
) -> dict[str, str]:
    """What must be the same for a search to go on. The budget may grow."""
    settings = {name: getattr(method, name) for name in method.__dataclass_fields__ if name != "budget"}
    signature = {
        "method": f"{type(method).__name__} {eqx.tree_pformat(settings, width=10_000)}",
        "sizes": str(sizes),
        "key": digest(key),
        "known solvers": digest(known),
        "x_T": "drawn" if x_T is None else digest(np.asarray(x_T)),
        "score": _told(score),
    }
    return signature | {name: _told(getattr(problem, name)) for name in problem.__dataclass_fields__}


def _told(value: Any) -> str:
    """The content of a value as a word; the name of its type where there is no telling, as for compiled functions."""
    try:
        return digest(value)
    except (TypeError, OSError):
        return type(value).__name__


def save_archive(path: Path, archive: Archive, signature: dict[str, str]) -> None:
    def plain(values: Any) -> list[Any]:
        return [value if np.isfinite(value) else None for value in values]

    tree = {
        "format": _FORMAT,
        "signature": signature,
        "schedules": [json.loads(schedule.to_json()) for schedule in archive.schedules],
        "scores": plain(archive.scores),
        "generations": archive.generations,
        "predicted": plain(archive.predicted),
        "costs": archive.costs,
    }
    write_atomic(path, json.dumps(tree).encode())


def load_archive(path: Path, signature: dict[str, str]) -> Archive:
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"checkpoint {path} is damaged ({error}); give another path, or resume=False") from None
    if not isinstance(tree, dict) or tree.get("format") != _FORMAT:
        raise ValueError(f"checkpoint {path} is not of a search; give another path, or resume=False")
    for name, wanted in signature.items():
        found = tree["signature"].get(name)
        if found != wanted:
            raise ValueError(
                f"checkpoint {path} is of another search: its {name} is {found}, now it is {wanted}; give another "
                "path, or resume=False to start over"
            )
    schedules = tuple(SolverSchedule.from_json(json.dumps(fields)) for fields in tree["schedules"])
    scores = tuple(np.inf if value is None else value for value in tree["scores"])
    predicted = tuple(np.nan if value is None else value for value in tree["predicted"])
    return Archive(schedules, scores, tuple(tree["generations"]), predicted, tuple(tree["costs"]))
