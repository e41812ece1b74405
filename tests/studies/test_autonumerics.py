"""The study of program discovery: it runs, and its judge can fail at every bar."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from perturbax.studies import run_study
from perturbax.studies.autonumerics import STUDY

from .tables import failed, made_up

WITHIN = {
    "Evolution": np.array([0.33, 0.04, 0.03, 9e-4, 2.2e-4, 1e-5, 2e-6]),
    "RandomProgramSearch": np.array([0.33, 0.04, 0.03, 5e-3, 9e-4, 9e-4, 2e-4]),
}
CLASSICAL = {
    f"{what} {name}": np.array(values)
    for name in ("Taylor", "Chebyshev", "Remez", "Padé", "minimax quotient")
    for what, values in (("operations", [2, 4, 6, 8]), ("error", [3e-2, 1.7e-3, 7.5e-5, 2.6e-6]))
}


@pytest.fixture
def table():
    def record(cell):
        return {
            "search": {"within": WITHIN.get(cell.get("method")), "first_operations": 0, "gap": 1.0},
            "classical": CLASSICAL,
            "float32": {"float32_best": 0.9, "time_over_polynomial": 0.9},
        }[cell["part"]]

    return made_up(STUDY, record)


def test_a_table_as_claimed_meets_every_bar(table):
    assert failed(STUDY, table) == set()
    assert len(STUDY.judge(table)) == 12
    assert isinstance(STUDY.plot(table), Figure)


@pytest.mark.parametrize(
    ("column", "value", "count"),
    [
        ("gap", 1.1, 1),
        ("first_operations", 1, 1),
        ("float32_best", 1.01, 1),
        ("time_over_polynomial", np.nan, 1),
        ("time_over_polynomial", 1.2, 1),
    ],
)
def test_each_bar_can_be_missed(table, column, value, count):
    table[column] = np.where(table[column].notna(), value, np.nan)
    assert len(failed(STUDY, table)) == count


@pytest.mark.parametrize(
    ("place", "value", "count"), [(4, 4e-4, 1), (6, 6e-6, 1), (6, 8e-5, 3), (3, 0.05, 1), (5, 2e-3, 2)]
)
def test_errors_that_are_too_large_are_missed(table, place, value, count):
    changed = WITHIN["Evolution"].copy()
    changed[place] = value
    table["within"] = [
        changed if method == "Evolution" else old for method, old in zip(table["method"], table["within"], strict=True)
    ]
    assert len(failed(STUDY, table)) == count


@pytest.mark.slow
def test_it_runs(tmp_path):
    run = run_study("autonumerics", "smoke", store=tmp_path / "store.sqlite", progress=False, backend="sequential")
    assert not run.failures
    assert set(run.table["part"]) == {"search", "classical", "float32"}
    assert isinstance(STUDY.plot(run.table), Figure)
