"""Writes the generated table into README.md: `python -m perturbax.report.readme [README.md]`, or `make readme`."""

import sys
from pathlib import Path

from perturbax.core import write_atomic

from ._table import systems_table

START = "<!-- generated: systems (make readme) -->"
END = "<!-- end of generated -->"


def updated(text: str) -> str:
    """The README with the table between the markers made anew.

    **Raises:** `ValueError` when a marker is missing.
    """
    before, start, rest = text.partition(START)
    _, end, after = rest.partition(END)
    if not start or not end:
        raise ValueError(f"README.md must have the markers {START} and {END}, in this order")
    return f"{before}{START}\n{systems_table()}\n{END}{after}"


def main() -> None:
    path = Path(sys.argv[1] if len(sys.argv) > 1 else "README.md")
    write_atomic(path, updated(path.read_text(encoding="utf-8")).encode())


if __name__ == "__main__":
    main()
