"""`perturbax study`: list, show, run and record the studies that check published claims."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ._console import note, print_json, print_table, verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from perturbax.studies import StudyRun

app = typer.Typer(no_args_is_help=True, help="Check a published claim: list, show, run and record studies.")

_STUDY_HELP = "A slug (see `perturbax study list`), package.module:NAME, or a .py file that defines STUDY."
_Names = Annotated[list[str], typer.Argument(metavar="STUDY...", help=_STUDY_HELP, show_default=False)]
_Preset = Annotated[str, typer.Option(help="smoke (seconds, no verdict), small, full, or one of the study's own.")]
_Seeds = Annotated[int | None, typer.Option(min=1, help="Run every cell with seeds 0..N-1 instead of the preset's.")]
_Backend = Annotated[str, typer.Option(help="loky, dask, ray or sequential.")]
_Jobs = Annotated[int | None, typer.Option(min=1, help="Number of workers; one per core by default.")]
_Store = Annotated[str | None, typer.Option(help="SQLite file or database URL; also PERTURBAX_STORE.")]
_Retry = Annotated[bool, typer.Option("--retry", help="Run trials again that failed in an earlier run.")]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_(as_json: _Json = False) -> None:
    """The studies that are built, with their last recorded verdict."""
    from perturbax.studies import system_status, systems

    rows = [system_status(system) for system in systems() if system.built]
    if as_json:
        print_json(rows)
        return
    columns = {"no": "right", "slug": "left", "title": "fold", "verb": "left", "recorded": "left", "bars": "left"}
    lines = [
        [
            str(row["number"]),
            row["slug"],
            row["title"],
            row["verb"],
            "-" if row["recorded"] is None else f"{row['recorded']}{' (stale)' if row['stale'] else ''}",
            verdict(row["met"]),
        ]
        for row in rows
    ]
    print_table("Studies", columns, lines)


@app.command()
def show(
    study: Annotated[str, typer.Argument(help=_STUDY_HELP, show_default=False)],
    as_json: _Json = False,
) -> None:
    """A study's claim, methods, presets, and what was recorded."""
    from perturbax.studies import find_study, recorded

    found = find_study(study).study
    summary = recorded(found.slug)
    sizes = {name: len(found.trials(value)) for name, value in found.presets.items()}
    about: dict[str, Any] = {
        "slug": found.slug,
        "number": found.number,
        "title": found.title,
        "paper": found.paper,
        "claim": found.claim,
        "verb": found.verb,
        "methods": list(found.methods),
        "precision": found.precision,
        "trials": sizes,
    }
    if as_json:
        print_json({**about, "recorded": summary})
        return
    about["methods"] = ", ".join(found.methods)
    about["trials"] = ", ".join(f"{name}: {size}" for name, size in sizes.items())
    lines = [[name, str(value)] for name, value in about.items() if value is not None]
    print_table(found.title, {"": "left", "value": "fold"}, lines)
    if summary is None:
        note("not recorded yet")
    else:
        print_table(f"Recorded {summary['date']}", _BAR_COLUMNS, [_bar_line(bar) for bar in summary["bars"]])


@app.command()
def run(
    studies: _Names,
    preset: _Preset = "small",
    seeds: _Seeds = None,
    backend: _Backend = "loky",
    jobs: _Jobs = None,
    store: _Store = None,
    retry: _Retry = False,
    as_json: _Json = False,
) -> None:
    """Run the trials that are not in the store yet, then judge. Exit 0: all bars met, 3: a bar missed, 1: an error."""
    runs: list[StudyRun] = []
    summaries = []
    for done in _runs(studies, preset, seeds, backend, jobs, store, retry, as_json):
        picture = None if done.failures else _picture(done)
        runs.append(done)
        summaries.append(_summary(done, picture))
        if not as_json:
            _print_run(done, picture)
    if as_json:
        print_json(summaries)
    raise typer.Exit(_exit_code(runs))


@app.command()
def record(
    studies: _Names,
    preset: _Preset = "small",
    seeds: _Seeds = None,
    backend: _Backend = "loky",
    jobs: _Jobs = None,
    store: _Store = None,
    retry: _Retry = False,
    out: Annotated[Path | None, typer.Option(help="Folder to write to; the package's own by default.")] = None,
    as_json: _Json = False,
) -> None:
    """Run what is missing, then write the summary and the picture that README, docs and site are made from.

    A missed bar is recorded as missed; runs with failed trials and smoke runs are not recorded.
    """
    from perturbax.studies import record_study

    if preset == "smoke":
        raise ValueError("preset smoke gives no verdict and is not recorded; take small or full")
    runs: list[StudyRun] = []
    summaries = []
    for done in _runs(studies, preset, seeds, backend, jobs, store, retry, as_json):
        summary, picture = (None, None) if done.failures else record_study(done, out)
        runs.append(done)
        summaries.append({**_summary(done, picture), "recorded": None if summary is None else str(summary)})
        if not as_json:
            _print_run(done, picture)
    if as_json:
        print_json(summaries)
    raise typer.Exit(_exit_code(runs))


def _runs(
    names: list[str],
    preset: str,
    seeds: int | None,
    backend: str,
    jobs: int | None,
    store: str | None,
    retry: bool,
    quiet: bool,
) -> "Iterator[StudyRun]":
    """The studies' runs one after the other; all names are checked before the first begins."""
    from perturbax.core import enable_compilation_cache
    from perturbax.studies import BACKENDS, find_study, run_study

    # No window is wanted for a picture that goes to a file.
    os.environ.setdefault("MPLBACKEND", "Agg")
    if backend not in BACKENDS:
        raise ValueError(f"backend must be one of {', '.join(BACKENDS)}, got {backend!r}")
    for name in names:
        presets = find_study(name).study.presets
        if preset not in presets:
            raise ValueError(f"preset of {name} must be one of {', '.join(presets)}, got {preset!r}")
    enable_compilation_cache()
    shown = False if quiet else None
    options = {"seeds": seeds, "backend": backend, "jobs": jobs, "store": store, "retry": retry, "progress": shown}
    for name in names:
        yield run_study(name, preset, **options)


def _picture(done: "StudyRun") -> Path:
    """Saves the picture next to the store, or next to the user's own store when that is on a server."""
    from perturbax.core import write_atomic
    from perturbax.studies import default_store, draw

    store = Path(default_store() if "://" in done.store else done.store)
    folder = Path.cwd() if "://" in str(store) else store.parent
    path = folder / f"{done.study.slug}-{done.preset}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, draw(done))
    return path


def _exit_code(runs: "list[StudyRun]") -> int:
    if any(done.failures for done in runs):
        return 1
    return 3 if any(done.met is False for done in runs) else 0


def _summary(done: "StudyRun", picture: Path | None) -> dict[str, Any]:
    return {
        "slug": done.study.slug,
        "preset": done.preset,
        "met": done.met,
        "bars": [bar.as_json() for bar in done.bars],
        "trials": {"new": done.new, "reused": done.reused, "failed": len(done.failures)},
        "failures": [
            {"cell": dict(failure.trial.cell), "seed": failure.trial.seed, "error": failure.error}
            for failure in done.failures
        ],
        "seconds": round(done.seconds, 3),
        "store": done.store,
        "picture": None if picture is None else str(picture),
    }


_BAR_COLUMNS = {"bar": "fold", "measured": "right", "wanted": "right", "verdict": "left"}


def _bar_line(bar: dict[str, Any], withheld: bool = False) -> list[Any]:
    measured = "nan" if bar["measured"] is None else f"{bar['measured']:.4g}"
    return [bar["name"], measured, bar["wanted"], verdict(None if withheld else bar["met"])]


def _print_run(done: "StudyRun", picture: Path | None) -> None:
    title = f"{done.study.slug}: {done.study.claim}"
    counts = f"{done.new} trials run, {done.reused} from the store, {done.seconds:.1f} s in all"
    if done.bars:
        lines = [_bar_line(bar.as_json(), withheld=done.met is None) for bar in done.bars]
        print_table(title, _BAR_COLUMNS, lines, caption=f"preset {done.preset}; {counts}")
    for failure in done.failures:
        note(f"failed: {done.study.slug} {failure.trial.label}: {failure.error}")
    if done.failures:
        note(f"{done.study.slug}: {len(done.failures)} trials failed, no verdict ({counts}); --retry runs them again")
    if picture is not None:
        note(f"picture: {picture}")
