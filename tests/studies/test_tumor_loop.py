"""The study of tumours: its grid, and bars that see what they are about."""

import numpy as np
import pandas as pd
import pytest

from perturbax.studies import run_study, tumor_loop


def bars(rows):
    return {bar.name: bar for bar in tumor_loop.judge(pd.DataFrame(rows))}


def test_every_part_is_a_trial_and_all_patients_are_inverted_by_cmaes():
    trials = tumor_loop.trials(tumor_loop.STUDY.presets["small"])
    assert [trial.cell["part"] for trial in trials] == ["query", "cma-es", "cma-es", "others", "solver"]
    assert sum(trial.cell["count"] for trial in trials if trial.cell["part"] == "cma-es") == 40


def test_missing_parts_meet_no_bar():
    assert not any(bar.met for bar in tumor_loop.judge(pd.DataFrame({"part": []})))


def test_the_solver_is_judged_by_what_it_measured():
    row = {"part": "solver", "mass errors": np.array([8e-4, 2e-4]), "conserved": 1e-16, "front error": 0.01}
    good = bars([row | {"space errors": np.array([4e-2, 1e-2])}])
    solver = list(good)[-5:]
    assert all(good[name].met for name in solver)
    bad = bars([row | {"mass errors": np.array([8e-3, 7e-3]), "space errors": np.array([4e-2, 3e-2])}])
    assert [bad[name].met for name in solver] == [False, False, True, True, False]


@pytest.mark.slow
def test_the_smoke_preset_runs_gives_no_verdict_and_is_drawn(tmp_path):
    run = run_study("tumor-loop", "smoke", backend="sequential", store=tmp_path / "store.sqlite", progress=False)
    assert run.met is None
    assert run.failures == ()
    assert len(tumor_loop.plot(run.table).axes) == 4
