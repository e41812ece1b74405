"""`perturbax stats fit-distribution` on a file of a user."""

import json

import numpy as np
import pytest

from perturbax import stats
from perturbax.cli import main


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    """A circle in three dimensions, in a table with a header."""
    angle = np.random.default_rng(0).uniform(0.0, 2.0 * np.pi, 120)
    path = tmp_path_factory.mktemp("rows") / "data.csv"
    table = np.stack([np.cos(angle), np.sin(angle), np.cos(angle)], 1)
    np.savetxt(path, table, delimiter=",", header="a,b,c", comments="")
    return str(path)


def test_new_rows_and_scores_are_written(rows, tmp_path, capsys):
    out, scores, model = (tmp_path / name for name in ("new.csv", "scores.npy", "law.npz"))
    call = ["stats", "fit-distribution", rows, "--sigma", "0.1,0.3", "--steps", "20", "--num-samples", "7"]
    call += ["--out", str(out), "--scores", str(scores), "--model", str(model)]
    assert main([*call, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert [row["sigma"] for row in said["candidates"]] == [0.1, 0.3]
    assert said["rank"] == 2
    assert np.loadtxt(out, delimiter=",").shape == (7, 3)
    assert np.load(scores).shape == (120, 1)
    scored = stats.load_distribution(model).log_density(np.loadtxt(rows, delimiter=",", skiprows=1))
    np.testing.assert_allclose(scored, np.load(scores)[:, 0], rtol=1e-5)
    assert main(call) == 0
    assert "W1 to rows set aside" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["--sigma", "much"], "--sigma must be auto or numbers"),
        (["--sigma", "0,0.1"], "--sigma must be > 0"),
        (["--out", "nowhere/new.csv"], "--out"),
        (["--model", "nowhere/law.npz"], "--model"),
        (["--out", "new.txt"], "must end with .npy or .csv"),
    ],
)
def test_wrong_input_is_told_in_one_line(rows, tmp_path, monkeypatch, capsys, change, message):
    monkeypatch.chdir(tmp_path)
    assert main(["stats", "fit-distribution", rows, *change]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1


def test_a_file_that_is_not_there(capsys):
    assert main(["stats", "fit-distribution", "none.csv"]) == 2
    assert "there is no file none.csv" in capsys.readouterr().err
