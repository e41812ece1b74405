"""The study of random nets in a band: it runs, and its judge can fail at every bar."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from perturbax.approximate import BandlimitedRandomNet
from perturbax.studies import run_study
from perturbax.studies.bandlimited_nets import STUDY

LADDER = np.array(BandlimitedRandomNet().bandwidth)
# Errors along the ladder, as they would be if the claim held.
WIDE = np.array([0.57, 0.5, 0.35, 0.05, 4e-3, 2e-5, 1e-5, 5e-5, 2e-3, 0.08])
SINES = {1: 0, 5: 1, 20: 3}


def nets(widths):
    found = {f"error_bumps_{width}": WIDE if width == widths[-1] else np.full(10, 0.57) for width in widths}
    for k, first in SINES.items():
        found[f"error_sine_{k}"] = np.where(np.arange(10) < first, 0.9, 1e-3)
    found |= {"error_plane": WIDE, "error_photograph": WIDE}
    return found | {name.replace("error", "auto"): 1.0 for name in found} | {"bandwidth": LADDER}


@pytest.fixture
def table():
    rows = []
    for trial in STUDY.trials(STUDY.presets["small"]):
        part = trial.cell["part"]
        measured = nets((50, 200, 800)) if part == "nets" else {}
        if part == "floor":
            measured = {"floor_1": 0.78, "ridge_1": 0.781, "floor_10": 0.57, "ridge_10": 0.571}
        rows.append({**trial.cell, "seed": trial.seed, **measured})
    return pd.DataFrame(rows)


def failed(table):
    return {bar.name for bar in STUDY.judge(table) if not bar.met}


def test_a_table_as_claimed_meets_every_bar(table):
    assert failed(table) == set()
    assert len(STUDY.judge(table)) == 17
    assert isinstance(STUDY.plot(table), Figure)


@pytest.mark.parametrize(
    ("column", "value", "count"),
    [
        ("error_bumps_800", np.full(10, 0.4), 5),
        ("error_bumps_50", np.full(10, 0.7), 1),
        ("auto_plane", 3.1, 1),
        ("auto_sine_20", np.nan, 1),
        ("ridge_10", 0.7, 1),
        ("error_sine_20", np.full(10, 0.9), 1),
        ("error_sine_5", np.full(10, 1e-3), 1),
    ],
)
def test_each_bar_can_be_missed(table, column, value, count):
    table[column] = [value if np.ndim(old) or old == old else old for old in table[column]]
    assert len(failed(table)) == count


def test_it_runs(tmp_path):
    run = run_study("bandlimited-nets", "smoke", store=tmp_path / "store.sqlite", progress=False, backend="sequential")
    assert not run.failures
    assert set(run.table["part"]) == {"nets", "floor", "baselines"}
    assert isinstance(STUDY.plot(run.table), Figure)
