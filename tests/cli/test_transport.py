"""`perturbax transport bridge`: files in, a file out, and wrong command lines."""

import json

import numpy as np
import pytest

from perturbax.cli import main

QUICK = ("--potentials", 3, "--steps", 20)


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    np.save("a.npy", rng.normal(size=(30, 2)))
    np.save("b.npy", rng.normal(size=(20, 2)).astype(np.float32) + 5.0)
    np.savetxt("b.csv", np.load("b.npy"), delimiter=",", header="u,v", comments="")
    np.save("new.npy", np.zeros((4, 2)))
    return tmp_path


def run(*arguments):
    return main(["transport", "bridge", *map(str, arguments)])


def test_a_time_between_is_written_for_every_start(files, capsys):
    assert run("a.npy", "b.npy", "--eps", 0.5, "--t", 0.5, "-o", "mid.npy", *QUICK, "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["method"], report["points"], report["components"], report["times"]) == ("LightSB", 30, 3, [0.5])
    assert np.load("mid.npy").shape == (30, 2)


def test_tables_times_and_other_starts(files):
    assert run("a.npy", "b.csv", "--eps", 0.5, "--method", "gaussian", "--starts", "new.npy", "--t", "0,1") == 0
    states = np.load("bridge.npy")
    assert states.shape == (2, 4, 2)
    np.testing.assert_array_equal(states[0], 0.0)
    assert run("a.npy", "b.csv", "--eps", 0.5, "--method", "gaussian", "-o", "end.csv") == 0
    assert np.loadtxt("end.csv", delimiter=",").shape == (30, 2)


def test_cells_of_an_h5ad_file(files):
    h5py = pytest.importorskip("h5py")
    with h5py.File("cells.h5ad", "w") as file:
        file["obsm/X_pca"] = np.load("b.npy")
    assert run("a.npy", "cells.h5ad", "--eps", 0.5, "--method", "gaussian") == 0
    assert np.load("bridge.npy").mean() == pytest.approx(5.0, abs=0.5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("a.npy", "none.npy", "--eps", 1), "SECOND: there is no file none.npy"),
        (("a.npy", "b.npy", "--eps", 0), "epsilon must be a number > 0"),
        (("a.npy", "b.npy", "--eps", 1, "--t", "0.5,0.2"), "--t must increase within [0, 1]"),
        (("a.npy", "b.npy", "--eps", 1, "--t", "half"), "--t must be numbers"),
        (("a.npy", "b.npy", "--eps", 1, "--method", "magic"), "--method must be one of light-sb"),
        (("a.npy", "b.npy", "--eps", 1, "--covariance", "round"), "--covariance must be one of diagonal"),
        (("a.npy", "b.npy", "--eps", 1, "-o", "x.txt"), "--out x.txt must end with .npy or .csv"),
        (("a.npy", "b.npy", "--eps", 1, "-o", "x.csv", "--t", "0.5,1"), "for 2 times use .npy"),
        (("a.npy", "b.npy", "--eps", 1, "-o", "none/x.npy"), "lies in a folder that does not exist"),
        (("a.npy", "wide.npy", "--eps", 1), "must have one number of columns, got 2, 3, 2"),
        (("a.npy", "nan.npy", "--eps", 1), "nan.npy must hold finite numbers, row 1 does not"),
        (("a.npy", "flat.npy", "--eps", 1), "must hold numbers of shape (n, d)"),
        (("a.npy", "text.npy", "--eps", 1), "is no readable .npy file"),
        (("a.npy", "text.csv", "--eps", 1), "is no readable .csv file"),
        (("a.npy", "text.txt", "--eps", 1), "must end with .npy, .csv, .h5ad"),
    ],
)
def test_wrong_command_lines_say_what_is_wrong(files, capsys, arguments, message):
    np.save("wide.npy", np.zeros((5, 3)))
    np.save("nan.npy", np.array([[0.0, 1.0], [np.nan, 0.0]]))
    np.save("flat.npy", np.zeros(5))
    for name in ("text.npy", "text.csv", "text.txt"):
        (files / name).write_text("a,b\nc,d\n")
    assert run(*arguments) == 2
    assert message in " ".join(capsys.readouterr().err.split())


def test_a_damaged_h5ad_file_is_refused_by_name(files, capsys):
    pytest.importorskip("h5py")
    (files / "cells.h5ad").write_bytes(b"not hdf5")
    assert run("a.npy", "cells.h5ad", "--eps", 1) == 2
    assert "cells.h5ad is no readable .h5ad file" in " ".join(capsys.readouterr().err.split())
