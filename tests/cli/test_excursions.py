"""`perturbax stats excursions` on a series and on a correlation of a user."""

import json

import jax
import numpy as np
import pytest

from perturbax import stats
from perturbax.cli import main


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("series")
    paths = stats.CirculantEmbedding(stats.covariances.Matern(2.5), points=6000, spacing=0.25)
    x = 3.0 + 2.0 * np.asarray(paths.sample(jax.random.key(1), 1)[0])
    (folder / "series.csv").write_text("time,height\n" + "".join(f"{i},{v:.6f}\n" for i, v in enumerate(x)))
    lags = 0.1 * np.arange(100)
    np.savetxt(folder / "acf.csv", np.asarray(stats.covariances.Matern(2.5)(lags)))
    np.savetxt(folder / "wave.csv", np.cos(0.3 * np.arange(500)) + 0.1 * np.sin(np.arange(500)))
    (folder / "bad.csv").write_text("1.0\n2.0\nx\n")
    (folder / "empty.csv").write_text("")
    return folder


def test_a_series(files, capsys, tmp_path):
    call = ["stats", "excursions", "--series", str(files / "series.csv"), "--dt", "0.25"]
    picture = tmp_path / "law.png"
    assert main([*call, "--json", "--bootstrap", "2", "--picture", str(picture)]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["valid"]
    assert said["theta"] == pytest.approx(0.49, rel=0.15)
    assert said["mean"] == pytest.approx(2.433, rel=0.1)
    assert said["observed"]["mean"] == pytest.approx(said["mean"], rel=0.15)
    assert said["bootstrap"]["low"] <= said["bootstrap"]["high"]
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert main([*call, "--level", "1"]) == 0
    assert "Excursions above 1 standard deviations" in capsys.readouterr().out


def test_a_correlation(files, capsys):
    rate = str(np.sqrt(5 / 3) / np.pi)
    assert main(["stats", "excursions", "--acf", str(files / "acf.csv"), "--dt", "0.1", "--crossing-rate", rate]) == 0
    said = capsys.readouterr().out
    assert "mean 2.43" in said
    assert "valid" in said


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ([], "--series or --acf"),
        (["--acf", "acf.csv", "--bootstrap", "5"], "need --series"),
        (["--series", "series.csv", "--crossing-rate", "1"], "--crossing-rate is for --acf"),
        (["--series", "wave.csv"], "oscillates"),
        (["--series", "bad.csv"], "line 3 has 'x'"),
        (["--series", "empty.csv"], "no table in CSV"),
        (["--series", "none.csv"], "none.csv"),
        (["--series", "series.csv", "--dt", "0"], "spacing must be"),
        (["--series", "series.csv", "--picture", "nowhere/law.png"], "does not exist"),
    ],
)
def test_wrong_input_is_told_in_one_line(files, capsys, monkeypatch, call, message):
    monkeypatch.chdir(files)
    assert main(["stats", "excursions", *call]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1
