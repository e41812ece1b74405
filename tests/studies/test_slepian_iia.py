"""The study of independent intervals: it runs, and its judge can fail at every bar."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from perturbax.studies import run_study
from perturbax.studies.slepian_iia import APPROXIMATE, STUDY

from .tables import made_up

LINE = {"t": np.linspace(0, 9, 25), "survival": np.exp(-0.2 * np.linspace(0, 9, 25))}


@pytest.fixture
def table():
    """Rows as they would be if the claim held."""
    measured = {
        "exponent": {
            **{f"theta_{d}": theta for d, theta in APPROXIMATE.items()},
            **{f"{name}_{d}": value for d in (1, 2, 3) for name, value in LINE.items()},
        },
        "law": {"theta": 0.264669, "distance": 0.021, "exact": LINE["survival"], **LINE},
        "simulation": {"excursions": 41_000, "distance": 0.004, "mean_error": 1e-3, **LINE},
        "refusal": {
            "gaussian_refused": 1, "gaussian_increase": 1.702, "gaussian_lowest": -0.0022,
            "sech_refused": 1, "sech_increase": 3.145, "sech_lowest": 1e-7,
        },
        "agreement": {"gap": 1e-13},
    }  # fmt: skip
    return made_up(STUDY, lambda cell: measured[cell["part"]])


def failed(table):
    return {bar.name for bar in STUDY.judge(table) if not bar.met}


def test_a_table_as_claimed_meets_every_bar(table):
    assert failed(table) == set()
    assert isinstance(STUDY.plot(table), Figure)


@pytest.mark.parametrize(
    ("column", "value", "count"),
    [
        ("theta_1", 0.1220, 2),
        ("theta_10", 0.4514, 1),
        ("theta", 0.25, 2),
        ("distance", 0.0, 1),
        ("distance", 0.05, 2),
        ("excursions", 39_000, 1),
        ("mean_error", 0.02, 1),
        ("gaussian_refused", 0, 1),
        ("sech_refused", 0, 1),
        ("gaussian_increase", np.nan, 1),
        ("sech_increase", 1.7, 1),
        ("gaussian_lowest", 0.0, 1),
        ("sech_lowest", -1e-3, 1),
        ("gap", 1e-7, 1),
    ],
)
def test_each_bar_can_be_missed(table, column, value, count):
    table[column] = np.where(table[column].notna(), value, np.nan)
    assert len(failed(table)) == count


def test_it_runs(tmp_path):
    run = run_study("slepian-iia", "smoke", store=tmp_path / "store.sqlite", progress=False)
    assert not run.failures
    assert set(run.table["part"]) == {"exponent", "law", "refusal", "agreement", "simulation"}
    missed = {bar.name for bar in STUDY.judge(run.table) if not bar.met}
    assert all("simulated" in name or "simulation" in name for name in missed)
