"""`perturbax approximate` on a table and on functions."""

import json

import numpy as np
import pytest

from perturbax.cli import main


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    x = np.linspace(0.0, 3.0, 60)
    path = tmp_path_factory.mktemp("table") / "data.csv"
    np.savetxt(path, np.stack([x, np.sin(4.0 * x)], 1), delimiter=",", header="x,y", comments="")
    return str(path)


def test_a_column_is_fitted_and_evaluated(table, tmp_path, capsys):
    at, out = tmp_path / "at.csv", tmp_path / "values.csv"
    at.write_text("x\n0.5\n1.25\n")
    call = ["approximate", "fit", table, "--target", "y", "--width", "24", "--at", str(at), "--out", str(out)]
    assert main([*call, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["bandwidth"] in [row["bandwidth"] for row in said["candidates"]]
    np.testing.assert_allclose(np.loadtxt(out, skiprows=1), np.sin([2.0, 5.0]), atol=1e-2)
    assert main(call) == 0
    assert "cross-validation" in capsys.readouterr().out


def test_a_program_is_written_with_its_bound(tmp_path, capsys):
    out = tmp_path / "f.c"
    call = ["approximate", "discover", "exp2", "--interval", "0", "1", "--max-ops", "2", "--generations", "3"]
    assert main([*call, "--out", str(out), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["front"][-1]["error"] <= said["front"][-1]["bound"]
    assert out.read_text() == said["source"]
    assert "static inline double approximation" in said["source"]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (["fit", "TABLE", "--target", "z"], "--target must be a column"),
        (["fit", "TABLE", "--target", "y", "--method", "svm"], "--method must be one of"),
        (["fit", "TABLE", "--target", "y", "--at", "TABLE", "--out", "nowhere/v.csv"], "--out"),
        (["fit", "none.csv", "--target", "y"], "none.csv"),
        (["discover", "sinc", "--interval", "0", "1"], "FUNCTION must be one of"),
        (["discover", "exp2", "--interval", "1", "0"], "upper must be > lower"),
        (["discover", "exp2", "--interval", "0", "1", "--ops", "add,pow"], "operations must be"),
        (["discover", "log", "--interval", "0", "1"], "fn must be finite"),
        (["discover", "log", "--interval", "1", "2"], "AbsoluteError"),
        (["discover", "exp2", "--interval", "0", "1", "--dtype", "f16"], "--dtype must be one of"),
    ],
)
def test_wrong_input_is_told_in_one_line(table, capsys, call, message):
    assert main(["approximate", *(table if word == "TABLE" else word for word in call)]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1
