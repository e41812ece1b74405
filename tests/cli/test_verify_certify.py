"""`perturbax verify certify`: classifiers and images from files, certificates as a table that a later run completes."""

import csv
import json

import jax
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from perturbax import verify
from perturbax.cli import main

W = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
X = np.random.default_rng(1).uniform(size=(5, 4)).astype(np.float32)
QUICK = ("--sigma", "0.2", "--n", "300", "--n0", "20", "--alpha", "0.01", "--batch", "64")


def write_network(path, batch):
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, 4])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [batch, 3])
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"])], "g", [x], [y])
    graph.initializer.append(numpy_helper.from_array(W, "w"))
    onnx.save(helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 13)]), path)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_network("net.onnx", "n")
    np.savez("x.npz", images=X, labels=(X @ W).argmax(1))
    return tmp_path


def run(*arguments):
    return main(["verify", "certify", *map(str, arguments)])


def rows(path="certificates.csv"):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_the_table_is_what_the_verb_finds(folder, capsys):
    assert run("net.onnx", "x.npz", *QUICK, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    method = verify.Smoothing(0.2, n0=20, n=300, alpha=0.01, batch_size=64)
    found = verify.certify(lambda x: x @ W, X, method, key=jax.random.key(0))
    table = rows()
    assert [int(row["label"]) for row in table] == found.label.tolist()
    np.testing.assert_array_equal([float(row["radius"]) for row in table], found.radius)
    assert {row["draws"] for row in table} == {"300"}
    labels = (X @ W).argmax(1)
    assert told["images"] == 5
    assert told["abstained"] == int(found.abstain.sum())
    assert told["average_certified_radius"] == pytest.approx(found.average_radius(labels))


def test_a_later_run_adds_what_is_missing(folder, monkeypatch, capsys):
    monkeypatch.setattr("perturbax.cli._certifying._DRAWS", 600)
    assert run("net.onnx", "x.npz", *QUICK) == 0
    whole = rows()
    with open("certificates.csv", "w", newline="") as file:
        table = csv.DictWriter(file, whole[0].keys(), lineterminator="\n")
        table.writeheader()
        table.writerows(whole[:3])
    made = []
    certify = verify.certify
    monkeypatch.setattr(verify, "certify", lambda f, x, *a, **k: made.append(len(x)) or certify(f, x, *a, **k))
    assert run("net.onnx", "x.npz", *QUICK) == 0
    # Two images at a time: the second pair was half there.
    assert made == [2, 1]
    assert rows() == whole
    assert run("net.onnx", "x.npz", *QUICK[:-2], "--seed", 1) == 2
    assert "--out certificates.csv is of other images" in capsys.readouterr().err


@pytest.mark.slow
def test_networks_of_one_image_and_functions_give_the_same_table(folder):
    assert run("net.onnx", "x.npz", *QUICK) == 0
    whole = [{**row, "run": ""} for row in rows()]
    write_network("one.onnx", 1)
    code = "import numpy as np\nW = np.load('w.npy')\ndef scores(x):\n    return x @ W\n"
    (folder / "linear_scores.py").write_text(code)
    np.save("w.npy", W)
    for i, (name, *options) in enumerate(
        (["one.onnx"], ["linear_scores:scores"], ["linear_scores:scores", "--framework", "numpy"])
    ):
        assert run(name, "x.npz", *QUICK, *options, "--out", f"{i}.csv") == 0
        assert [{**row, "run": ""} for row in rows(f"{i}.csv")] == whole


def test_draws_stop_at_a_target(folder, capsys):
    assert run("net.onnx", "x.npz", *QUICK, "--target", "0.01", "--n", "20000") == 0
    assert min(int(row["draws"]) for row in rows()) == 100


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("net.onnx", "none.npz"), "IMAGES: there is no file none.npz"),
        (("none.onnx", "x.npz"), "CLASSIFIER: there is no file none.onnx"),
        (("net.onnx", "other.npz"), "must have an array named images"),
        (("net.onnx", "wide.npz"), "an image has shape (5,)"),
        (("net.onnx", "labels.npz"), "labels of labels.npz must be 5 integers"),
        (("net.onnx", "x.npz", "--framework", "torch"), "--framework must be jax for an .onnx file"),
        (("nothing:here", "x.npz"), "CLASSIFIER nothing:here: there is no module nothing"),
        (("net.onnx", "x.npz", "--out", "none/c.csv"), "--out none/c.csv lies in a folder that does not exist"),
        (("net.onnx", "x.npz", "--out", "broken.csv"), "--out broken.csv is no table of certificates"),
        (("net.onnx", "x.npz", "--n", "3"), "n must be >= 7"),
        (("net.onnx", "x.npz", "--sigma", "-1"), "sigma must be"),
    ],
)
def test_what_cannot_be_certified_is_told_in_one_line(folder, capsys, arguments, message):
    np.savez("other.npz", pictures=X)
    np.savez("wide.npz", images=np.zeros((2, 5)))
    np.savez("labels.npz", images=X, labels=np.zeros(4, int))
    (folder / "broken.csv").write_text("a,b\n1,2\n")
    assert run(*arguments[:2], *QUICK, *arguments[2:]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert len(said.splitlines()) == 1
