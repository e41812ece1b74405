"""`perturbax dynamics collapse`: features of a user in, metrics and a model of each layer out, and wrong files."""

import json

import numpy as np
import pytest
from safetensors.numpy import save_file

from perturbax import dynamics, stats
from perturbax.cli import main

LABELS = np.arange(30) % 3
RANDOM = np.random.default_rng(0)
MEANS = RANDOM.normal(size=(3, 5))[LABELS]
NOISE = RANDOM.normal(size=(30, 5))
LAYERS = {f"layer{i}": (MEANS + spread * NOISE).astype(np.float32) for i, spread in enumerate((0.8, 0.4, 0.2))}


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.savez("h.npz", **LAYERS)
    save_file(LAYERS, "h.safetensors")
    np.save("one.npy", LAYERS["layer0"])
    np.save("y.npy", LABELS)
    np.savetxt("y.csv", LABELS, fmt="%d")
    np.save("w.npy", RANDOM.normal(size=(3, 5)))
    return tmp_path


def run(*arguments):
    return main(["dynamics", "collapse", *map(str, arguments)])


def test_layers_have_the_metrics_and_proximities_of_the_library(files, capsys):
    assert run("h.npz", "--labels", "y.npy", "--classifier", "w.npy", "--json", "--picture", "p.png") == 0
    report = json.loads(capsys.readouterr().out)
    assert [row["layer"] for row in report["layers"]] == list(LAYERS)
    for row, h in zip(report["layers"], LAYERS.values(), strict=True):
        assert row["nc1"] == pytest.approx(float(stats.collapse_metrics(h, LABELS).nc1), rel=1e-6)
    assert [row["nc3"] is None for row in report["layers"]] == [True, True, False]
    before = dynamics.CollapseProblem(LAYERS["layer0"], LABELS)
    wanted = dynamics.matching_proximity(before, report["layers"][1]["nc1_trace"])
    assert report["layers"][1]["proximity"] == pytest.approx(wanted, rel=1e-6)
    assert [row["predicted"] is None for row in report["layers"]] == [True, True, False]
    assert (files / "p.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_other_formats_say_the_same(files, capsys):
    said = []
    for path, labels in (("h.npz", "y.npy"), ("h.safetensors", "y.csv")):
        assert run(path, "--labels", labels) == 0
        said.append(capsys.readouterr().out)
    assert "layer2" in said[0]
    assert said[0] == said[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.npz", "--labels", "y.npy"], "FEATURES: there is no file none.npz"),
        (["bad.npz", "--labels", "y.npy"], "bad.npz is no readable .npz file"),
        (["y.txt", "--labels", "y.npy"], "FEATURES: y.txt must end with .npy, .csv"),
        (["labels.npz", "--labels", "y.npy"], "y of labels.npz must hold features of shape (N, d), got int64 (30,)"),
        (["h.npz", "one.npy", "h.npz", "--labels", "y.npy"], "layer0 is in more than one file"),
        (["h.npz", "short.npy", "--labels", "y.npy"], "all layers must have the same samples"),
        (["one.npy", "--labels", "none.npy"], "--labels: there is no file none.npy"),
        (["one.npy", "--labels", "one.npy"], "--labels: one.npy must hold one integer for each sample"),
        (["short.npy", "--labels", "y.npy"], "labels must have shape (20,), got (30,)"),
        (["one.npy", "--labels", "y.npy", "--classifier", "one.npy"], "no sample of class 3"),
        (["broken.npy", "--labels", "y.npy"], "row 2 does not"),
        (["one.npy", "--labels", "y.npy", "--picture", "no/p.png"], "lies in a folder that does not exist"),
    ],
)
def test_wrong_command_lines_say_what_is_wrong(files, capsys, arguments, message):
    (files / "bad.npz").write_text("text")
    (files / "y.txt").write_text("text")
    np.savez("labels.npz", y=LABELS)
    np.save("short.npy", LAYERS["layer0"][:20])
    np.save("broken.npy", np.where(np.arange(30)[:, None] == 2, np.nan, NOISE))
    assert run(*arguments) == 2
    assert message in " ".join(capsys.readouterr().err.split())
