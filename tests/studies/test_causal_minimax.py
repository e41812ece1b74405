"""The study of causal minimax: it runs, and its judge can fail at every bar."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from perturbax.studies import run_study
from perturbax.studies.causal_minimax import BASELINES, STUDY


@pytest.fixture
def table():
    """Rows as they would be if the claim held."""
    rows = []
    risks = np.linspace(0.5, 1.0, 45)
    measured = {
        "classes": {"seconds": 0.1, "long_chain": 61, "graph": 45, "readme": 9, "chains": 15},
        "discrete exact": {"chosen": "X2", "holds": 0, "largest_error": 1e-12, "gap_of_best_two": 0.006},
        "discrete data": {"chosen": "X2", "holds": 0, "largest_error": 2e-3, "gap_of_best_two": 0.006},
        "simulation": {
            "estimated": risks + 0.1, "tested": risks, "chosen": "X1", "chosen_risk": 0.5, "whole_risk": 0.9,
            "best_risk": 0.5,
        },
        "baselines": dict.fromkeys(BASELINES, 0.8),
    }  # fmt: skip
    for trial in STUDY.trials(STUDY.presets["small"]):
        rows.append({**trial.cell, "seed": trial.seed, **measured[trial.cell["part"]]})
    return pd.DataFrame(rows)


def failed(table):
    return {bar.name for bar in STUDY.judge(table) if not bar.met}


def test_a_table_as_claimed_meets_every_bar(table):
    assert failed(table) == set()
    assert isinstance(STUDY.plot(table), Figure)


@pytest.mark.parametrize(
    ("column", "value", "count"),
    [
        ("seconds", 6.0, 1),
        ("graph", 44, 1),
        ("readme", 8, 1),
        ("chains", 14, 1),
        ("chosen", "X1", 2),
        ("holds", 1, 1),
        ("largest_error", 0.02, 2),
        ("chosen_risk", 0.8, 2),
        ("best_risk", 0.4, 1),
    ],
)
def test_each_bar_can_be_missed(table, column, value, count):
    table[column] = np.where(table[column].notna(), value, np.nan) if column != "chosen" else value
    assert len(failed(table)) == count


def test_estimates_without_order_miss_the_rank(table):
    table["estimated"] = [e[::-1] if isinstance(e, np.ndarray) else e for e in table["estimated"]]
    assert failed(table) == {
        "rank correlation of estimated and largest test risk",
        "share of classes whose estimate covers the test risk",
    }


def test_it_runs(tmp_path):
    run = run_study("causal-minimax", "smoke", backend="sequential", store=tmp_path / "store.sqlite", progress=False)
    assert not run.failures
    assert set(run.table["part"]) == {"classes", "discrete exact", "discrete data", "simulation"}
