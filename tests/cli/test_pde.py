"""`perturbax pde`: problems of the catalogue and of files, and wrong command lines."""

import json

import numpy as np
import pytest

from perturbax.cli import main

FILE = """
from perturbax import pde

def pulled(x, u, params):
    return u.d(0, 0) + 2.0

problem = pde.PDEProblem(pde.Box([0.0], [1.0]), pulled, [pde.Dirichlet(0.0)], exact=lambda x, params: x * (1.0 - x))
number = 3
"""
SMALL = ("--steps", "12", "--interior", "20", "--boundary", "2", "--grid", "9")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(FILE)
    return tmp_path


def run(*arguments):
    return main(["pde", *map(str, arguments)])


def test_a_problem_of_a_file_is_solved_and_written(folder, capsys):
    assert run("solve", "mine.py", "--method", "pinn", *SMALL, "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    with np.load("solution.npz", allow_pickle=False) as written:
        assert written["axis_0"].tolist() == np.linspace(0.0, 1.0, 9).tolist()
        x = written["axis_0"]
        np.testing.assert_allclose(written["u"][:, 0], x * (1.0 - x), atol=0.02)
    assert facts["method"] == "PINN"
    assert facts["relative_l2"] < 0.1
    assert len(facts["condition_rms"]) == 1


@pytest.mark.slow
def test_a_gaussian_process_takes_its_own_options(folder, capsys):
    kernel = ("--option", "kernel.frequency=3", "--option", "kernel.components=6")
    assert run("solve", "mine.py", "--method", "gp-hm", "--option", "grid=30", "--steps", "40", *kernel, "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["method"] == "GPHM"
    assert facts["steps"] == 40
    assert facts["relative_l2"] < 0.1


@pytest.mark.slow
def test_a_problem_of_the_catalogue_is_told_in_words(folder, capsys):
    assert run("solve", "poisson", "--parameter", "dimension=1", "--optimiser", "adam", *SMALL, "-o", "u.npz") == 0
    said = capsys.readouterr()
    assert said.out.strip() == "u.npz"
    assert "relative L2 error" in said.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("solve", "nothing"), "PROBLEM must be one of additive_poisson, advection"),
        (("solve", "none.py"), "PROBLEM"),
        (("solve", "mine.py:other"), "does not define other"),
        (("solve", "mine.py:number"), "number of mine.py must be a pde.PDEProblem, got int"),
        (("solve", "mine.py", "--parameter", "a=1"), "--parameter has no meaning for a file"),
        (("solve", "poisson", "--parameter", "a"), "--parameter must be written as name=number"),
        (("solve", "poisson", "--parameter", "a=1"), "--parameter of poisson"),
        (("solve", "poisson", "--method", "magic"), "--method must be one of pig"),
        (("solve", "poisson", "--method", "gp-hm", "--option", "a=1"), "--option of gp-hm must be one of chunk"),
        (("solve", "poisson", "--method", "gp-hm", "--option", "grid.a=1"), "--option of gp-hm has no a in 200"),
        (("solve", "poisson", "--option", "steps"), "--option must be written as name=number"),
        (("solve", "poisson", "--optimiser", "magic"), "--optimiser must be one of lm"),
        (("solve", "poisson", "-o", "u.txt"), "must end with .npz"),
        (("solve", "poisson", "-o", "none/u.npz"), "lies in a folder that does not exist"),
        (("solve", "klein_gordon", "--grid", "1000"), "--grid must give at most 10 million points"),
    ],
)
def test_wrong_command_lines_say_what_is_wrong(folder, capsys, arguments, message):
    assert run(*arguments) == 2
    assert message in " ".join(capsys.readouterr().err.split())
