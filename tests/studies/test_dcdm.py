"""The study of DCDM: its judge can fail at every bar, its picture is drawn from whatever is there, and it runs."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from perturbax.studies import run_study
from perturbax.studies.dcdm import MASKS, RIGHT_SIDES, STUDY

from .tables import failed

_COUNTS = {
    "CG": 120,
    "IC-PCG": 40,
    "AMG-PCG": 5,
    "DeflatedPCG": 50,
    "DCDM": 30,
    "FlexibleCG": 32,
    "NetworkIteration": 90,
    "untrained": 400,
    "DCDM 1e-8": 60,
}
_CLASSICAL = ("CG", "IC-PCG", "AMG-PCG", "DeflatedPCG")


def _record(cell):
    classical = cell["part"] == "classical"
    record = {} if classical else {"loss": 0.03, "training seconds": 50.0}
    for name, count in _COUNTS.items():
        if (name in _CLASSICAL) != classical:
            continue
        record[f"history {name}"] = np.geomspace(1.0, 1e-4, count + 1)
        for size in (32,) if name in ("untrained", "DCDM 1e-8") else (32, 64):
            for mask in MASKS:
                for right in RIGHT_SIDES:
                    case = f"{name} {mask} {right} {size}"
                    grown = 2 if size == 64 and name in ("CG", "DCDM") else 1
                    record |= {f"iterations {case}": grown * count, f"seconds {case}": 0.01, f"setup {case}": 0.01}
                    record |= {f"fallbacks {case}": 0, f"reached {case}": 9e-9 if "1e-8" in name else 9e-5}
    return record


def table_of():
    return pd.DataFrame([{**t.cell, "seed": t.seed, **_record(t.cell)} for t in STUDY.trials(STUDY.presets["small"])])


def test_a_table_with_good_values_meets_every_bar():
    assert failed(STUDY, table_of()) == set()
    assert len(STUDY.judge(table_of())) == 8


@pytest.mark.parametrize(
    ("part", "start", "value", "bar"),
    [
        ("classical", "iterations CG", 80, "over CG's, median"),
        ("classical", "iterations IC-PCG", 32, "over IC-PCG's"),
        ("network", "reached DCDM box plume", 1.1e-4, "to 1e-4"),
        ("network", "reached DCDM 1e-8 disk noise", 1.1e-8, "to 1e-8"),
        ("network", "fallbacks DCDM", 2, "fall back"),
        ("network", "loss", 0.05, "loss"),
        ("network", "iterations untrained two disks plume", 230, "untrained"),
        ("network", "iterations DCDM box noise 64", 150, "N = 64"),
    ],
)
def test_a_value_on_the_wrong_side_is_missed(part, start, value, bar):
    table = table_of()
    columns = [name for name in table if name.startswith(start) and ("64" in start or "64" not in name)]
    table[columns] = table[columns].where(table["part"] != part, value)
    (missed,) = failed(STUDY, table)
    assert bar in missed


def test_missing_cells_meet_no_bar():
    table = table_of()
    for part in ("classical", "network", "none"):
        bars = STUDY.judge(table[table["part"] == part])
        assert not any(bar.met for bar in bars if "over" in bar.name)
    assert not any(bar.met for bar in STUDY.judge(table[table["part"] == "none"]))


@pytest.mark.parametrize("part", ["all", "classical", "network"])
def test_the_picture_is_drawn_from_whatever_is_there(part):
    table = table_of()
    assert isinstance(STUDY.plot(table if part == "all" else table[table["part"] == part]), Figure)


@pytest.mark.slow
def test_the_smoke_preset_runs_and_gives_no_verdict(tmp_path):
    pytest.importorskip("pyamg")
    run = run_study("dcdm", "smoke", backend="sequential", store=tmp_path / "store.sqlite", progress=False)
    assert run.met is None
    assert run.failures == ()
    assert isinstance(STUDY.plot(run.table), Figure)
