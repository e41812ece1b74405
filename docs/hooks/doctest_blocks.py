"""A griffe extension: the examples in our docstrings are doctests, which Markdown would take for quotations."""

import re
from typing import Any

import griffe

_EXAMPLE = re.compile(r"(?:^[ ]*>>> .*\n?(?:^[ ]*(?!>>> )\S.*\n?)*)+", re.MULTILINE)


def fence(text: str) -> str:
    """Put every block of doctests into a fence."""
    return _EXAMPLE.sub(lambda found: f"```pycon\n{found.group(0).rstrip()}\n```\n", text)


class DoctestBlocks(griffe.Extension):
    """Fences the doctests of every docstring before it is rendered."""

    def on_instance(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        if obj.docstring is not None:
            obj.docstring.value = fence(obj.docstring.value)
