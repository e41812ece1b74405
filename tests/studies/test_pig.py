"""The study of moving Gaussians: it runs, its judge can fail at every bar, its picture is drawn."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from perturbax.studies import run_study
from perturbax.studies.pig import STUDY

from .tables import failed

_ERRORS = {"PIG": (2e-2, 1e-3, 5e-4), "PINN": (1.0, 5e-2, 4e-3), "fixed": (0.1, 2e-2, 5e-3), "L-BFGS": (0.5, 0.3, 0.2)}
_FINAL = {"helmholtz": 5e-5, "flow mixing": 1e-3, "Klein-Gordon": 5e-3}


def _row(cell, seed):
    row = {**cell, "seed": seed, "step": np.array([40, 80, 160]), "displacement": 0.3, "final": _FINAL[cell["problem"]]}
    row |= {"error": np.array(_ERRORS.get(cell["method"], _ERRORS["PIG"])), "cpu": np.array([2.0, 4.0, 8.0])}
    for name in ("before", "after"):
        row |= {f"mean {name}": np.zeros((2, 2)), f"covariance {name}": np.stack([np.eye(2)] * 2)}
    return {**row, "u": np.zeros((60, 60))}


@pytest.fixture(scope="module")
def table():
    found = STUDY.trials({**STUDY.presets["full"], "seeds": 2})
    return pd.DataFrame([_row(trial.cell, trial.seed) for trial in found])


def _with(table, method, problem="helmholtz", **columns):
    changed = table.copy()
    for at in changed.index[(changed["method"] == method) & (changed["problem"] == problem)]:
        for name, value in columns.items():
            changed.at[at, name] = value
    return changed


def test_all_bars_are_met_by_what_the_claim_says(table):
    assert failed(STUDY, table) == set()
    assert len(STUDY.judge(table)) == 10


@pytest.mark.parametrize(
    ("method", "columns", "bar"),
    [
        ("PIG", {"error": np.array([2e-2, 1e-3, 4e-3])}, "PIG: relative L2 error"),
        ("PINN", {"error": np.array([1.0, 4e-3, 4e-3])}, "over PIG after 80 steps"),
        ("PINN", {"error": np.array([1.0, 5e-2, 6e-4])}, "over PIG after 160 steps"),
        ("L-BFGS", {"error": np.array([1e-3, 1e-3, 1e-3])}, "LM over L-BFGS"),
        ("PIG", {"displacement": 0.01}, "mean displacement"),
        ("fixed", {"error": np.array([1e-3, 1e-3, 1e-3])}, "error without moving"),
        ("fixed", {"cpu": np.array([1.0, 1.5, 2.0]), "error": np.array([2e-2, 2e-2, 2e-2])}, "the same at equal CPU"),
        ("PIG full", {"final": 1.0}, "helmholtz, full size"),
    ],
)
def test_each_bar_can_be_missed(table, method, columns, bar):
    assert any(bar in name for name in failed(STUDY, _with(table, method, **columns)))


def test_an_empty_table_meets_nothing():
    empty = pd.DataFrame(columns=["problem", "method", "seed"])
    assert not any(bar.met for bar in STUDY.judge(empty))


def test_the_picture_is_drawn_of_what_is_there(table):
    for rows in (table, table[table["method"] == "PIG"], table.iloc[:0]):
        figure = STUDY.plot(rows)
        assert isinstance(figure, Figure)
        assert len(figure.axes) >= 6


@pytest.mark.slow
def test_the_smallest_form_runs(tmp_path):
    run = run_study("pig", "smoke", store=tmp_path / "store.sqlite", backend="sequential")
    assert not run.failures
    assert len(run.table) == 4
    assert STUDY.judge(run.table)
