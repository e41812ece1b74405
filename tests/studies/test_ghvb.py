"""The study of momentum: it runs, its judge can fail at every bar, its picture holds what it says."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from perturbax.studies import run_study
from perturbax.studies.ghvb import STUDY

from .tables import failed, spoiled, table_of

_ORDERS = {"HB(4, 0.8)": 1.0, "GHVB 1.5": 2.0, "GHVB 2.5": 2.0, "GHVB 2.5 variable": 2.9, "GHVB 3.5 variable": 3.8}
_RATIOS = {
    ("w = 15", "AB4"): 900.0,
    ("w = 8", "HB(4, 0.8)"): 0.3,
    ("w = 8", "AB4"): 5.0,
    ("w = 1", "GHVB 1.5"): 0.3,
    ("w = 1", "GHVB 2.5"): 0.03,
}


def _error(cell):
    if cell["problem"] == "stability":
        return 1e-5
    if cell["problem"] == "Gaussian":
        return float(cell["steps"]) ** -_ORDERS[cell["method"]]
    return 0.1 * _RATIOS.get((cell["problem"], cell["method"]), 1.0)


def _artifacts(cell):
    return 0.6 if cell["method"] == "AB4" else 0.01


@pytest.fixture(scope="module")
def table():
    images = np.random.default_rng(0).uniform(-1, 1, (3, 64))
    return table_of(STUDY, "small", _error, artifacts=_artifacts, images=lambda cell: images)


def test_a_table_with_the_measured_laws_meets_every_bar(table):
    assert failed(STUDY, table) == set()
    assert len(STUDY.judge(table)) == 14


@pytest.mark.parametrize("method", _ORDERS)
@pytest.mark.parametrize("factor", [3.0, 1 / 3.0])
def test_an_order_outside_of_its_interval_is_missed(table, method, factor):
    last = 384 if "variable" in method else 1536
    bent = spoiled(table, "error", factor, problem="Gaussian", method=method, steps=last)
    assert len(failed(STUDY, bent)) == 1


@pytest.mark.parametrize(
    ("column", "factor", "cell", "count"),
    [
        ("artifacts", 0.1, {"problem": "w = 15", "method": "AB4"}, 1),
        ("artifacts", 20.0, {"problem": "w = 15", "method": "GHVB 2.5"}, 1),
        ("artifacts", 3.0, {"problem": "w = 15", "method": "GHVB 1.5"}, 1),
        ("error", 1e-3, {"problem": "w = 15", "method": "AB4"}, 1),
        ("error", 3.0, {"problem": "w = 8", "method": "HB(4, 0.8)"}, 2),
        ("error", 2.0, {"problem": "w = 1", "method": "GHVB 1.5"}, 1),
        ("error", 9.0, {"problem": "w = 1", "method": "GHVB 2.5"}, 1),
        ("error", 1e4, {"problem": "stability", "method": "GHVB 2.5"}, 1),
    ],
)
def test_every_other_bar_can_be_missed(table, column, factor, cell, count):
    assert len(failed(STUDY, spoiled(table, column, factor, **cell))) == count


def test_missing_cells_meet_no_bar(table):
    assert not any(bar.met for bar in STUDY.judge(table[table["method"] == "none"]))


def test_the_smoke_preset_runs_and_is_drawn(tmp_path):
    run = run_study("ghvb", "smoke", backend="sequential", store=tmp_path / "store.sqlite", progress=False)
    assert run.met is None
    assert run.failures == ()
    assert np.isfinite(run.table["error"]).all()
    assert isinstance(STUDY.plot(run.table), Figure)
