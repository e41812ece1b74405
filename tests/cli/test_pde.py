"""`perturbax pde`: problems of the catalogue and of files, and wrong command lines."""

import json

import numpy as np
import pytest

from perturbax.cli import main
from perturbax.interop import read_mesh

FILE = """
from perturbax import pde

def pulled(x, u, params):
    return u.d(0, 0) + 2.0

problem = pde.PDEProblem(pde.Box([0.0], [1.0]), pulled, [pde.Dirichlet(0.0)], exact=lambda x, params: x * (1.0 - x))
number = 3
"""
DISK = """
from perturbax import pde

def bowl(x, u, params):
    return u.laplacian() - 4.0

def square(x, params):
    return x[0] ** 2 + x[1] ** 2

problem = pde.PDEProblem(pde.Ball([0.0, 0.0], 1.0), bowl, [pde.Dirichlet(1.0)], exact=square)
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


def test_a_disk_is_written_for_paraview_and_as_an_array_with_what_is_outside_left_out(folder, capsys):
    (folder / "disk.py").write_text(DISK)
    small = ("--method", "random-features", "--interior", "100", "--boundary", "40", "--grid", "9", "--json")
    assert run("solve", "disk.py", *small, "-o", "disk.vtu") == 0
    assert json.loads(capsys.readouterr().out)["relative_l2"] < 1e-6
    mesh = read_mesh("disk.vtu")
    np.testing.assert_allclose(mesh.point_fields["u"], np.square(mesh.points[:, :2]).sum(1), atol=1e-6)
    assert run("solve", "disk.py", *small, "-o", "disk.npz") == 0
    with np.load("disk.npz", allow_pickle=False) as written:
        assert np.isnan(written["u"][0, 0]).all()
        assert written["u"][4, 8, 0] == pytest.approx(1.0, abs=1e-6)


@pytest.mark.slow
def test_a_gaussian_process_takes_its_own_options(folder, capsys):
    kernel = ("--option", "kernel.frequency=3", "--option", "kernel.components=6")
    assert run("solve", "mine.py", "--method", "gp-hm", "--option", "grid=30", "--steps", "40", *kernel, "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["method"] == "GPHM"
    assert facts["steps"] == 40
    assert facts["relative_l2"] < 0.1


@pytest.mark.slow
def test_an_energy_is_descended_on_a_grid_and_on_waves(folder, capsys):
    stated = ("solve", "semilinear", "--method", "barron-flow", "--parameter", "dimension=1", "--grid", "9", "--json")
    for more, terms in ((("--modes", "8"), 17), (("--option", "iterations=20"), None)):
        assert run(*stated, *more) == 0
        facts = json.loads(capsys.readouterr().out)
        assert facts["method"] == "BarronFlow"
        assert facts["relative_l2"] < 0.1
        assert terms in (None, facts["terms"])


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
        (("solve", "poisson", "--method", "barron-flow"), "problem must have an energy"),
        (("solve", "poisson", "--optimiser", "magic"), "--optimiser must be one of lm"),
        (("solve", "poisson", "-o", "u.txt"), "must end with .npz"),
        (("solve", "poisson", "-o", "none/u.npz"), "lies in a folder that does not exist"),
        (("solve", "klein_gordon", "--grid", "1000"), "--grid must give at most 10 million points"),
    ],
)
def test_wrong_command_lines_say_what_is_wrong(folder, capsys, arguments, message):
    assert run(*arguments) == 2
    assert message in " ".join(capsys.readouterr().err.split())
