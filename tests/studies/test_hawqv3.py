"""The study of HAWQ-V3: its judge can fail at every bar, and its picture is drawn of what is there."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from perturbax.studies import run_study
from perturbax.studies.hawqv3 import STUDY

from .tables import changed, failed, made_up


def _record(cell):
    if cell["part"] == "integers":
        found = {f"{name} {bits}": 0.93 for name in ("integers", "float requantisation") for bits in (8, 4)}
        return {
            **found,
            "float32": 0.932,
            **{f"agreement {b}": 1.0 for b in (8, 4)},
            **{f"floats {b}": 0 for b in (8, 4)},
        }
    if cell["part"] == "baselines":
        names = ("HAWQ-V3", "largest eigenvalue", "divergence", "largest first")
        return {f"{name} {average:g}": 0.1 for name in names for average in (2.5, 4.0)}
    record = {"predicted": np.linspace(0.1, 1.0, 80), "over exhaustion": np.zeros(11)}
    rows = {"ranked": 80, "near 2.5": 40, "near 4": 40, "program": 11, "uniform": 4}
    for name, count in rows.items():
        record[f"{name} size"] = np.linspace(3e4, 1.2e5, count)
        record[f"{name} accuracy"] = np.linspace(0.5, 0.93, count)
        record[f"{name} increase"] = np.linspace(0.01, 1.0, count)
    record["program increase"] = np.full(11, 0.002)
    return record


@pytest.fixture
def table():
    return made_up(STUDY, _record)


def test_a_table_with_good_values_meets_every_bar(table):
    assert failed(STUDY, table) == set()
    assert len(STUDY.judge(table)) == 11


@pytest.mark.parametrize(
    ("cell", "column", "change", "bar"),
    [
        ({"network": "mlp"}, "integers 8", lambda v: 0.926, "accuracy lost by 8 bits in integers, mlp"),
        ({"network": "residual"}, "integers 8", lambda v: 0.926, "accuracy lost by 8 bits in integers, residual"),
        ({"network": "mlp"}, "agreement 8", lambda v: 0.997, "agree, mlp"),
        ({"network": "residual", "seed": 3}, "floats 4", lambda v: 1, "floating-point equations"),
        ({"part": "bits"}, "predicted", lambda v: v[::-1], "rank correlation"),
        ({"part": "bits"}, "near 2.5 increase", lambda v: 0.003 + 0 * v, "at 2.5 bits on average"),
        ({"part": "bits"}, "near 4 increase", lambda v: 0.003 + 0 * v, "at 4 bits on average"),
        ({"part": "bits"}, "uniform increase", lambda v: 0.001 + 0 * v, "over that of 4 bits"),
        ({"part": "bits", "seed": 1}, "over exhaustion", lambda v: v + 1e-6, "excess of the linear program"),
    ],
)
def test_a_value_on_the_wrong_side_is_missed(table, cell, column, change, bar):
    (missed,) = failed(STUDY, changed(table, column, change, **cell))
    assert bar in missed


@pytest.mark.parametrize("part", ["integers", "bits", "baselines", "none"])
def test_missing_cells_meet_no_bar_and_leave_a_picture(table, part):
    rest = table[table["part"] == part]
    missing = [bar for bar in STUDY.judge(rest) if np.isnan(bar.measured)]
    assert len(missing) == {"integers": 5, "bits": 6, "baselines": 11, "none": 11}[part]
    assert not any(bar.met for bar in missing)
    assert isinstance(STUDY.plot(rest), Figure)


@pytest.mark.slow
def test_the_smoke_preset_runs_and_gives_no_verdict(tmp_path):
    run = run_study("hawqv3", "smoke", backend="sequential", store=tmp_path / "store.sqlite", progress=False)
    assert run.met is None
    assert run.failures == ()
    assert isinstance(STUDY.plot(run.table), Figure)
