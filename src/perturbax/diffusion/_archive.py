"""What a search has scored so far, and the file that it is kept in."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..core import write_atomic
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
