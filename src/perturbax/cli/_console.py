"""What commands print: a table for people or one JSON document on standard output, notes on standard error."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text


def print_json(value: Any) -> None:
    """Prints plain values as one JSON document; numbers that are not finite become `null`."""
    print(json.dumps(_plain(value), indent=2, ensure_ascii=False, allow_nan=False))


def print_table(
    title: str, columns: Mapping[str, str], rows: Iterable[Sequence[str | Text]], caption: str | None = None
) -> None:
    """Prints a table. `columns` maps a heading to "left", "right" or "fold" (the column that gives way)."""
    table = Table(title=title, title_justify="left", title_style="bold", caption=caption, caption_justify="left")
    for name, manner in columns.items():
        if manner == "fold":
            table.add_column(name, overflow="fold", ratio=1)
        else:
            table.add_column(name, justify="right" if manner == "right" else "left", no_wrap=True)
    for row in rows:
        table.add_row(*(cell if isinstance(cell, Text) else Text(cell) for cell in row))
    # Without a terminal a table is read by other programs or in a log: no width to fold it to.
    console = Console()
    if not console.is_terminal:
        console = Console(width=160)
    console.print(table)


def note(text: str) -> None:
    """A line for the person at the terminal that is no part of the result."""
    Console(stderr=True, soft_wrap=True, highlight=False).print(Text(text))


def verdict(met: bool | None) -> Text:
    """A bar's or a study's verdict as a word that is also a colour."""
    if met is None:
        return Text("no verdict", style="yellow")
    return Text("met", style="green") if met else Text("missed", style="bold red")


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
