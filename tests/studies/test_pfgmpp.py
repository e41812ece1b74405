"""The study of PFGM++: its judge can fail at every bar, its picture is drawn, and it runs."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from perturbax.studies import run_study
from perturbax.studies.pfgmpp import STUDY

from .tables import failed, spoiled

_VALUES = {
    "frechet": 0.5, "frechet_0.1": 0.6, "frechet_0.2": 1.1, "frechet_0.4": 7.0, "frechet_floor": 0.28,
    "images": np.zeros((4, 64)), "images_disturbed": np.zeros((4, 64)),
    "on_data": 1.0, "many_dimensions": 1e-4, "kolmogorov_smirnov": 0.5, "second_moment": -0.004,
}  # fmt: skip


def table_of(preset):
    rows = [{**trial.cell, "seed": trial.seed, **_VALUES} for trial in STUDY.trials(STUDY.presets[preset])]
    table = spoiled(pd.DataFrame(rows), "frechet_0.4", 0.65, method="D=8", problem="digits")
    return spoiled(table, "frechet", 3.0, method="D=2048, r=sigma") if preset == "full" else table


def test_a_table_with_the_measured_values_meets_every_bar():
    assert failed(STUDY, table_of("small")) == set()
    assert failed(STUDY, table_of("full")) == set()
    assert len(STUDY.judge(table_of("small"))) == 9
    assert len(STUDY.judge(table_of("full"))) == 11


@pytest.mark.parametrize(
    ("column", "factor", "cell", "bar"),
    [
        ("frechet", 1.3, {"problem": "digits", "method": "D=64"}, "D=64 over D=inf"),
        ("frechet", 0.7, {"problem": "digits", "method": "D=64"}, "D=64 over D=inf"),
        ("frechet_0.4", 1.4, {"problem": "digits", "method": "D=8"}, "disturbed by 0.4"),
        ("frechet_0.2", 1.1, {"problem": "digits", "method": "D=8"}, "disturbed by 0.2"),
        ("many_dimensions", 20.0, {"problem": "kernel"}, "D=1e6"),
        ("kolmogorov_smirnov", 0.01, {"problem": "kernel"}, "Kolmogorov"),
        ("second_moment", 10.0, {"problem": "kernel"}, "relative error"),
        ("on_data", 0.9, {"problem": "ideal", "method": "D=64"}, "end on the data, D=64"),
        ("frechet", 1.2, {"problem": "digits", "method": "D=2048"}, "D=2048 over D=inf, same"),
        ("frechet", 0.4, {"problem": "digits", "method": "D=2048, r=sigma"}, "without the transfer"),
    ],
)
def test_a_value_on_the_wrong_side_is_missed(column, factor, cell, bar):
    (missed,) = failed(STUDY, spoiled(table_of("full"), column, factor, **cell))
    assert bar in missed


def test_missing_cells_meet_no_bar():
    table = table_of("small")
    assert not any(bar.met for bar in STUDY.judge(table[table["method"] == "none"]))


@pytest.mark.parametrize("part", ["all", "digits", "ideal"])
def test_the_picture_is_drawn_from_whatever_is_there(part):
    table = table_of("small")
    assert isinstance(STUDY.plot(table if part == "all" else table[table["problem"] == part]), Figure)


def test_the_smoke_preset_runs_and_gives_no_verdict(tmp_path):
    run = run_study("pfgmpp", "smoke", backend="sequential", store=tmp_path / "store.sqlite", progress=False)
    assert run.met is None
    assert run.failures == ()
    assert isinstance(STUDY.plot(run.table), Figure)
