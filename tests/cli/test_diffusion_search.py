"""`perturbax diffusion search`, and what it writes in `sample --schedule`."""

import json
import sys

import numpy as np
import pytest

from perturbax import diffusion
from perturbax.cli import main

_MODELS = '''
import numpy as np
from perturbax.diffusion import VPLinear

process = VPLinear()


def gaussian(x, t):
    """The exact noise prediction of data N(0, 1/4)."""
    return process.sigma(t) * x / (0.25 * process.alpha(t) ** 2 + process.sigma(t) ** 2)


def spread(x):
    return float(abs(np.std(np.asarray(x)) - 0.5))


number = 3
'''


@pytest.fixture
def here(tmp_path, monkeypatch):
    (tmp_path / "sought.py").write_text(_MODELS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    yield tmp_path
    sys.modules.pop("sought", None)


QUICK = ("--model", "sought:gaussian", "--shape", 2, "--nfe", 2, "--budget", 72, "--num-samples", 4)
SETS = ("--validation", 4, "--test", 4, "--method", "random")


def search(*arguments):
    return main(["diffusion", "search", *map(str, (*QUICK, *SETS, *arguments))])


def sample(*arguments):
    return main(["diffusion", "sample", *map(str, ("--model", "sought:gaussian", "--shape", 2, *arguments))])


def test_a_schedule_is_found_and_sampled_with(here, capsys):
    assert search("--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert said["evaluations"] == 72
    assert said["test_score"] <= 1.5 * said["known_test_score"]
    assert diffusion.SolverSchedule.from_json(here / "schedule.json").evaluations == 2
    assert list(here.glob("*.partial")) == []
    assert sample("--schedule", "schedule.json", "--num-samples", 3, "--json") == 0
    assert json.loads(capsys.readouterr().out)["evaluations"] == [2]
    assert sample("--schedule", "schedule.json", "--explain") == 0
    assert "half log-SNR" in capsys.readouterr().out


def test_an_own_score_and_data(here, capsys):
    assert search("--score", "sought:spread", "--out", "own.json") == 0
    np.save("real.npy", 0.5 * np.random.default_rng(0).normal(size=(50, 2)))
    assert search("--score", "frechet", "--data", "real.npy", "--out", "fd.json", "--final", "zero") == 0
    assert diffusion.SolverSchedule.from_json(here / "fd.json").final == "zero"
    assert "of the best known solver" in capsys.readouterr().err


def test_a_search_without_time_is_among_the_known_solvers(here, capsys):
    known = diffusion.known_schedules(2, diffusion.VPLinear())
    assert search("--seconds", 0, "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert said["evaluations"] == len(known) + 10
    assert diffusion.SolverSchedule.from_json(here / "schedule.json") in known.values()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--budget", 20), "budget must be more than"),
        (("--score", "beauty"), "--score must be one of"),
        (("--score", "sought:number"), "--score sought:number must be callable"),
        (("--score", "frechet"), "needs --data"),
        (("--score", "frechet", "--data", "none.npy"), "there is no file none.npy"),
        (("--features", "sought:spread"), "--features has no meaning"),
        (("--method", "annealing"), "--method must be one of"),
        (("--out", "no/folder.json"), "--out"),
        (("--nfe", 1, "--final", "zero"), "--nfe must be at least 2"),
    ],
)
def test_wrong_use_of_search_is_told_in_one_line(here, capsys, arguments, message):
    assert search(*arguments) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1


def test_wrong_use_of_a_schedule_is_told_in_one_line(here, capsys):
    assert sample("--schedule", "none.json") == 2
    assert "--schedule: there is no file none.json" in capsys.readouterr().err
    (here / "bad.json").write_text("{}")
    assert sample("--schedule", "bad.json") == 2
    assert "bad.json" in capsys.readouterr().err
    diffusion.SolverSchedule([-5.0, 4.5]).to_json(here / "good.json")
    assert sample("--schedule", "good.json", "--nfe", 3) == 2
    assert "leave out" in capsys.readouterr().err
