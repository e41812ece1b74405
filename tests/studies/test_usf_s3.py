"""The study of searched schedules: it runs, its judge can fail at every bar, its picture holds what it says."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from perturbax import diffusion
from perturbax.studies import run_study
from perturbax.studies.usf_s3 import STUDY

from .tables import failed, spoiled

_SCHEDULE = diffusion.SolverSchedule([-5.0, -1.0, 2.0, 4.5], 2, correctors="pseudo").to_json()


@pytest.fixture(scope="module")
def table():
    rows = []
    for trial in STUDY.trials(STUDY.presets["small"]):
        cell = trial.cell
        row = {**trial.cell, "seed": trial.seed, "evaluations": cell["steps"], "error": 0.02, "validation": 0.019}
        if cell["problem"] == "equivalence":
            row |= {"error": 1e-13}
        elif cell["method"] == "known":
            row |= {"names": "DDIM, LogSNR\nUniPC-2, LogSNR", "scores": np.array([0.2, 0.05])}
        else:
            row |= {"preset_error": 0.05, "ratio": 0.4, "history": np.array([0.2, 0.02]), "costs": np.array([1, 2])}
            row |= {"schedule": _SCHEDULE, "rank_correlation": 0.7}
        rows.append(row)
    return pd.DataFrame(rows)


def test_a_table_with_the_measured_laws_meets_every_bar(table):
    assert failed(STUDY, table) == set()
    assert len(STUDY.judge(table)) == 6


@pytest.mark.parametrize(
    ("column", "factor", "cell"),
    [
        ("ratio", 2.0, {"method": "S3", "steps": 5}),
        ("ratio", 2.0, {"method": "S3", "steps": 8}),
        ("validation", 0.5, {"method": "S3", "steps": 8}),
        ("error", 1.1, {"method": "S3", "budget": 100}),
        ("rank_correlation", 0.5, {"method": "S3", "steps": 5, "budget": 300}),
        ("error", 1e4, {"problem": "equivalence"}),
    ],
)
def test_every_bar_can_be_missed(table, column, factor, cell):
    assert len(failed(STUDY, spoiled(table, column, factor, **cell))) == 1


def test_the_picture_is_drawn_from_whatever_is_there(table):
    for part in (table, table[table["problem"] == "equivalence"], table[table["method"] == "S3"]):
        assert isinstance(STUDY.plot(part), Figure)


def test_the_smoke_preset_runs(tmp_path):
    run = run_study("usf-s3", "smoke", backend="sequential", store=tmp_path / "store.sqlite", progress=False)
    assert run.met is None
    assert run.failures == ()
    found = run.table.set_index("problem")
    assert found.loc["equivalence"]["error"].max() < 1e-10
