"""`perturbax systems`: the 72 published systems, what is built, and what was measured."""

from typing import Annotated

import typer
from rich.text import Text

from ._console import print_json, print_table, verdict

app = typer.Typer()


@app.command()
def systems(
    built: Annotated[bool, typer.Option("--built", help="Only systems whose study exists.")] = False,
    search: Annotated[str | None, typer.Option(help="Only systems with this text in a field.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """The 72 published systems: paper, verb, built or not, bars, last recorded measurement, stale or not."""
    from perturbax.studies import system_status
    from perturbax.studies import systems as all_systems

    rows = [system_status(system) for system in all_systems()]
    if built:
        rows = [row for row in rows if row["built"]]
    if search is not None:
        wanted = search.lower()
        rows = [row for row in rows if wanted in " ".join(str(value) for value in row.values()).lower()]
    if as_json:
        print_json(rows)
        return
    columns = {"no": "right", "slug": "left", "title": "fold", "paper": "left", "verb": "left", "bars": "left"}
    lines = [
        [str(row["number"]), row["slug"], row["title"], row["arxiv"] or row["doi"] or "", row["verb"], _state(row)]
        for row in rows
    ]
    count = sum(row["built"] for row in rows)
    print_table("Systems", columns, lines, caption=f"{len(rows)} systems, {count} built")


def _state(row: dict) -> Text:
    """In a few words: not built, built but not measured, or how many bars were met, when, and whether it is stale."""
    if not row["built"]:
        return Text("not built", style="dim")
    if row["recorded"] is None:
        return Text("built, not recorded", style="yellow")
    met = sum(bar["met"] for bar in row["bars"])
    state = Text.assemble(verdict(row["met"]), f" {met}/{len(row['bars'])}, {row['recorded']}")
    return Text.assemble(state, (", stale", "yellow")) if row["stale"] else state
