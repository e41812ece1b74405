"""`perturbax transport trajectories`: snapshots in, a table of paths out, and wrong command lines."""

import json

import numpy as np
import pandas as pd
import pytest

from perturbax.cli import main

QUICK = ("--iterations", 1, "--inner", 2, "--steps", 5)


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    days = np.repeat([0.0, 1.0, 3.0], 20)
    table = pd.DataFrame({"day": days, "u": rng.normal(size=60) + days, "v": rng.normal(size=60) + 3.0})
    table.to_csv("snaps.csv", index=False)
    table.assign(day=[f"day {d:g}" for d in days]).to_csv("words.csv", index=False)
    table.assign(u=[np.nan, *table["u"][1:]]).to_csv("nan.csv", index=False)
    table[table["day"] == 0.0].to_csv("one.csv", index=False)
    table.assign(u="a").to_csv("text.csv", index=False)
    (tmp_path / "mine.py").write_text(
        "import jax\nimport jax.numpy as jnp\n"
        "drift = jax.tree_util.Partial(lambda p, x, t: p * x, jnp.array(0.1))\n"
        "def still(x, t):\n    return 0.0 * x\n"
    )
    return tmp_path


def run(*arguments):
    return main(["transport", "trajectories", *map(str, arguments)])


def test_paths_and_parameters_of_a_family_and_a_forecast(files, capsys):
    given = ("--time", "day", "--volatility", 0.5, "--family", "linear", "--t", "0,2", "--forecast", "4,5")
    assert run("snaps.csv", *given, *QUICK, "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["method"], report["paths"], report["snapshots"]) == ("SBIRR", 60, {"0.0": 20, "1.0": 20, "3.0": 20})
    assert np.shape(report["parameters"]["matrix"]) == (2, 2)
    table = pd.read_csv("trajectories.csv")
    assert list(table.columns) == ["day", "path", "u", "v"]
    assert table.groupby("day").size().to_dict() == {0.0: 60, 2.0: 60, 4.0: 20, 5.0: 20}


def test_the_first_number_in_words_is_the_time(files, capsys):
    assert run("words.csv", "--time", "day", "--volatility", 0.5, "--family", "brownian", *QUICK) == 0
    table = pd.read_csv("trajectories.csv")
    assert (table["day"].min(), table["day"].max(), len(table)) == (0.0, 3.0, 60 * 11)
    assert "60 paths through 3 snapshots" in capsys.readouterr().err


@pytest.mark.slow
def test_a_drift_of_the_users(files, capsys):
    assert run("snaps.csv", "--time", "day", "--volatility", 0.5, "--family", "mine:drift", *QUICK, "--json") == 0
    assert len(json.loads(capsys.readouterr().out)["parameters"]) == 1


def test_cells_of_an_h5ad_file(files, capsys):
    h5py = pytest.importorskip("h5py")
    table = pd.read_csv("snaps.csv")
    with h5py.File("cells.h5ad", "w") as file:
        file["obsm/X_pca"] = table[["u", "v"]].to_numpy()
        file["obs/stage/categories"] = ["E1", "E2.5", "E0"]
        file["obs/stage/codes"] = np.repeat([2, 0, 1], 20)
    assert run("cells.h5ad", "--time", "stage", "--volatility", 0.5, "--family", "brownian", *QUICK, "--json") == 0
    assert list(json.loads(capsys.readouterr().out)["snapshots"]) == ["0.0", "1.0", "2.5"]
    assert run("cells.h5ad", "--time", "day", "--volatility", 0.5) == 2
    assert "obs has no day; there are stage" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("none.csv",), "SNAPSHOTS: there is no file none.csv"),
        (("mine.py",), "must end with .csv or .h5ad"),
        (("snaps.csv", "--time", "hour"), "it has no column hour; there are day, u, v"),
        (("nan.csv",), "must hold finite numbers, row 0 does not"),
        (("one.csv",), "must hold two times or more in day"),
        (("text.csv",), "must hold numbers of shape (n, d)"),
        (("snaps.csv", "--volatility", 0), "volatility must be a number > 0"),
        (("snaps.csv", "--family", "wolf"), "--family must be one of lotka-volterra"),
        (("snaps.csv", "--family", "repressilator"), "--family repressilator needs 3 coordinates, got 2"),
        (("snaps.csv", "--family", "mine:none"), "module mine has no none"),
        (("snaps.csv", "--family", "mine:still"), "problem.reference must have floating arrays"),
        (("snaps.csv", "--t", "0,9"), "--t must lie between the snapshots, in [0, 3]"),
        (("snaps.csv", "--t", "2,1"), "--t must increase"),
        (("snaps.csv", "--forecast", "2"), "--forecast must be after the last snapshot"),
        (("snaps.csv", "-o", "paths.npy"), "--out paths.npy must end with .csv"),
        (("snaps.csv", "-o", "none/paths.csv"), "lies in a folder that does not exist"),
    ],
)
def test_wrong_command_lines_say_what_is_wrong(files, capsys, arguments, message):
    given = () if "--time" in arguments else ("--time", "day")
    given += () if "--volatility" in arguments else ("--volatility", 0.5)
    assert run(*arguments, *given) == 2
    assert message in " ".join(capsys.readouterr().err.split())
