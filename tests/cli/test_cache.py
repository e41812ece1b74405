"""`perturbax cache`: shows and empties the folder that the environment names, and never without being asked to."""

import io
import json

import numpy as np
import pytest

from perturbax.cli import main
from perturbax.core import cached


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("PERTURBAX_CACHE", str(tmp_path / "cache"))
    cached("something", {"size": 1000}, lambda: {"x": np.zeros(1000)})
    return tmp_path / "cache"


def test_the_size_is_shown(folder, capfd):
    assert main(["cache", "show", "--json"]) == 0
    assert json.loads(capfd.readouterr().out) == {"folder": str(folder), "bytes": _size(folder)}
    assert main(["cache", "show"]) == 0
    assert "cache" in capfd.readouterr().out


def test_it_is_emptied_when_asked_to_and_only_then(folder, monkeypatch):
    before = _size(folder)
    assert before > 0
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    assert main(["cache", "clear"]) == 1
    assert _size(folder) == before
    assert main(["cache", "clear", "--yes"]) == 0
    assert _size(folder) == 0


def _size(folder):
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
