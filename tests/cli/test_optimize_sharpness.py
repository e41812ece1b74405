"""`perturbax optimize sharpness`: a model of a user in, measures and learning rates out, and wrong command lines."""

import json

import numpy as np
import pytest
from safetensors.numpy import save_file

from perturbax import optimize
from perturbax.cli import main

W = np.array([1.0, -2.0, 0.5], np.float32)
X = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
MODULE = "import jax.numpy as jnp\n\n\ndef apply(params, x):\n    return jnp.dot(params['layer.w'], x)\n"


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "linear_model_41.py").write_text(MODULE)
    save_file({"layer.w": W}, "p.safetensors")
    np.savez("p.npz", **{"layer.w": W})
    np.savez("d.npz", inputs=X, targets=X @ W)
    return tmp_path


def run(*arguments, params="p.safetensors", data="d.npz", model="linear_model_41:apply", rate=0.1):
    options = ["--model", model, "--params", params, "--data", data, "--learning-rate", rate]
    return main(["optimize", "sharpness", *map(str, [*options, *arguments])])


def test_measures_and_rates_are_those_of_the_library(files, capsys):
    assert run("--json") == 0
    report = json.loads(capsys.readouterr().out)
    H = X.T.astype(float) @ X / 5
    assert report["trace"] == pytest.approx(np.trace(H), rel=1e-5)
    assert report["top"] == pytest.approx(np.linalg.eigvalsh(H)[-1], rel=1e-5)
    assert report["valid"]
    problem = optimize.LinearisedSGD(X, 0.1)
    exact = optimize.stability(problem, optimize.ExactSecondMoment())
    assert report["largest_rates"]["exact second moment"] == pytest.approx(exact.bound, rel=1e-5)
    assert report["rho"] == pytest.approx(exact.rho, rel=1e-5)
    assert set(report["stable"]) == set(report["largest_rates"])
    assert len(report["stable"]) == 5


def test_probes_full_batches_and_a_point_that_is_no_minimum(files, capsys):
    np.savez("other.npz", inputs=X, targets=X @ W + 1.0)
    assert run("--probes", 50, "--full-batch", params="p.npz", data="other.npz") == 0
    said = capsys.readouterr()
    assert "no minimum of loss zero" in " ".join(said.err.split())
    assert "largest eigenvalue" in said.out
    assert "exact second moment" not in said.out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"params": "none.npz"}, "--params: there is no file none.npz"),
        ({"params": "linear_model_41.py"}, "must be a .safetensors or .npz file"),
        ({"params": "bad.safetensors"}, "bad.safetensors is no readable .safetensors file"),
        ({"data": "none.npz"}, "--data: there is no file none.npz"),
        ({"data": "bad.npz"}, "bad.npz is no readable .npz file"),
        ({"data": "p.npz"}, "must hold inputs and targets, it has layer.w"),
        ({"data": "short.npz"}, "targets must have a row for each of inputs"),
        ({"model": "linear_model_41"}, "--model must be module:callable"),
        ({"model": "linear_model_41:none"}, "has no none"),
        ({"rate": 0}, "learning_rate must be a number > 0"),
    ],
)
def test_wrong_command_lines_say_what_is_wrong(files, capsys, options, message):
    for name in ("bad.npz", "bad.safetensors"):
        (files / name).write_text("text")
    np.savez("short.npz", inputs=X, targets=W[:2])
    assert run(**options) == 2
    assert message in " ".join(capsys.readouterr().err.split())
