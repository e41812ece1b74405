"""The fixture study by path, a store of its own for every test, and how its log is read."""

from pathlib import Path

import pytest

FIXTURE = str(Path(__file__).parent / "fixtures.py")


@pytest.fixture
def study() -> str:
    return FIXTURE


@pytest.fixture
def store(tmp_path) -> Path:
    return tmp_path / "store.sqlite"


@pytest.fixture
def log(tmp_path, monkeypatch):
    """A function that returns the labels of the trials that ran so far, once per time that they ran."""
    path = tmp_path / "log.txt"
    monkeypatch.setenv("FIXTURE_LOG", str(path))
    return lambda: [line.split("|")[0] for line in path.read_text().splitlines()] if path.exists() else []
