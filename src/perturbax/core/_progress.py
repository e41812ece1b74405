"""A progress bar on a terminal, silence everywhere else."""

import os
import sys
from collections.abc import Iterable, Iterator, Sized
from typing import Any

# Two live bars would write over each other, so a bar inside of another one stays silent.
_shown: list["Progress"] = []


class Progress:
    """What `progress` returns: an iterable, or a context manager with `advance` and `update`."""

    def __init__(self, items: Iterable[Any] | None, total: int | None, description: str, show: bool | None):
        self._items, self._total, self._description, self._show = items, total, description, show
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> "Progress":
        if self._wanted():
            # rich is imported by the first bar that is shown: a silent run does not pay for it.
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
            from rich.progress import Progress as Bar

            columns = ("[progress.description]{task.description}", BarColumn(), MofNCompleteColumn())
            self._bar = Bar(
                *columns,
                TimeElapsedColumn(),
                TimeRemainingColumn(),
                TextColumn("{task.fields[shown]}"),
                console=Console(stderr=True),
            )
            self._task = self._bar.add_task(self._description, total=self._total, shown="")
            self._bar.start()
            _shown.append(self)
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
            _shown.remove(self)

    def __iter__(self) -> Iterator[Any]:
        if self._items is None:
            raise TypeError("progress over a number is a context manager: with progress(10, 'text') as bar: ...")
        with self:
            for item in self._items:
                yield item
                self.advance()

    def advance(self, n: int = 1) -> None:
        """`n` more are done."""
        if self._bar is not None:
            self._bar.advance(self._task, n)

    def update(self, **fields: Any) -> None:
        """Values to show behind the bar, such as `loss=0.1`."""
        if self._bar is not None:
            shown = "  ".join(f"{name} {_brief(value)}" for name, value in fields.items())
            self._bar.update(self._task, shown=shown)

    def _wanted(self) -> bool:
        if self._show is False or os.environ.get("PERTURBAX_PROGRESS") == "0" or _shown:
            return False
        return self._show is True or sys.stderr.isatty()


def progress(items: Iterable[Any] | int, description: str, *, show: bool | None = None) -> Progress:
    """A progress bar on standard error.

    **Arguments:**

    - `items`: what to iterate over, or the total for the form `with progress(100, "text") as bar: bar.advance(10)`.
    - `description`: the text before the bar.
    - `show`: `None` shows it on a terminal, `True` everywhere, `False` nowhere. Inside of another bar, and where the
      environment variable `PERTURBAX_PROGRESS` is `0`, nothing is shown.

    **Returns:** a `Progress`.

    >>> [n**2 for n in progress([1, 2, 3], "squares", show=False)]
    [1, 4, 9]
    """
    if isinstance(items, int):
        return Progress(None, items, description, show)
    return Progress(items, len(items) if isinstance(items, Sized) else None, description, show)


def _brief(value: Any) -> str:
    return value if isinstance(value, str) else f"{value:.4g}"
