"""The study of DPM-OT: it runs, and its judge can fail at every bar."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from perturbax.studies import run_study
from perturbax.studies.dpm_ot import STUDY

_OTHERS = ("DDIM time", "DDIM logSNR", "DDIM quadratic", "2M++", "DDPM", "random latents", "DPM-OT 2M++")


@pytest.fixture
def table():
    """Rows as they would be if the claim held."""
    grid = {f"off {name} {steps}": 0.2 / steps for name in _OTHERS for steps in (5, 10)}
    grid |= {"off DPM-OT 5": 0.01, "off DPM-OT 10": 0.008, "W2 DPM-OT": 0.3, "W2 DDIM logSNR": 0.5}
    grid |= {"mass_error": 0.07, "floor": 0.06, "empty": 0, "cost": 1.01, "random_cost": 11.0}
    grid |= {"flat_error": 0.7, "nearest_error": 0.5}
    grid |= {f"x {name}": np.zeros((4, 2), np.float32) for name in ("DDIM logSNR", "2M++", "DPM-OT")}
    rows = []
    for trial in STUDY.trials(STUDY.presets["small"]):
        digits = {name: grid[name] for name in ("mass_error", "floor", "empty")}
        rows.append({**trial.cell, "seed": trial.seed, **(grid if trial.cell["part"] == "grid" else digits)})
    return pd.DataFrame(rows)


def failed(table):
    return {bar.name for bar in STUDY.judge(table) if not bar.met}


def test_a_table_as_claimed_meets_every_bar(table):
    assert failed(table) == set()
    assert isinstance(STUDY.plot(table), Figure)


@pytest.mark.parametrize(
    ("column", "value", "count"),
    [
        ("off DPM-OT 5", 0.02, 1),
        ("off DPM-OT 10", 0.05, 2),
        ("W2 DPM-OT", 0.4, 1),
        ("mass_error", 0.1, 2),
        ("empty", 1, 1),
        ("cost", 1.2, 1),
        ("random_cost", 5.0, 1),
        ("flat_error", 0.1, 1),
        ("nearest_error", 0.07, 1),
    ],
)
def test_each_bar_can_be_missed(table, column, value, count):
    table[column] = value
    assert len(failed(table)) == count


def test_it_runs(tmp_path):
    run = run_study("dpm-ot", "smoke", store=tmp_path / "store.sqlite", progress=False)
    assert not run.failures
    assert set(run.table["part"]) == {"grid", "digits"}
