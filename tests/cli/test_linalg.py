"""`perturbax linalg`: matrices in, solutions and networks out, and wrong command lines."""

import json

import numpy as np
import pytest
import scipy.io
import scipy.sparse

from perturbax import linalg, nn
from perturbax.cli import main


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    mask = np.ones((6, 6), bool)
    mask[2:4, 2:4] = False
    operator = linalg.Poisson(mask, open_sides=True)
    inside = np.flatnonzero(mask.reshape(-1))
    matrix = scipy.sparse.coo_array(operator.matrix()[inside][:, inside])
    scipy.io.mmwrite("a.mtx", matrix, symmetry="symmetric")
    scipy.sparse.save_npz("a.npz", matrix.tocsr())
    np.save("mask.npy", mask)
    np.save("b.npy", np.random.default_rng(0).normal(size=inside.size))
    np.save("cells.npy", np.pad(mask.astype(int), 1, constant_values=2))
    return tmp_path


def run(*arguments):
    return main(["linalg", *map(str, arguments)])


def test_methods_side_by_side_and_the_solution_in_a_file(files, capsys):
    assert run("solve", "a.mtx", "b.npy", "--compare", "cg,sor", "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert [row["method"] for row in report["methods"]] == ["ic", "cg", "sor"]
    assert all(row["converged"] for row in report["methods"])
    matrix = scipy.sparse.load_npz("a.npz")
    np.testing.assert_allclose(matrix @ np.load("x.npy"), np.load("b.npy"), atol=1e-5)


def test_a_table_for_people_says_what_did_not_converge(files, capsys):
    assert run("solve", "a.npz", "b.npy", "--compare", "sor", "--max-steps", "12", "--tol", "1e-4") == 0
    out = capsys.readouterr().out
    assert "did not converge" in out
    assert out.strip().endswith("x.npy")


def test_a_network_is_trained_saved_and_used(files, capsys):
    quick = ("--steps", 3, "--ritz", 20, "--vectors", 16, "--width", 2, "--levels", 1)
    assert run("fit", "a.npz", "--mask", "mask.npy", *quick, "--json") == 0
    assert json.loads(capsys.readouterr().out)["unknowns"] == 36
    assert isinstance(linalg.load_network("network.npz"), nn.ResidualUNet)
    dcdm = ("--mask", "mask.npy", "--method", "dcdm", "--weights", "network.npz", "-o", "y.npy", "--json")
    assert run("solve", "a.npz", "b.npy", *dcdm) == 0
    assert json.loads(capsys.readouterr().out)["methods"][0]["converged"]
    np.testing.assert_allclose(scipy.sparse.load_npz("a.npz") @ np.load("y.npy"), np.load("b.npy"), atol=1e-5)


def test_cells_of_a_grid_are_its_pressure_equation(files):
    field = np.zeros((8, 8))
    field[1:-1, 1:-1][np.load("mask.npy")] = np.load("b.npy")
    np.save("field.npy", field)
    assert run("solve", "cells.npy", "field.npy", "-o", "p.npy", "--tol", 1e-10) == 0
    assert run("solve", "a.npz", "b.npy", "--tol", 1e-10) == 0
    np.testing.assert_allclose(np.load("p.npy")[1:-1, 1:-1][np.load("mask.npy")], np.load("x.npy"), atol=1e-8)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("none.mtx", "b.npy"), "MATRIX: there is no file none.mtx"),
        (("a.mtx", "none.npy"), "RIGHT: there is no file none.npy"),
        (("a.mtx", "a.mtx"), "RIGHT: a.mtx is no readable .npy file"),
        (("mask.npy", "b.npy"), "must hold integers, 0 solid, 1 fluid, 2 air"),
        (("text.txt", "b.npy"), "must end with .mtx, .mtx.gz, .npz or .npy"),
        (("bad.mtx", "b.npy"), "bad.mtx is no readable sparse matrix"),
        (("a.npz", "mask.npy"), "b must have shape (32,)"),
        (("a.npz", "b.npy", "--method", "magic"), "--method must be one of cg"),
        (("a.npz", "b.npy", "--method", "dcdm"), "--weights must be given for dcdm"),
        (("a.npz", "b.npy", "--method", "dcdm", "--weights", "none.npz"), "--weights: there is no file none.npz"),
        (("a.npz", "b.npy", "--method", "dcdm", "--weights", "a.npz"), "a.npz is damaged or no file of perturbax"),
        (("a.npz", "b.npy", "--tol", "0"), "tol must be a number > 0"),
        (("a.npz", "b.npy", "--method", "sor", "--omega", "2"), "omega must be a number in (0, 2)"),
        (("a.npz", "b.npy", "-o", "none/x.npy"), "lies in a folder that does not exist"),
        (("cells.npy", "b.npy", "--mask", "mask.npy"), "--mask must not be given"),
    ],
)
def test_wrong_command_lines_say_what_is_wrong(files, capsys, arguments, message):
    (files / "text.txt").write_text("text")
    (files / "bad.mtx").write_text("text")
    assert run("solve", *arguments) == 2
    assert message in " ".join(capsys.readouterr().err.split())


def test_what_does_not_converge_is_an_error(files, capsys):
    assert run("solve", "a.npz", "b.npy", "--method", "cg", "--max-steps", "2") == 1
    assert "CG after 2 iterations" in capsys.readouterr().err
    assert run("fit", "a.npz") == 2
    assert "--mask must be given" in capsys.readouterr().err
