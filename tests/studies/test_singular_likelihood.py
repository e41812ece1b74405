"""The study of likelihood with instance noise: it runs, and its judge can fail at every bar."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from perturbax.studies import run_study
from perturbax.studies.singular_likelihood import SIGMAS, STUDY

_POINTS = np.zeros((3, 20, 2), np.float32)


def _record(part):
    if part == "PCA":
        return {"covariance_error": 0.01, "sigma_error": 0.01, "reported": 1, "growth": -6.1}
    if part == "rate":
        return {}
    if part == "digits":
        return {"w1_ratio": 0.9, "frechet_ratio": 0.8}
    return {
        "distance": np.array([0.5, 0.4, 0.36, 0.3, 0.45, 1.0]),
        "model_sigma": np.array(SIGMAS),
        "chosen": 0.31,
        "renewed": 0.3,
        "kernel": 0.9,
        "empirical": 0.2,
        "points": _POINTS,
        "shown": np.array([0.0, 0.2, 0.8]),
    }


def table_of(preset):
    rows = []
    for trial in STUDY.trials(STUDY.presets[preset]):
        measured = _record(trial.cell["part"])
        if trial.cell["part"] == "rate":
            measured = {"best": trial.cell["fitted"] ** -0.4}
        rows.append({**trial.cell, "seed": trial.seed, **measured})
    return pd.DataFrame(rows)


def failed(table):
    return {bar.name for bar in STUDY.judge(table) if not bar.met}


@pytest.mark.parametrize(("preset", "bars"), [("small", 12), ("full", 17)])
def test_a_table_as_claimed_meets_every_bar(preset, bars):
    table = table_of(preset)
    assert failed(table) == set()
    assert len(STUDY.judge(table)) == bars
    assert isinstance(STUDY.plot(table), Figure)


@pytest.mark.parametrize(
    ("column", "value", "count"),
    [
        ("renewed", 0.45, 2),
        ("chosen", 0.4, 2),
        ("covariance_error", 0.04, 1),
        ("sigma_error", 0.03, 1),
        ("reported", 0, 1),
        ("growth", np.nan, 1),
        ("w1_ratio", 1.0, 2),
        ("frechet_ratio", 1.0, 2),
        ("best", 0.3, 1),
    ],
)
def test_each_bar_can_be_missed(column, value, count):
    table = table_of("full")
    table[column] = np.where(table[column].notna(), value, np.nan)
    assert len(failed(table)) == count


@pytest.mark.parametrize(
    ("distance", "missed"),
    [
        ([0.3, 0.3, 0.3, 0.3, 0.3, 1.0], {"spiral: W1, no noise over the best", "spiral: W1, best noise over none"}),
        ([0.5, 0.4, 0.36, 0.3, 0.32, 0.33], {"spiral: W1, noise of 0.8 over the best"}),
    ],
)
def test_a_curve_without_a_minimum_within_is_seen(distance, missed):
    table = table_of("small")
    table["distance"] = [np.array(distance) if isinstance(old, np.ndarray) else old for old in table["distance"]]
    assert missed <= failed(table)


def test_it_runs(tmp_path):
    run = run_study(
        "singular-likelihood", "smoke", store=tmp_path / "store.sqlite", progress=False, backend="sequential"
    )
    assert not run.failures
    assert set(run.table["part"]) == {"lobed", "PCA"}
    assert isinstance(STUDY.plot(run.table), Figure)
