"""The study of gas chromatographs: it runs, and its judge can fail at every bar."""

import jax
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from perturbax.core import float64
from perturbax.studies import run_study
from perturbax.studies.gas_chromatograph import STUDY

from .tables import failed, made_up

TIMES = np.linspace(0.5, 600.0, 50)
CURVES = np.exp(-(((TIMES - np.array([[60.0], [90.0], [150.0], [280.0]])) / 20.0) ** 2))


@pytest.fixture
def table():
    """Rows as they would be if the claim held."""
    measured = {
        "exact": {"step_gap": 1e-14, "plug_gap": 1e-15, "moment_error": 1e-9},
        "order": {
            "Upwind": np.array([0.098, 0.053, 0.027]),
            "Central": np.array([0.04, 0.01, 0.0025]),
            "UpwindBiased": np.array([0.08, 0.01, 0.00125]),
        },
        "dilute": {
            "gap": 0.004, "competition": 5e-4, "balance": 1e-13, "collapse": 1e-3, "rate_error_LaplaceFit": 0.01,
            "time_error_LaplaceFit": 5e-4, "residual_LaplaceFit": 0.0 * TIMES, "residual_GaussianPeaks": 0.0 * TIMES,
            "curves": CURVES, "full": CURVES, "fitted": CURVES.sum(0), "signal": CURVES.sum(0), "times": TIMES,
            "lengths": np.array([400.0, 250.0, 120.0, 35.0]), "shares_at": np.ones((4, 5)),
        },
        "cost": {"ratio": 60.0},
        "crowded": {
            "crowded_gap": 0.2, "crowded_flags": 1,
            "predicted": np.array([1e-3, 1e-2, 0.05, 0.2]), "gaps": np.array([0.004, 0.01, 0.05, 0.2]),
        },
        "sweep": {"peclet": np.array([1e2, 1e4]), "dispersion_gap": np.array([0.01, 1e-4])},
    }  # fmt: skip
    return made_up(STUDY, lambda cell: measured[cell["part"]])


def test_a_table_as_claimed_meets_every_bar(table):
    assert failed(STUDY, table) == set()
    assert isinstance(STUDY.plot(table), Figure)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("step_gap", 1e-9),
        ("plug_gap", 1e-9),
        ("moment_error", 2e-3),
        ("balance", 1e-5),
        ("competition", 2e-3),
        ("gap", 0.03),
        ("collapse", 0.02),
        ("rate_error_LaplaceFit", 0.04),
        ("time_error_LaplaceFit", 3e-3),
        ("ratio", 19.0),
        ("crowded_gap", 0.04),
        ("crowded_flags", 0),
    ],
)
def test_each_bar_can_be_missed(table, column, value):
    table[column] = np.where(table[column].notna(), value, np.nan)
    assert len(failed(STUDY, table)) == 1


@pytest.mark.parametrize(
    ("name", "errors", "count"),
    [("Upwind", [0.1, 0.09, 0.02], 2), ("Central", [0.1, 0.05, 0.025], 1), ("UpwindBiased", [0.1, 0.05, 0.04], 1)],
)
def test_each_order_can_be_missed(table, name, errors, count):
    table[name] = [np.array(errors) if isinstance(row, np.ndarray) else row for row in table[name]]
    assert len(failed(STUDY, table)) == count


def test_missing_parts_meet_no_bar():
    assert len(failed(STUDY, pd.DataFrame({"part": [], "seed": []}))) == len(STUDY.judge(pd.DataFrame({"part": []})))


def test_it_runs(tmp_path):
    run = run_study("gas-chromatograph", "smoke", store=tmp_path / "store.sqlite", progress=False, backend="sequential")
    assert not run.failures
    assert set(run.table["part"]) == {"exact", "dilute", "crowded", "sweep"}
    met = {bar.name for bar in STUDY.judge(run.table) if bar.met}
    assert {name for name in met if name.startswith(("J against", "plug", "area", "full equations"))} != set()
    assert isinstance(STUDY.plot(run.table), Figure)


@pytest.mark.slow
def test_costs_are_measured():
    (trial,) = STUDY.trials({**STUDY.presets["smoke"], "parts": ("cost",)})
    with float64():
        found = STUDY.run(trial, jax.random.key(0))
    assert found["ratio"] == pytest.approx(found["seconds_full"] / found["seconds_closed"])
