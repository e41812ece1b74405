"""A card: one measured study in the words and figures that a page shows."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from perturbax import studies

if TYPE_CHECKING:
    import os

_PROVENANCE_FIRST = ("perturbax", "python", "jax")


@dataclass(frozen=True)
class CardBar:
    """A bar in print: what was measured, what was wanted, and whether it is met."""

    name: str
    measured: str
    wanted: str
    met: bool
    note: str = ""


@dataclass(frozen=True)
class Column:
    """The head of a column of a card's table; numeric columns are set to the right."""

    name: str
    numeric: bool


@dataclass(frozen=True)
class Card:
    """A measured study as a page shows it.

    `rows` has a row per cell of the study's grid under `columns`, means with standard deviations over the seeds; what
    is the same in all cells is in `fixed` instead. `picture` is PNG bytes, `summary` the recorded numbers.
    """

    slug: str
    title: str
    claim: str
    verb: str
    methods: tuple[str, ...]
    paper: str
    paper_url: str
    preset: str
    bars: tuple[CardBar, ...]
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    fixed: tuple[tuple[str, str], ...]
    provenance: tuple[tuple[str, str], ...]
    stale: bool
    picture: bytes | None
    summary: Mapping[str, Any]

    @property
    def met(self) -> bool:
        """Whether all bars are met."""
        return all(bar.met for bar in self.bars)


def cards(store: "str | os.PathLike[str] | None" = None) -> tuple[Card, ...]:
    """The measured studies in the order of the systems.

    **Arguments:**

    - `store`: a store of trials (path or database URL). A study whose trials of preset `"small"` are all in it is
        judged anew from there; the others are shown as they were recorded. Nothing is run.

    **Returns:**

    A tuple of `Card`.

    **Raises:**

    `ValueError` for a damaged summary or store, `FileNotFoundError` for a store that is not there, with its name.

    >>> from perturbax import report
    >>> all(card.bars for card in report.cards())
    True
    """
    if store is not None:
        _check_store(store)
    made = []
    for system in studies.systems():
        fresh = _from_store(system.slug, store) if store is not None and system.built else None
        if fresh is not None:
            made.append(fresh)
            continue
        summary = studies.recorded(system.slug)
        if summary is not None:
            path = studies.recorded_picture(system.slug)
            picture = None if path is None else path.read_bytes()
            made.append(card_from_summary(summary, picture, stale=bool(studies.system_status(system)["stale"])))
    return tuple(made)


def card_from_summary(summary: Mapping[str, Any], picture: bytes | None, *, stale: bool = False) -> Card:
    """The card of a recorded summary (see `studies.summarize`).

    **Arguments:** `summary`; `picture`: PNG bytes or `None`; `stale`: whether the code has changed since.

    **Returns:** a `Card`.
    """
    table = summary["table"]
    columns, rows, fixed = _tabulate(table)
    paper = summary["paper"]
    system = next((system for system in studies.systems() if system.slug == summary["slug"]), None)
    name, url = paper_of(paper, None if system is None else system.doi)
    return Card(
        slug=summary["slug"],
        title=summary["title"],
        claim=summary["claim"],
        verb=summary["verb"],
        methods=tuple(summary["methods"]),
        paper=name,
        paper_url=url,
        preset=summary["preset"],
        bars=tuple(
            CardBar(bar["name"], number(bar["measured"]), wanted(bar), bar["met"], bar["note"])
            for bar in summary["bars"]
        ),
        columns=columns,
        rows=rows,
        fixed=fixed,
        provenance=_provenance(summary),
        stale=stale,
        picture=picture,
        summary=summary,
    )


def paper_of(arxiv: str | None, doi: str | None) -> tuple[str, str]:
    """Name and address of a paper; two empty texts when it has neither number."""
    if arxiv is not None:
        return f"arXiv {arxiv}", f"https://arxiv.org/abs/{arxiv}"
    if doi is not None:
        return f"doi {doi}", f"https://doi.org/{doi}"
    return "", ""


def number(value: Any) -> str:
    """A value in print, numbers with four digits."""
    if value is None:
        return "not finite"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if isinstance(value, int) or (value == int(value) and abs(value) < 1e6):
        return str(int(value))
    return f"{value:.4g}"


def wanted(bar: Mapping[str, Any]) -> str:
    """The threshold of a recorded bar in print."""
    if bar["sense"] == "in":
        return f"{number(bar['threshold'])} to {number(bar['upper'])}"
    return f"{'≤' if bar['sense'] == '<=' else '≥'} {number(bar['threshold'])}"


def _from_store(study: str, store: "str | os.PathLike[str]") -> Card | None:
    """The card from the trials of preset `"small"` in a store, `None` when they are not all there."""
    run = studies.finished_run(study, store)
    if run is None or run.met is None:
        return None
    return card_from_summary(studies.summarize(run), studies.draw(run))


def _check_store(store: "str | os.PathLike[str]") -> None:
    """A store is made when it is not there, which is right for running a study and wrong for looking at one."""
    if "://" not in str(store) and not Path(store).expanduser().is_file():
        raise FileNotFoundError(2, "there is no such store", str(store))


def _tabulate(
    table: Sequence[Mapping[str, Any]],
) -> tuple[tuple[Column, ...], tuple[tuple[str, ...], ...], tuple[tuple[str, str], ...]]:
    """Columns, rows, and what is the same in all cells."""
    if not table:
        return (), (), ()
    names = list(table[0]["cell"])
    varying = [name for name in names if len({repr(row["cell"][name]) for row in table}) > 1] or names[:1]
    # A reader looks for the method first.
    varying.sort(key=lambda name: name != "method")
    fixed = tuple((name, number(table[0]["cell"][name])) for name in names if name not in varying)
    measured = list(dict.fromkeys(name for row in table for name in row["values"]))
    counts = {row["n"] for row in table}
    columns = [Column(name, all(_is_number(row["cell"][name] or 0) for row in table)) for name in varying]
    columns += [Column(name, True) for name in measured]
    rows = [
        tuple(_entry(row["cell"][name]) for name in varying)
        + tuple(_spread(row["values"].get(name), row["n"]) for name in measured)
        for row in table
    ]
    if counts != {1}:
        fixed += (("seeds in each cell", ", ".join(map(str, sorted(counts)))),)
    return tuple(columns), tuple(rows), fixed


def _entry(value: Any) -> str:
    """A value in a table, where one that is missing and one that is not finite look the same."""
    return "–" if value is None else number(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _spread(value: Mapping[str, Any] | None, n: int) -> str:
    """Mean and standard deviation with the digits that mean something."""
    mean, std = (None, None) if value is None else (value["mean"], value["std"])
    if mean is None or not std or n < 2:
        return _entry(mean)
    digits = min(max(math.floor(math.log10(abs(mean))) - math.floor(math.log10(std)) + 2 if mean else 2, 2), 5)
    return f"{mean:.{digits}g} ± {std:.2g}"


def _provenance(summary: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    versions = summary["versions"]
    names = [name for name in _PROVENANCE_FIRST if name in versions]
    names += [name for name in versions if name not in names]
    seeds = summary["seeds"]
    return (
        ("Measured", f"{summary['date']}, preset {summary['preset']}, {summary['precision']}"),
        ("Seeds", ", ".join(map(str, seeds)) if len(seeds) <= 10 else f"{seeds[0]} to {seeds[-1]}"),
        ("Trials", f"{summary['trials']} in {summary['seconds']:.0f} s of computing"),
        ("Machine", f"{summary['machine']}, {summary['cores']} cores, device {summary['device']}"),
        ("Versions", ", ".join(f"{name} {versions[name]}" for name in names)),
        ("Code digest", summary["code"][:16]),
    )
