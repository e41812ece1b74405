"""The study of adaptive reduced models: its judge can fail at every bar, its blade has holes, and it runs."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from perturbax.studies import run_study
from perturbax.studies._hot_parts import blade
from perturbax.studies.adaptive_rom import STUDY, _tracked

from .tables import failed

ERRORS = {"plain": 0.4, "adaptive": 0.03, "blind": 0.09, "Galerkin": 0.3}


def _record(cell):
    if cell["part"] == "cubature":
        return {"share": 0.04, "u_error": 2e-3, "volume_error": 1e-4, "smallest_weight": 0.0}
    if cell["part"] == "speed":
        large = cell["cells"] > 100
        return {"unknowns": 2 * cell["cells"] ** 2, "reduced_seconds": 1e-3, "full_seconds": 5.0 if large else 0.1}
    training = cell["case"] == "training"
    record = {"correlation": 0.9, "within_ten": 1.0, "not_below_three": 0.99, "count": 0 if training else 5}
    for name, error in ERRORS.items():
        record |= {f"p error {name}": np.full(8, error), f"u error {name}": 1e-4 if training else error}
        record[f"p {name}"] = np.linspace(0.0, 1.0, 16)
    x, y = np.meshgrid(np.arange(4.0), np.arange(4.0))
    record |= {"p full": np.linspace(0.0, 1.0, 16), "coordinates": np.stack([x.ravel(), y.ravel()], 1)}
    return record | {"estimate": np.full(8, 0.5), "full_steps": np.array([1, 3])}


def table_of(preset="small"):
    return pd.DataFrame([{**t.cell, "seed": t.seed, **_record(t.cell)} for t in STUDY.trials(STUDY.presets[preset])])


def test_a_table_as_claimed_meets_every_bar():
    assert failed(STUDY, table_of()) == set()
    assert len(STUDY.judge(table_of())) == 16
    assert failed(STUDY, table_of("full")) == set()
    assert len(STUDY.judge(table_of("full"))) == 18


@pytest.mark.parametrize(
    ("case", "column", "value", "bars"),
    [
        ("a", "correlation", 0.84, ["case a"]),
        ("c", "correlation", 0.84, ["case c"]),
        ("b", "within_ten", 0.89, ["factor 10"]),
        ("b", "not_below_three", 0.94, ["a third"]),
        ("b", "u error adaptive", 0.2, ["not adaptive, largest"]),
        ("c", "count", 13, ["full steps of 30"]),
        ("training", "count", 1, ["full steps in a history"]),
        ("training", "u error adaptive", 3e-3, ["u error in a history"]),
        (None, "share", 0.07, ["share of the points"]),
        (None, "u_error", 0.02, ["u error with them"]),
        (None, "volume_error", 0.02, ["error of the area"]),
        (None, "smallest_weight", -1e-9, ["smallest weight"]),
    ],
)
def test_each_bar_can_be_missed(case, column, value, bars):
    table = table_of()
    rows = table["part"] == "cubature" if case is None else table["case"] == case
    table.loc[rows, column] = value
    missed = failed(STUDY, table)
    assert len(missed) == len(bars)
    assert all(any(bar in name for name in missed) for bar in bars)


def test_medians_over_the_histories_can_be_missed():
    table = table_of()
    table.loc[table["case"] != "training", "u error adaptive"] = 0.08
    assert failed(STUDY, table) == {"final u error, adaptive over not adaptive, median"}
    table = table_of()
    table["p error blind"] = [np.full(8, 0.04)] * len(table)
    assert len(failed(STUDY, table)) == 2
    table = table_of("full")
    table.loc[table["cells"] == 223, ["reduced_seconds", "full_seconds"]] = 2e-3, 0.01
    assert len(failed(STUDY, table)) == 2


@pytest.mark.parametrize("part", ["history", "cubature", "none"])
def test_what_is_missing_meets_no_bar_and_is_not_drawn(part):
    table = table_of()
    table = table[table["part"] == part]
    met = [bar.name for bar in STUDY.judge(table) if bar.met]
    assert len(met) == {"history": 12, "cubature": 4, "none": 0}[part]
    assert isinstance(STUDY.plot(table), Figure)


def test_an_estimate_that_follows_the_error_is_told_from_one_that_does_not():
    error = np.array([np.nan, 0.0, 1e-4, 0.01, 0.1, 1.0])
    indicator = np.array([np.nan, 1e-5, 5e-5, 5e-3, 5e-2, 0.5])
    good = _tracked(indicator, 2.0 * indicator, error)
    assert good["correlation"] == pytest.approx(1.0)
    assert (good["within_ten"], good["not_below_three"]) == (1.0, 1.0)
    bad = _tracked(indicator, np.array([np.nan, 1.0, 1.0, 0.2, 0.009, 1.0]), error)
    assert bad["within_ten"] == pytest.approx(1 / 3)
    assert bad["not_below_three"] == pytest.approx(2 / 3)


def test_a_blade_has_three_holes():
    pytest.importorskip("skfem", reason="needs the extra mesh")
    problem = blade((0.3, 0.2, 500.0), cells=8, steps=2)
    holes = 1.0 - problem.body.weights.sum() / 0.5
    assert holes == pytest.approx(3.0 * np.pi * 0.06**2 / 0.25, rel=0.2)
    assert problem.body.dimension == 3


@pytest.mark.slow
def test_the_smoke_preset_runs_and_gives_no_verdict(tmp_path):
    run = run_study("adaptive-rom", "smoke", backend="sequential", store=tmp_path / "s.sqlite", progress=False)
    assert run.met is None
    assert run.failures == ()
    assert isinstance(STUDY.plot(run.table), Figure)
