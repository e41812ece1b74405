"""`perturbax rom boundary-train` and `boundary-sample` on files of a user."""

import json

import numpy as np
import pytest
import scipy.io
import scipy.sparse

from perturbax.cli import main

CHAIN = np.array([[1.0, -1.0, 0.0], [-1.0, 2.0, -1.0], [0.0, -1.0, 1.0]])


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Two ends of a chain that a known force parts, and noise moves."""
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    p = random.uniform(1.0, 2.0, (200, 1))
    traces = random.normal(size=(200, 1)) + np.concatenate([0.0 * p, p], 1)
    np.savetxt("p.csv", p, header="force", comments="", delimiter=",")
    np.savez("traces.npz", u=traces, other=traces[:2])
    scipy.io.mmwrite("k.mtx", scipy.sparse.coo_array(CHAIN))
    np.save("b.npy", np.array([0, 2]))


def run(*arguments):
    return main(["rom", *map(str, arguments)])


def train(*more):
    return run("boundary-train", "traces.npz", "--field", "u", "--params", "p.csv", "-o", "g.npz", *more)


def test_a_generator_is_written_and_drawn_from(files, capsys):
    assert train("--method", "gaussian", "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["method"], said["effective_rank"], said["parameters"]) == ("PCAGaussian", 2, 1)
    assert said["distance"] < 3.0 * said["floor"]
    energy = ("--stiffness", "k.mtx", "--boundary", "b.npy", "--threshold", 0.5)
    assert run("boundary-sample", "g.npz", "--p", 1.5, "--n", 300, *energy, "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert np.load("traces.npy").shape == (300, 2)
    assert said["strain_energy"]["mean"]["value"] == pytest.approx(0.25 * 1.5**2, rel=1e-3)
    assert said["strain_energy"]["P(> 0.5)"]["low"] > 0.98
    assert run("boundary-sample", "g.npz", "-o", "t.csv", *energy) == 0
    assert "Strain energy of the submodel" in capsys.readouterr().out
    assert np.loadtxt("t.csv", delimiter=",").shape == (1000, 2)


def test_what_was_learned_is_told(files, capsys):
    assert train("--method", "stored") == 0
    assert "sliced W1 to traces set aside" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (("boundary-train", "none.npz"), "TRACES: there is no file none.npz"),
        (("boundary-train", "traces.npz"), "name one with --field"),
        (("boundary-train", "traces.npz", "--field", "u", "--method", "flow"), "--method must be one of wgan"),
        (
            ("boundary-train", "traces.npz", "--field", "u", "--method", "copula", "--steps", 3),
            "--steps has no meaning",
        ),
        (("boundary-train", "traces.npz", "--field", "other", "--params", "p.csv"), "parameters must have shape"),
        (("boundary-train", "traces.npz", "-o", "no/g.npz"), "--out no/g.npz lies in a folder"),
        (("boundary-sample", "none.npz"), "GENERATOR: there is no file none.npz"),
        (("boundary-sample", "traces.npz"), "traces.npz is damaged or no file"),
        (("boundary-sample", "traces.npz", "--stiffness", "k.mtx"), "--stiffness and --boundary are needed together"),
        (("boundary-sample", "traces.npz", "--threshold", 1.0), "--threshold needs --stiffness"),
        (("boundary-sample", "g.npz", "--p", "much"), "--p must be numbers"),
        (("boundary-sample", "g.npz", "--p", "2.5"), "extrapolate=True"),
        (("boundary-sample", "g.npz", "-o", "t.txt"), "must end with .npy or .csv"),
        (("boundary-sample", "g.npz", "--stiffness", "k.mtx", "--boundary", "k.mtx"), "is no readable .npy"),
        (
            ("boundary-sample", "g.npz", "--stiffness", "k.mtx", "--boundary", "one.npy"),
            "--boundary must hold 2 numbers",
        ),
    ],
)
def test_wrong_input_is_told_in_one_line(files, capsys, call, message):
    np.save("one.npy", np.array([0]))
    if "g.npz" in call:
        assert train("--method", "gaussian", "--json") == 0
    capsys.readouterr()
    assert run(*call) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1
