"""`perturbax transport train-interpolant` and `draw` on files, and command lines that are wrong."""

import json

import numpy as np
import pytest

from perturbax.cli import main


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    np.save("a.npy", rng.normal(size=(60, 2)))
    np.savetxt("b.csv", rng.normal(size=(40, 2)) + 3.0, delimiter=",")
    return tmp_path


def run(*arguments):
    return main(["transport", *map(str, arguments)])


SHORT = ("--steps", 3, "--batch-size", 8, "--hidden", "4")


def test_from_noise_to_a_sample_and_new_points(files, capsys):
    assert run("train-interpolant", "b.csv", *SHORT, "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert said["path"] == "OneSidedLinearPath"
    assert said["from_noise"]
    assert said["evaluations"] == 3
    assert run("draw", "interpolant.npz", "-n", 5, "--eps", 1, "--steps", 4, "--json") == 0
    assert json.loads(capsys.readouterr().out)["evaluations"] == 9
    assert np.load("drawn.npy").shape == (5, 2)


def test_between_two_samples_there_and_back(files):
    assert run("train-interpolant", "a.npy", "b.csv", *SHORT, "--noise", "none", "-o", "model.npz") == 0
    assert run("draw", "model.npz", "--starts", "a.npy", "-o", "there.npy") == 0
    assert run("draw", "model.npz", "--starts", "there.npy", "--back", "-o", "here.csv") == 0
    np.testing.assert_allclose(np.loadtxt("here.csv", delimiter=","), np.load("a.npy"), atol=0.05)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("train-interpolant", "none.npy"), "SAMPLES: there is no file none.npy"),
        (("train-interpolant", "a.npy", "b.csv", "a.npy"), "SAMPLES must be one file or two, got 3"),
        (("train-interpolant", "a.npy", "wide.npy"), "must have one number of columns, got 2, 3"),
        (("train-interpolant", "a.npy", "--path", "trigonometric"), "--path must be one of linear, vp"),
        (("train-interpolant", "a.npy", "b.csv", "--noise", "loud"), "--noise must be one of bridge"),
        (("train-interpolant", "a.npy", "b.csv", "--pairing", "given"), "Paired() needs x0 and x1"),
        (("train-interpolant", "a.npy", "--hidden", "4,x"), "--hidden must be integers"),
        (("train-interpolant", "a.npy", "-o", "none/x.npz"), "lies in a folder that does not exist"),
        (("draw", "none.npz", "-n", 3), "MODEL: there is no file none.npz"),
        (("draw", "a.npy", "-n", 3), "a.npy"),
    ],
)
def test_wrong_command_lines_say_what_is_wrong(files, capsys, arguments, message):
    np.save("wide.npy", np.zeros((5, 3)))
    assert run(*arguments) == 2
    assert message in " ".join(capsys.readouterr().err.split())


def test_draws_that_a_model_cannot_give_are_refused(files, capsys):
    assert run("train-interpolant", "a.npy", "b.csv", *SHORT, "--noise", "none", "-o", "model.npz") == 0
    for arguments, message in (
        (("-n", 3), "--starts must be given"),
        ((), "one of -n and --starts must be given"),
        (("--starts", "a.npy", "--eps", 1), "needs the score, which was not learnt"),
        (("--starts", "a.npy", "-o", "x.txt"), "must end with .npy or .csv"),
    ):
        assert run("draw", "model.npz", *arguments) == 2
        assert message in " ".join(capsys.readouterr().err.split())
