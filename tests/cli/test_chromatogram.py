"""`perturbax chromatogram` on a trace and on a case of a user."""

import json

import numpy as np
import pytest

from perturbax import pde
from perturbax.cli import main
from perturbax.systems import column

CASE = """
end = 100.0
samples = 100
[column]
length = 2.0
speed = 2.0
[pulse]
width = 1.0
[[analytes]]
name = "benzene"
adsorption = 80.0
desorption = 3.0
[[analytes]]
adsorption = 60.0
desorption = 1.2
concentration = 2
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("traces")
    apparatus = column.GasColumn(1.0, column.ConstantFlow(1.0))
    kinetics = column.Linear([80.0, 60.0], [3.0, 1.2])
    sample = column.Injection(apparatus, kinetics, column.Rectangle(1.0), [1.0, 2.0])
    times = np.linspace(0.0, 100.0, 101)
    signal = pde.simulate(sample, pde.LaplaceIntegral(), times).signal + 0.01
    rows = [f"{t:g},{i},{y:.12g}" for i, (t, y) in enumerate(zip(times, signal, strict=True))]
    (folder / "trace.csv").write_text("\n".join(["seconds,scan,fid", *rows]))
    (folder / "broken.csv").write_text("\n".join(["seconds,scan,fid", *rows[:3], "4,3,", *rows[5:]]))
    (folder / "narrow.csv").write_text("seconds\n1\n2\n")
    (folder / "case.toml").write_text(CASE)
    return folder


def test_rates_from_a_trace(files, capsys, tmp_path):
    curves, picture = tmp_path / "curves.csv", tmp_path / "peaks.png"
    call = ["chromatogram", "fit", str(files / "trace.csv"), "--dead-time", "1", "--peaks", "2"]
    assert main([*call, "--json", "--out", str(curves), "--picture", str(picture)]) == 0
    said = json.loads(capsys.readouterr().out)
    assert [peak["adsorption"] for peak in said["peaks"]] == pytest.approx([80.0, 60.0], rel=1e-5)
    assert [peak["desorption"] for peak in said["peaks"]] == pytest.approx([3.0, 1.2], rel=1e-5)
    assert said["baseline"][0] == pytest.approx(0.01, rel=1e-3)
    assert said["residual"] < 1e-7
    assert said["warnings"] == []
    table = np.genfromtxt(curves, delimiter=",", names=True)
    np.testing.assert_allclose(table["fitted"], table["signal"], atol=1e-6)
    assert picture.read_bytes().startswith(b"\x89PNG")
    named = ["--time-column", "seconds", "--signal-column", "fid"]
    assert main([*call[:-1], "27.7,51", *named]) == 0
    said = capsys.readouterr().out
    assert "resolution" in said
    assert "80 ± 0.0 %" in said


def test_the_trace_of_a_case(files, capsys, tmp_path):
    curves = tmp_path / "curves.csv"
    call = ["chromatogram", "simulate", str(files / "case.toml")]
    assert main([*call, "--json", "--out", str(curves)]) == 0
    said = json.loads(capsys.readouterr().out)
    assert [analyte["name"] for analyte in said["analytes"]] == ["benzene", "analyte 2"]
    assert said["analytes"][0]["retention_time"] == pytest.approx(1.0 + 80.0 / 3.0, rel=1e-4)
    assert said["competition"] == 0.0
    rows = np.genfromtxt(curves, delimiter=",", names=True)
    fitted = np.genfromtxt(files / "trace.csv", delimiter=",", names=True)
    np.testing.assert_allclose(rows["benzene"] + rows["analyte_2"] + 0.01, fitted["fid"], atol=1e-8)
    crowded = files / "crowded.toml"
    crowded.write_text(CASE.replace("adsorption = ", "capacity = 100.0\nadsorption = "))
    assert main(["chromatogram", "simulate", str(crowded)]) == 0
    said = capsys.readouterr()
    assert "benzene" in said.out
    assert "warning: up to" in said.err


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (["fit", "trace.csv", "--dead-time", "0"], "--dead-time must be > 0"),
        (["fit", "trace.csv", "--dead-time", "1", "--peaks", "two"], "--peaks must be"),
        (["fit", "trace.csv", "--dead-time", "30", "--peaks", "27.7,51"], "no component leaves before the gas"),
        (["fit", "trace.csv", "--dead-time", "1", "--peaks", "9"], "peaks must be at most"),
        (["fit", "trace.csv", "--dead-time", "1", "--method", "spline"], "--method must be one of laplace"),
        (["fit", "trace.csv", "--dead-time", "1", "--signal-column", "ms"], "--signal-column must be one of seconds"),
        (["fit", "broken.csv", "--dead-time", "1"], "line 5 of fid has nan"),
        (["fit", "narrow.csv", "--dead-time", "1"], "got 1 column"),
        (["fit", "none.csv", "--dead-time", "1"], "there is no file none.csv"),
        (["fit", "trace.csv", "--dead-time", "1", "--out", "curves.txt"], "must end with .csv"),
        (["fit", "trace.csv", "--dead-time", "1", "--pulse", "-1"], "width must be a number > 0"),
        (["simulate", "trace.csv"], "trace.csv is no TOML"),
        (["simulate", "none.toml"], "none.toml"),
        (["simulate", "case.toml", "--method", "exact"], "--method must be one of laplace"),
        (["simulate", "case.toml", "--picture", "nowhere/a.png"], "does not exist"),
    ],
)
def test_wrong_input_is_told_in_one_line(files, capsys, monkeypatch, call, message):
    monkeypatch.chdir(files)
    assert main(["chromatogram", *call]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("speed = 2.0", "", "[column] must have speed; or outlet_speed"),
        ("speed = 2.0", "speed = true", "[column] speed must be a number, got True"),
        ("speed = 2.0", "velocity = 2.0", "[column] knows length"),
        ("[pulse]", "[puls]", "pulse is missing"),
        ("desorption = 3.0", "", "desorption is missing"),
        ("desorption = 3.0", "desorption = -3.0", "desorption must be > 0"),
        ("samples = 100", "samples = 1", "samples an integer >= 2"),
        ("adsorption = 80.0", "adsorption = 80.0\ncapacity = 1.0", "[[analytes]] capacity must be a number, got None"),
    ],
)
def test_a_wrong_case_names_its_entry(files, capsys, old, new, message):
    path = files / "wrong.toml"
    path.write_text(CASE.replace(old, new, 1))
    assert main(["chromatogram", "simulate", str(path)]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert "wrong.toml" in said
