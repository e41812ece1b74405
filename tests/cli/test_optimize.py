"""`perturbax optimize tune`: matrices in, choices and a state out, and wrong command lines."""

import json

import numpy as np
import pandas as pd
import pytest
import scipy.io
import scipy.sparse

from perturbax import linalg, optimize
from perturbax.cli import main

SHIFTS = (0.0, 0.5, 1.0, 2.0)
NAMES = [f"a{i}.npz" for i in range(4)]


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    matrix = linalg.Poisson(np.ones((5, 5), bool), open_sides=True).matrix()
    (tmp_path / "rights").mkdir()
    for i, (name, shift) in enumerate(zip(NAMES, SHIFTS, strict=True)):
        scipy.sparse.save_npz(name, scipy.sparse.csr_array(matrix + shift * scipy.sparse.eye_array(25)))
        np.save(f"rights/a{i}.npy", np.random.default_rng(i).normal(size=25))
    pd.DataFrame({"context": SHIFTS}).to_csv("contexts.csv", index=False)
    return tmp_path


def run(*arguments):
    return main(["optimize", "tune", *map(str, arguments)])


def test_choices_are_written_and_a_second_run_goes_on(files, capsys):
    pd.DataFrame({"context": SHIFTS[:2]}).to_csv("two.csv", index=False)
    options = ("--context", "two.csv", "--rights", "rights", "--state", "tuner.npz", "--grid", "1,1.6,3")
    for rounds in (2, 4):
        assert run(*NAMES[:2], *options, "--json") == 0
        report = json.loads(capsys.readouterr().out)
        assert report["method"] == "ChebCB"
        assert report["rounds"] == rounds == optimize.Tuner.load("tuner.npz").rounds
    table = pd.read_csv("omegas.csv")
    assert table["matrix"].tolist() == NAMES[:2]
    assert table["context"].tolist() == list(SHIFTS[:2])
    assert set(table["omega"]) <= {1.0, 1.3, 1.6}
    assert table["converged"].all()
    first = table.iloc[0]
    system = linalg.LinearSystem(linalg.Sparse.read(NAMES[0]), np.load("rights/a0.npy"))
    solved = linalg.solve(system, linalg.PCG(linalg.SSOR(first["omega"]), tol=1e-8))
    assert int(solved.iterations) == first["iterations"]


def test_without_contexts_and_for_people(files, capsys):
    scipy.io.mmwrite("b.mtx", scipy.sparse.load_npz("a0.npz"))
    assert run("b.mtx", *NAMES[:1], "--solver", "sor", "--max-steps", "5") == 0
    out = capsys.readouterr().out
    assert "did not converge" in out
    assert "TsallisINF" in out
    assert out.strip().endswith("omegas.csv")


def test_contexts_by_the_names_of_the_files(files, capsys):
    pd.DataFrame({"matrix": NAMES[::-1], "context": SHIFTS[::-1]}).to_csv("named.csv", index=False)
    assert run(*NAMES[:2], "--context", "named.csv", "--method", "fixed", "--omega", "1.2", "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert [row["context"] for row in report["instances"]] == [0.0, 0.5]
    assert [row["omega"] for row in report["instances"]] == [1.2, 1.2]


def test_what_was_learned_before_an_error_is_kept(files, capsys):
    assert run("a0.npz", "zero.npz", "--state", "tuner.npz") == 2
    assert not (files / "tuner.npz").exists()
    diagonal = scipy.sparse.csr_array(np.array([[0.0, 1.0], [1.0, 2.0]]))
    scipy.sparse.save_npz("zero.npz", diagonal)
    assert run("a0.npz", "zero.npz", "--state", "tuner.npz") == 2
    assert "zero.npz must have no zero on its diagonal" in " ".join(capsys.readouterr().err.split())
    assert optimize.Tuner.load("tuner.npz").rounds == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("none.npz",), "MATRICES: there is no file none.npz"),
        (("a0.npz", "--context", "none.csv"), "--context: there is no file none.csv"),
        (("a0.npz", "--context", "contexts.csv"), "must have 1 rows, one for each matrix, got 4"),
        (("a0.npz", "--context", "other.csv"), "must have the column context, it has x"),
        (("a0.npz", "--context", "words.csv"), "must hold numbers in the column context"),
        (("a0.npz", "--context", "nan.csv"), "must hold finite numbers in the column context"),
        (("a0.npz", "--context", "absent.csv"), "must have a row for each matrix, a0.npz has none"),
        (("a0.npz", "--rights", "none"), "--rights: there is no folder none"),
        (("b.mtx",), "b.mtx is no readable sparse matrix"),
        (("a0.npz", "--method", "magic"), "--method must be one of chebcb, tsallis-inf-rv"),
        (("a0.npz", "--method", "chebcb"), "--context must be given for --method chebcb"),
        (("a0.npz", "--solver", "magic"), "--solver must be one of sor, ssor-cg"),
        (("a0.npz", "--grid", "1,2"), "--grid must be 3 numbers"),
        (("a0.npz", "--grid", "1,2,5"), "--grid must be first,last,count with 0 < first < last < 2"),
        (("a0.npz", "--interval", "1,0"), "--interval must be the smaller number first"),
        (("a0.npz", "--method", "fixed", "--omega", "2.5"), "omega must be a number in (0, 2)"),
        (("a0.npz", "--tol", "0"), "tol must be a number > 0"),
        (("a0.npz", "--state", "contexts.csv"), "contexts.csv is damaged or no file of perturbax"),
        (("a0.npz", "-o", "none/x.csv"), "lies in a folder that does not exist"),
        (("skew.npz",), "operator must be symmetric for PCG"),
    ],
)
def test_wrong_command_lines_say_what_is_wrong(files, capsys, arguments, message):
    (files / "b.mtx").write_text("text")
    (files / "other.csv").write_text("x\n1\n")
    (files / "words.csv").write_text("context\nwarm\n")
    (files / "nan.csv").write_text("context\ninf\n")
    (files / "absent.csv").write_text("matrix,context\nz.npz,1\n")
    scipy.sparse.save_npz("skew.npz", scipy.sparse.csr_array(np.array([[2.0, 1.0], [0.0, 2.0]])))
    assert run(*arguments) == 2
    assert message in " ".join(capsys.readouterr().err.split())


def test_a_state_of_another_method_is_refused(files, capsys):
    assert run("a0.npz", "--method", "ucb1", "--state", "tuner.npz") == 0
    assert run("a0.npz", "--method", "exp3", "--state", "tuner.npz") == 2
    assert "holds UCB1, not --method exp3" in " ".join(capsys.readouterr().err.split())
