"""The study of the Barron flow: it runs, its judge can fail at every bar, its picture is drawn."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from perturbax.studies import run_study
from perturbax.studies.barron_pde import STUDY

from .tables import failed

_STEPS = np.arange(41)
_NEURONS = 2 ** np.arange(4, 13)


def _row(cell):
    row = {**cell, "seed": 0, "error": 0.7**_STEPS, "rate": 0.7 if cell.get("flow") == "H1" else 0.9999}
    if cell["part"] == "dimension":
        row |= {"barron": 3.0 - 0.6**_STEPS, "bound": np.full(40, 4.0), "room": 0.8, "room of whole steps": 0.9}
        row |= {"terms": np.full(41, 20), "neurons": _NEURONS, "squared": 0.5 / _NEURONS, "exact": 0.5}
    if cell["part"] == "slope":
        row |= {"energy": -1.0 + 0.5**_STEPS, "rises": 0, "apart": 1e-8}
    return row


@pytest.fixture(scope="module")
def table():
    return pd.DataFrame([_row(trial.cell) for trial in STUDY.trials(STUDY.presets["small"])])


def _with(table, part, size, **columns):
    changed = table.copy()
    for at in changed.index[(changed["part"] == part) & (changed["size"] == size)]:
        for name, value in columns.items():
            changed.at[at, name] = value
    return changed


def test_all_bars_are_met_by_what_the_claim_says(table):
    assert failed(STUDY, table) == set()
    assert len(STUDY.judge(table)) == 14


@pytest.mark.parametrize(
    ("part", "size", "columns", "bar"),
    [
        ("resolution", 32, {"rate": 0.75}, "H1: contraction"),
        ("resolution", 8, {"rate": 0.68}, "H1: spread"),
        ("resolution", 128, {"rate": 0.99}, "L2: contraction"),
        ("dimension", 5, {"error": 0.6**_STEPS}, "spread over d"),
        ("dimension", 20, {"error": 0.9**_STEPS}, "in 20 dimensions"),
        ("dimension", 20, {"terms": np.full(41, 2000)}, "power of d"),
        ("dimension", 2, {"room": 1.1}, "over the bound"),
        ("dimension", 2, {"room of whole steps": 1.1}, "nothing dropped"),
        ("dimension", 10, {"squared": 0.5 / _NEURONS**1.3}, "steepest slope"),
        ("dimension", 10, {"squared": 0.5 / _NEURONS**0.7}, "flattest slope"),
        ("dimension", 10, {"squared": 0.7 / _NEURONS}, "constant of the squared error"),
        ("dimension", 20, {"squared": 0.8 / _NEURONS}, "20 over 2"),
        ("slope", 16, {"rises": 1}, "steps that raise it"),
        ("slope", 16, {"apart": 1e-3}, "distance to Newton"),
    ],
)
def test_each_bar_can_be_missed(table, part, size, columns, bar):
    assert any(bar in name for name in failed(STUDY, _with(table, part, size, **columns)))


def test_an_empty_table_meets_nothing():
    empty = pd.DataFrame(columns=["part", "size", "flow", "seed"])
    assert not any(bar.met for bar in STUDY.judge(empty))


def test_the_picture_is_drawn_of_what_is_there(table):
    for rows in (table, table[table["part"] == "dimension"], table.iloc[:0]):
        figure = STUDY.plot(rows)
        assert isinstance(figure, Figure)
        assert len(figure.axes) == 4


@pytest.mark.slow
def test_the_smallest_form_runs(tmp_path):
    run = run_study("barron-pde", "smoke", store=tmp_path / "store.sqlite", backend="sequential")
    assert not run.failures
    assert len(run.table) == 4
    assert STUDY.judge(run.table)
