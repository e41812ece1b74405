"""The study of LightSB: its judge can fail at every bar, its picture is drawn from whatever is there, and it runs."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from perturbax.studies import run_study
from perturbax.studies.light_sb import STUDY

from .tables import failed, spoiled

_POINTS = np.random.default_rng(0).normal(size=(60, 2))
_ROLL = {"starts": _POINTS, "ends": _POINTS, "maps": _POINTS, "trajectories": _POINTS.reshape(10, 6, 2)}


def _record(cell):
    if cell["problem"] == "Gaussian":
        return {"residual": 1e-13, "error": 0.01, "plug_in": 0.02}
    if cell["problem"] == "drift":
        return {"mean": 0.001, "covariance": 0.002, "bw": 0.001}
    if cell["problem"] == "swiss roll":
        return {"sliced": 0.03, "sliced_floor": 0.028, **_ROLL}
    if cell["method"] == "LightSB":
        return {"cbw": 0.2, "gap": 0.02, "seconds": 2.0}
    return {"cbw": 5.0, "seconds": 2.0}


def table_of(preset="small"):
    return pd.DataFrame([{**t.cell, "seed": t.seed, **_record(t.cell)} for t in STUDY.trials(STUDY.presets[preset])])


def test_a_table_with_the_measured_values_meets_every_bar():
    assert failed(STUDY, table_of()) == set()
    assert len(STUDY.judge(table_of())) == 22


@pytest.mark.parametrize(
    ("column", "factor", "cell", "bar"),
    [
        ("cbw", 5.0, {"problem": "mixture", "method": "LightSB", "size": 2, "epsilon": 0.1}, "D = 2, eps = 0.1"),
        ("cbw", 1.6, {"problem": "mixture", "method": "LightSB", "size": 2, "epsilon": 1.0}, "D = 2, eps = 1"),
        ("gap", 3.0, {"problem": "mixture", "method": "LightSB", "size": 16, "epsilon": 0.1}, "KL gap, nats, D = 16"),
        ("gap", -1.0, {"problem": "mixture", "method": "LightSB", "size": 2, "epsilon": 1.0}, "smallest KL gap"),
        ("cbw", 0.1, {"method": "Sinkhorn", "size": 16, "epsilon": 1.0}, "Sinkhorn over LightSB's, D = 16, eps = 1"),
        ("residual", 1e4, {"problem": "Gaussian", "epsilon": 1.0}, "residual"),
        ("error", 6.0, {"problem": "Gaussian", "epsilon": 10.0}, "covariance between the ends, Gaussian, eps = 10"),
        ("mean", 40.0, {"problem": "drift"}, "mean at t = 1/2"),
        ("covariance", 20.0, {"problem": "drift"}, "covariance at t = 1/2"),
        ("bw", 2e3, {"problem": "drift"}, "BW2-UVP at t = 1"),
    ],
)
def test_a_value_on_the_wrong_side_is_missed(column, factor, cell, bar):
    (missed,) = failed(STUDY, spoiled(table_of(), column, factor, **cell))
    assert bar in missed


def test_missing_cells_meet_no_bar():
    table = table_of()
    assert not any(bar.met for bar in STUDY.judge(table[table["problem"] == "none"]))


@pytest.mark.parametrize("part", ["all", "mixture", "swiss roll", "Gaussian"])
def test_the_picture_is_drawn_from_whatever_is_there(part):
    table = table_of()
    assert isinstance(STUDY.plot(table if part == "all" else table[table["problem"] == part]), Figure)


def test_the_smoke_preset_runs_and_gives_no_verdict(tmp_path):
    run = run_study("light-sb", "smoke", backend="sequential", store=tmp_path / "store.sqlite", progress=False)
    assert run.met is None
    assert run.failures == ()
    assert isinstance(STUDY.plot(run.table), Figure)
    assert run.table["residual"].max() < 1e-10
