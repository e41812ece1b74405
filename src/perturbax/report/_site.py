"""The static site: one folder of plain files that opens from disk and asks nothing of a network."""

import json
import os
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2

from perturbax import studies
from perturbax._version import __version__
from perturbax.core import write_atomic

from ._cards import Card, cards, paper_of


def build(out: str | os.PathLike[str] = "perturbax-site", *, store: str | os.PathLike[str] | None = None) -> Path:
    """Write the site: all systems, and a page for each measured study.

    Files of an earlier site in the same folder are replaced; other files are left alone.

    **Arguments:**

    - `out`: the folder, made when it is not there.
    - `store`: a store of trials whose finished studies are shown in the place of older recorded ones.

    **Returns:**

    The path of `index.html`.

    **Raises:**

    `NotADirectoryError` when `out` is a file, `ValueError` for a damaged store or summary.

    >>> import tempfile
    >>> from perturbax import report
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     report.build(folder).name
    'index.html'
    """
    folder = Path(out).expanduser().absolute()
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(20, "out must be a folder, this is a file", str(folder))
    made = {card.slug: card for card in cards(store)}
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("perturbax.report", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["version"] = __version__
    rows = [_row(system, made.get(system.slug)) for system in studies.systems()]
    index = environment.get_template("index.html").render(
        base="",
        systems=rows,
        cards=list(made.values()),
        bars_met=sum(bar.met for card in made.values() for bar in card.bars),
        bars_total=sum(len(card.bars) for card in made.values()),
    )
    pages = {"index.html": index}
    for card in made.values():
        pages[f"studies/{card.slug}.html"] = environment.get_template("study.html").render(base="../", card=card)
        pages[f"data/{card.slug}.json"] = json.dumps(card.summary, indent=1, ensure_ascii=False)
    files = {name: text.encode() for name, text in pages.items()}
    files |= {f"pictures/{card.slug}.png": card.picture for card in made.values() if card.picture is not None}
    for asset in resources.files("perturbax.report").joinpath("assets").iterdir():
        files[f"assets/{asset.name}"] = asset.read_bytes()
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, content)
    return folder / "index.html"


def _row(system: studies.System, card: Card | None) -> dict[str, Any]:
    """A system in the table; `text` is what the search looks through."""
    paper, url = paper_of(system.arxiv, system.doi)
    state = "measured" if card is not None else "built" if system.built else "planned"
    words = (system.number, system.slug, system.title, paper, system.verb, *system.methods, state)
    return {
        "number": system.number,
        "slug": system.slug,
        "title": system.title,
        "verb": system.verb,
        "paper": paper,
        "paper_url": url,
        "built": system.built,
        "state": state,
        "card": card,
        "text": " ".join(map(str, words)).lower(),
    }
