"""Every Python block of the README and of the docs runs, those of a page one after the other."""

import contextlib
import functools
import importlib.util
import io
import os
import re
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
_BLOCK = re.compile(r"^(?P<indent> *)```python\n(?P<code>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL)
_OPTIONAL = ("torch", "diffusers", "dask", "ray", "mlxtend", "ott")
# The one block that shows the form of all calls and names nothing that exists.
_FORM = "perturbax.package.verb("


class Block(NamedTuple):
    page: str
    line: int
    code: str

    @property
    def lacks(self) -> list[str]:
        """Optional packages that the block imports and that are not installed."""
        wanted = [name for name in _OPTIONAL if re.search(rf"^ *(import|from) {name}\b", self.code, re.MULTILINE)]
        return [name for name in wanted if importlib.util.find_spec(name) is None]


@functools.cache
def blocks_of(page: Path) -> tuple[Block, ...]:
    text = page.read_text(encoding="utf-8")
    return tuple(
        Block(page.name, text[: found.start()].count("\n") + 2, re.sub(f"(?m)^{found['indent']}", "", found["code"]))
        for found in _BLOCK.finditer(text)
        if _FORM not in found["code"]
    )


def run(block: Block, names: dict) -> None:
    """Run a block; what a comment behind `print(...)` says must be among what is printed."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        # Padded so that a traceback names the line of the page.
        exec(compile("\n" * (block.line - 1) + block.code, block.page, "exec"), names)
    printed = said.getvalue().splitlines()
    for promised in re.findall(r"^ *print\(.*\)  # (.+)$", block.code, re.MULTILINE):
        assert promised in printed, f"{block.page}:{block.line} promises {promised!r} and prints {printed}"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Examples may write files."""
    monkeypatch.chdir(tmp_path)
    assert os.environ["MPLBACKEND"] == "Agg"


@pytest.mark.parametrize("page", [page for page in PAGES if blocks_of(page)], ids=lambda page: page.name)
def test_the_examples_of_a_page_run(page):
    names: dict = {"__name__": "__main__"}
    missing = {}
    for block in blocks_of(page):
        if block.lacks:
            missing[block.line] = block.lacks
        else:
            run(block, names)
    if missing:
        pytest.skip(f"the other examples ran; not those of lines {sorted(missing)}, which need {missing.values()}")


def test_examples_are_found():
    assert sum(len(blocks_of(page)) for page in PAGES) >= 10
