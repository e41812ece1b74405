"""The study of SBIRR: its judge can fail at every bar, its picture is drawn from whatever is there, and it runs."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from perturbax.studies import run_study
from perturbax.studies.sb_irr import STUDY

from .tables import failed, spoiled

_PATHS = np.random.default_rng(0).normal(size=(8, 21, 2))


def _record(cell):
    if cell["world"] == "oracle":
        return {"covariance": 0.02, "mean": 0.01}
    emd = 0.13 if cell["method"] == "SBIRR" else 0.7
    record = {
        "emd": emd,
        "floor": 0.1,
        "emds": np.full(4, emd),
        "held_out": np.array([1.0, 3.0, 5.0, 7.0]),
        "paths": _PATHS,
        "snapshots": np.random.default_rng(1).normal(size=(9, 5, 2)),
    }
    if cell["method"] == "SBIRR":
        record |= {
            "error": np.full(4, 0.05),
            "parameters": np.ones((4, 4)),
            "divergences": np.array([100.0, 20.0, 10.0, 9.0]),
        }
    return record


def table_of(preset="small"):
    return pd.DataFrame([{**t.cell, "seed": t.seed, **_record(t.cell)} for t in STUDY.trials(STUDY.presets[preset])])


def test_a_table_with_the_measured_values_meets_every_bar():
    assert failed(STUDY, table_of()) == set()
    assert len(STUDY.judge(table_of())) == 7


@pytest.mark.parametrize(
    ("column", "factor", "cell", "bars"),
    [
        ("emd", 3.0, {"method": "SBIRR"}, {"median", "largest of the seeds"}),
        ("emds", 6.0, {"method": "SBIRR"}, {"one held-out time"}),
        ("error", -4.0, {"method": "SBIRR"}, {"relative error of a parameter"}),
        ("covariance", 3.0, {"world": "oracle", "reference": "Brownian"}, {"Brownian reference"}),
        ("covariance", 3.0, {"world": "oracle", "reference": "linear"}, {"linear reference"}),
    ],
)
def test_a_value_on_the_wrong_side_is_missed(column, factor, cell, bars):
    missed = failed(STUDY, spoiled(table_of(), column, factor, **cell))
    for bar in bars:
        assert any(bar in name for name in missed)
    if len(bars) == 1:
        assert len(missed) == 1


def test_a_divergence_that_rises_after_the_second_iteration_is_missed():
    table = table_of()
    table["divergences"] = [np.array([10.0, 20.0, 22.5])] * len(table)
    (missed,) = failed(STUDY, table)
    assert "KL divergence" in missed


def test_missing_cells_meet_no_bar():
    table = table_of()
    assert not any(bar.met for bar in STUDY.judge(table[table["world"] == "none"]))


@pytest.mark.parametrize("part", ["all", "lotka-volterra", "oracle"])
def test_the_picture_is_drawn_from_whatever_is_there(part):
    table = table_of()
    assert isinstance(STUDY.plot(table if part == "all" else table[table["world"] == part]), Figure)


@pytest.mark.slow
def test_the_smoke_preset_runs_and_gives_no_verdict(tmp_path):
    run = run_study("sb-irr", "smoke", backend="sequential", store=tmp_path / "store.sqlite", progress=False)
    assert run.met is None
    assert run.failures == ()
    assert isinstance(STUDY.plot(run.table), Figure)
