"""Recorded measurements: the summary of a run that is kept with the package, for README, docs and the site.

A recorded study is two files, `<slug>.json` and `<slug>.png`, readable without a database.
"""

import datetime
import io
import json
import math
import platform
import sys
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ._code import code_digest
from ._run import StudyRun
from ._systems import StudySource, System

if TYPE_CHECKING:
    import pandas

_FOLDER = Path(__file__).parent / "recorded"
_LAYOUT = 1
_PACKAGES = ("perturbax", "jax", "jaxlib", "equinox", "numpy", "scipy", "pandas")


def record_study(run: StudyRun, folder: Path | None = None) -> tuple[Path, Path]:
    """Writes the summary and the picture of a finished run.

    **Arguments:**

    - `run`: a run with a verdict.
    - `folder`: where to; the package's own `studies/recorded` when `None`.

    **Returns:**

    The paths of the summary (`.json`) and of the picture (`.png`).

    **Raises:**

    `ValueError` when the run has no verdict: smoke runs and runs with failed trials are not recorded.
    """
    from perturbax.core import write_atomic

    if run.met is None:
        why = f"{len(run.failures)} trials failed" if run.failures else f"preset {run.preset!r} gives no verdict"
        raise ValueError(f"study {run.study.slug!r} cannot be recorded: {why}")
    folder = _FOLDER if folder is None else folder
    folder.mkdir(parents=True, exist_ok=True)
    summary, picture = folder / f"{run.study.slug}.json", folder / f"{run.study.slug}.png"
    write_atomic(picture, draw(run))
    text = json.dumps(summarize(run), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    write_atomic(summary, text.encode())
    return summary, picture


def summarize(run: StudyRun) -> dict[str, Any]:
    """Everything that is recorded of a run, as plain JSON values: numbers that are not finite become `null`."""
    import jax
    import joblib

    study = run.study
    return {
        "layout": _LAYOUT,
        "slug": study.slug,
        "number": study.number,
        "title": study.title,
        "paper": study.paper,
        "claim": study.claim,
        "verb": study.verb,
        "methods": list(study.methods),
        "preset": run.preset,
        "precision": study.precision,
        "met": run.met,
        "bars": [bar.as_json() for bar in run.bars],
        "table": _aggregate(run.table, run.cell_names),
        "seeds": sorted(int(seed) for seed in set(run.table["seed"])),
        "trials": len(run.table),
        "seconds": round(run.seconds, 2),
        "versions": {"python": platform.python_version(), **_versions()},
        "machine": f"{platform.system()} {platform.machine()}",
        "device": jax.devices()[0].device_kind,
        "cores": joblib.cpu_count(),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "code": digest_of(run.source),
    }


def digest_of(source: StudySource) -> str:
    """The digest of all code of a study, pictures and verdict included."""
    return code_digest(source.path, source.module, source.root)


def draw(run: StudyRun) -> bytes:
    """The study's picture as PNG bytes."""
    from matplotlib.figure import Figure

    try:
        figure = run.study.plot(run.table)
    except Exception as error:
        raise RuntimeError(f"plot of study {run.study.slug!r} failed: {type(error).__name__}: {error}") from error
    if not isinstance(figure, Figure):
        raise RuntimeError(f"plot of study {run.study.slug!r} must return a Figure, got {type(figure).__name__}")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110, bbox_inches="tight", metadata={"Software": None})
    # pyplot keeps every figure that it made until it is closed.
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close(figure)
    return buffer.getvalue()


def recorded(slug: str, folder: Path | None = None) -> dict[str, Any] | None:
    """The recorded summary of a study, `None` when there is none.

    **Raises:**

    `ValueError` for a file that is no summary, with its name.
    """
    path = (_FOLDER if folder is None else folder) / f"{slug}.json"
    if not path.is_file():
        return None
    try:
        summary = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is damaged: {error}") from None
    if not isinstance(summary, dict) or summary.get("slug") != slug or summary.get("layout") != _LAYOUT:
        raise ValueError(f"{path} is not a recorded summary of study {slug!r} (layout {_LAYOUT})")
    return summary


def recorded_picture(slug: str, folder: Path | None = None) -> Path | None:
    """The path of the recorded picture of a study, `None` when there is none."""
    path = (_FOLDER if folder is None else folder) / f"{slug}.png"
    return path if path.is_file() else None


def system_status(system: System, folder: Path | None = None) -> dict[str, Any]:
    """One row of `perturbax systems`: what is planned, what is built, what was measured, and whether that is stale.

    Stale means that the code of the study has changed since; it is found from the sources, without importing them.
    """
    summary = recorded(system.slug, folder)
    stale = None
    if summary is not None and system.built:
        module = f"perturbax.studies.{system.study_path.stem}"
        root = str(Path(__file__).parents[2])
        stale = code_digest(system.study_path, module, root) != summary["code"]
    return {
        "number": system.number,
        "slug": system.slug,
        "title": system.title,
        "arxiv": system.arxiv,
        "doi": system.doi,
        "verb": system.verb,
        "methods": list(system.methods),
        "built": system.built,
        "met": None if summary is None else summary["met"],
        "bars": [] if summary is None else summary["bars"],
        "recorded": None if summary is None else summary["date"],
        "preset": None if summary is None else summary["preset"],
        "stale": stale,
    }


def _versions() -> dict[str, str]:
    return {name: metadata.version(name) for name in _PACKAGES}


def _aggregate(table: "pandas.DataFrame", names: tuple[str, ...]) -> list[dict[str, Any]]:
    """One row per cell: its values, the number of seeds, and mean and standard deviation of every numeric column."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in table.to_dict("records"):
        groups.setdefault(json.dumps([_plain(row[name]) for name in names]), []).append(row)
    # Where a cell recorded no array, the table has NaN, which is no measurement.
    arrays = {name for name in table if any(isinstance(value, np.ndarray) for value in table[name])}
    rows = []
    for group in groups.values():
        measured: dict[str, Any] = {}
        for name in group[0]:
            values = [row[name] for row in group]
            if name not in (*names, "seed", *arrays) and all(_is_number(value) for value in values):
                mean = math.fsum(values) / len(values)
                spread = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / max(len(values) - 1, 1))
                measured[name] = {"mean": _plain(mean), "std": _plain(spread)}
        rows.append({"cell": {name: _plain(group[0][name]) for name in names}, "n": len(group), "values": measured})
    return rows


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _plain(value: Any) -> Any:
    """A value of a table as JSON has it."""
    value = value.item() if hasattr(value, "item") else value
    return None if isinstance(value, float) and not math.isfinite(value) else value
