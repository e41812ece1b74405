"""`perturbax stats robust-subset` on a table of a user."""

import json

import numpy as np
import pandas as pd
import pytest

from perturbax.cli import main

EDGES = ["--edge", "X2>y", "--edge", "y>M", "--edge", "y>X1", "--edge", "M>X1", "--mutable", "M"]


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """Four binary variables in two hospitals; by design only X2 is safe."""
    random, rows = np.random.default_rng(0), []
    for hospital, policy in (("a", (0.2, 0.6)), ("b", (0.7, 0.3))):
        x2 = random.integers(0, 2, 20_000)
        y = (random.random(x2.size) < 0.6 + 0.2 * x2).astype(int)
        m = (random.random(x2.size) < np.array(policy)[y]).astype(int)
        x1 = (random.random(x2.size) < np.where(y * m, 0.5, 0.02)).astype(int)
        rows.append(pd.DataFrame({"X1": x1, "X2": x2, "M": m, "y": y, "hospital": hospital}))
    path = tmp_path_factory.mktemp("table") / "data.csv"
    pd.concat(rows).to_csv(path, index=False)
    return str(path)


def test_the_safe_variable_is_found(table, capsys):
    call = ["stats", "robust-subset", table, "--target", "y", "--env", "hospital", "--discrete", *EDGES]
    assert main([*call, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["subset"] == ["X2"]
    assert said["condition_holds"] is False
    assert said["worst_risk"] == pytest.approx(0.2, abs=0.01)
    assert len(said["compared"]) == 4
    assert main(call) == 0
    assert "predict from: X2" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["--target", "z"], "no column 'z'"),
        (["--edge", "X1-y"], "--edge must be CAUSE>EFFECT"),
        (["--mutable", "y"], "mutable must not contain the target"),
        (["--edge", "y>X2"], "must not form a cycle"),
    ],
)
def test_wrong_input_is_told_in_one_line(table, capsys, change, message):
    call = ["stats", "robust-subset", table, "--target", "y", "--env", "hospital", "--discrete", *EDGES, *change]
    assert main(call) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1


def test_a_file_that_is_no_table(tmp_path, capsys):
    path = tmp_path / "empty.csv"
    path.write_text("")
    assert main(["stats", "robust-subset", str(path), "--target", "y", "--env", "e"]) == 2
    assert "is no table in CSV" in capsys.readouterr().err
    assert main(["stats", "robust-subset", str(tmp_path / "none.csv"), "--target", "y", "--env", "e"]) == 2
