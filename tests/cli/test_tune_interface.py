"""`perturbax pde tune-interface`: a family of a file, and wrong command lines."""

import json

import pandas as pd
import pytest

from perturbax.cli import main

FILE = """
from perturbax import pde

family = pde.Family(pde.catalogue.poisson_box, [1.0], [3.0], pde.Split(0, 0.5))
number = 3
"""
SMALL = ("--plays", "3", "--steps", "2", "--width", "3", "--interior", "16", "--boundary", "8", "--interface", "2")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(FILE)
    return tmp_path


@pytest.mark.slow
def test_a_family_of_a_file_is_tuned_and_its_plays_are_written(folder, capsys):
    few = ("--conditions", "value,flux", "--rule", "random", "--out", "plays.csv", "--json")
    assert main(["pde", "tune-interface", "mine.py", *SMALL, *few]) == 0
    facts = json.loads(capsys.readouterr().out)
    table = pd.read_csv("plays.csv")
    assert list(table.columns) == ["number_0", "value", "flux", "error"]
    assert len(table) == facts["plays"] == 3
    assert table["number_0"].between(1.0, 3.0).all()
    assert (table["error"] > 0.0).all()
    assert [one["numbers"] for one in facts["advice"]] == [[1.0], [2.0], [3.0]]
    assert set(facts["advice"][0]["conditions"]) <= {"value", "flux"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["stokes_family"], "FAMILY must be one of"),
        (["mine.py:number"], "must be a pde.Family, got int"),
        (["mine.py:nothing"], "does not define nothing"),
        (["there.py"], "there.py"),
        (["mine.py", "--conditions", "value,heat"], "--conditions must be one of"),
        (["mine.py", "--conditions", "value,value"], "--conditions must differ"),
        (["mine.py", "--rule", "best"], "--rule must be one of"),
        (["mine.py", "--out", "plays.txt"], "must end with .csv"),
        (["mine.py", "--plays", "0"], "plays"),
    ],
)
def test_a_wrong_command_line_is_refused(folder, capsys, arguments, message):
    assert main(["pde", "tune-interface", *arguments]) == 2
    assert message in " ".join(capsys.readouterr().err.split())
