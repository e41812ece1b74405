"""The study of neural collapse: its judge can fail at every bar, and its picture is drawn of what is there."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from perturbax.studies import run_study
from perturbax.studies.neural_collapse import STUDY

from .tables import changed, failed, made_up

KNOWN = np.array([(-0.439, -1.142, 1.636), (-0.230, -0.252, 0.549)])
SPREADS = np.geomspace(1e-3, 1e-1, 5)


def _record(cell):
    if cell["part"] in ("flow", "joint"):
        return {"curves": np.tile(np.geomspace(9.0, 1.0, 201), (cell["starts"], 1)), "increases": 0}
    if cell["part"] == "frame":
        exact = np.tile(SPREADS**2, (cell["starts"], 1))
        return {"exact": exact, "predicted": exact * (1.0 + 0.01 * SPREADS**2)}
    if cell["part"] == "weights":
        return {"known": KNOWN * 1.001, "map": np.tile([-0.4, -1.0, 1.4], (25, 1))}
    layers = np.array([[0.9, 0.4, 0.1], [0.8, 0.3, 0.05], [0.9, 0.4, 0.08]])
    return {
        "nc1": layers / 2.0,
        "nc1 trace": layers,
        "curves": np.tile(np.geomspace(9.0, 1.0, 201), (4, 1)),
        "increases": np.zeros(4, int),
        "exact": 0.4,
        "predicted": 0.38,
        "next layer": 0.11,
    }


@pytest.fixture
def table():
    return made_up(STUDY, _record)


def test_a_table_with_good_values_meets_every_bar(table):
    assert failed(STUDY, table) == set()
    assert len(STUDY.judge(table)) == 10
    assert table[table["part"] == "flow"]["starts"].sum() == 50


@pytest.mark.parametrize(
    ("part", "column", "change", "bar"),
    [
        ("flow", "increases", lambda v: v + 1, "random starts"),
        ("nets", "increases", lambda v: v + np.array([0, 0, 1, 0]), "real features"),
        ("nets", "increases", lambda v: v + np.array([1, 0, 0, 0]), "real features"),
        ("frame", "predicted", lambda v: SPREADS**2 * (1.0 + SPREADS), "order of the error"),
        ("nets", "predicted", lambda v: 0.3, "before the last hidden layer"),
        ("weights", "known", lambda v: v * np.array([1.0, 1.0, 1.05]), "against known ones"),
        ("weights", "map", lambda v: v * np.array([1.5, 1.0, 1.0]), "elasticity| in lambda_H"),
        ("nets", "nc1 trace", lambda v: v * np.array([[1.0], [1.7], [1.0]]), "reduction of NC1~"),
        ("nets", "nc1", lambda v: v * np.array([[1.0], [1.7], [1.0]]), "the same of NC1"),
        ("nets", "nc1", lambda v: v[:, [1, 0, 2]], "decrease from layer to layer"),
        ("nets", "next layer", lambda v: 0.3, "factor between"),
    ],
)
def test_a_value_on_the_wrong_side_is_missed(table, part, column, change, bar):
    (missed,) = failed(STUDY, changed(table, column, change, part=part))
    assert bar in missed


@pytest.mark.parametrize("part", ["flow", "frame", "weights", "nets", "none"])
def test_missing_cells_meet_no_bar_and_leave_a_picture(table, part):
    rest = table[table["part"] == part]
    missing = [bar for bar in STUDY.judge(rest) if np.isnan(bar.measured)]
    assert len(missing) == {"flow": 9, "frame": 9, "weights": 8, "nets": 4, "none": 10}[part]
    assert not any(bar.met for bar in missing)
    assert isinstance(STUDY.plot(rest), Figure)


@pytest.mark.slow
def test_the_smoke_preset_runs_and_gives_no_verdict(tmp_path):
    run = run_study("neural-collapse", "smoke", backend="sequential", store=tmp_path / "store.sqlite", progress=False)
    assert run.met is None
    assert run.failures == ()
    assert isinstance(STUDY.plot(run.table), Figure)
