"""The study of adversarial sampling: it runs, its judge can fail at every bar, its picture is drawn."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from perturbax.studies import run_study
from perturbax.studies.aas import STUDY

from .tables import failed

# Errors in groups of five epochs, of which AAS makes the first two groups.
_ERRORS = {"AAS": (0.3, 0.2), "uniform": (0.9, 0.9, 0.8, 0.7), "RAR": (0.4, 0.3, 0.25, 0.2)}


def _row(cell, seed):
    if cell["problem"] == "constant":
        return {**cell, "seed": seed, "first ratio": 16.0, "last ratio": 1.1}
    errors = np.repeat(_ERRORS.get(cell["sampler"], (0.5, 0.4)), 5)
    steps = 15.0 * (1.0 + np.arange(len(errors)))
    row = {**cell, "seed": seed, "step": steps, "cpu": 0.1 * steps, "error": errors}
    even = cell["sampler"] == "AAS"
    row |= {"unevenness": 10.0 if even else 100.0, "estimator variance": 1.0 if even else 9.0}
    if even:
        row |= {"integral": 1.0002, "cpu": 0.13 * steps}
    for k in range(4):
        row |= {f"square {k}": np.ones((8, 8)), f"points {k}": np.zeros((5, 2))}
        if even:
            row[f"density {k}"] = np.full((8, 8), 0.25)
    return row


@pytest.fixture(scope="module")
def table():
    found = STUDY.trials({**STUDY.presets["full"], "seeds": 2})
    return pd.DataFrame([_row(trial.cell, trial.seed) for trial in found])


def _with(table, change, problem="peak", sampler="AAS"):
    changed = table.copy()
    for at in changed.index[(changed["problem"] == problem) & (changed["sampler"].fillna("") == sampler)]:
        for name, value in change.items():
            changed.at[at, name] = np.repeat(value, 5) if name == "error" else value
    return changed


def test_all_bars_are_met_by_what_the_claim_says(table):
    assert failed(STUDY, table) == set()
    assert len(STUDY.judge(table)) == 13


@pytest.mark.parametrize(
    ("change", "problem", "sampler", "bar"),
    [
        ({"error": np.array([0.6, 0.6])}, "peak", "AAS", "over uniform at equal steps"),
        (
            {"error": np.array([0.9, 0.9, 0.1, 0.1]), "cpu": np.linspace(0.1, 20.0, 20)},
            "peak",
            "uniform",
            "over uniform at equal CPU",
        ),
        ({"cpu": np.linspace(0.1, 0.4, 20)}, "peak", "uniform", "over uniform at equal CPU"),
        ({"error": np.array([0.1, 0.1, 0.3, 0.3])}, "peak", "RAR", "over RAR at equal steps"),
        (
            {"error": np.array([0.3, 0.3, 0.01, 0.01]), "cpu": np.linspace(0.1, 20.0, 20)},
            "peak",
            "RAR",
            "over RAR at equal CPU",
        ),
        ({"unevenness": 50.0}, "peak", "AAS", "max / mean"),
        ({"estimator variance": 8.0}, "peak", "AAS", "variance of r^2"),
        ({"integral": 1.01}, "peak", "AAS", "integral"),
        ({"last ratio": 2.0}, "constant", "", "after a constant residual"),
        ({"error": np.array([0.6, 0.6])}, "kept", "AAS", "damping kept: error of AAS over uniform"),
        ({"error": np.array([0.1, 0.1, 0.1, 0.1])}, "kept", "RAR", "damping kept: error of AAS over RAR"),
        ({"error": np.array([0.6, 0.6])}, "two peaks", "AAS", "two peaks"),
    ],
)
def test_each_bar_can_be_missed(table, change, problem, sampler, bar):
    assert any(bar in name for name in failed(STUDY, _with(table, change, problem, sampler)))


def test_an_empty_table_meets_no_bar():
    assert not any(bar.met for bar in STUDY.judge(pd.DataFrame()))


def test_the_picture_is_drawn(table):
    figure = STUDY.plot(table)
    assert isinstance(figure, Figure)
    assert len(figure.axes) >= 4 * 4 + 2
    assert isinstance(STUDY.plot(pd.DataFrame()), Figure)


@pytest.mark.slow
def test_the_smallest_form_runs(tmp_path):
    run = run_study("aas", "smoke", store=tmp_path / "store.sqlite", backend="sequential")
    assert not run.failures
    assert len(run.table) == 7
    assert STUDY.judge(run.table)
