"""The study of generated boundary conditions: its judge can fail at every bar, its classifier tells, and it runs."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from perturbax.studies import run_study
from perturbax.studies.wgan_submodel import METHODS, STUDY, _side

from .tables import failed


def _record(cell):
    shown = {"traces": np.ones((3, 48)), "energies": np.linspace(0.0, 0.2, 9)}
    if cell["part"] == "submodel":
        record = {"interior_error": 1e-15, "unbalanced": 1e-15, "sliced_floor": 0.07, "energy_floor": 0.07}
        return {**record, "online_seconds": 1e-5, "full_seconds": 5e-3, **shown}
    good = cell["method"] == "WGANGP"
    record = {"sliced": 0.08 if good else 0.1, "energy_distance": 0.08 if good else 0.15}
    return {**record, "mean_error": 0.02, "mode_gap": 0.02, **shown}


def table_of(preset="small"):
    return pd.DataFrame([{**t.cell, "seed": t.seed, **_record(t.cell)} for t in STUDY.trials(STUDY.presets[preset])])


def test_a_table_as_claimed_meets_every_bar():
    for preset in ("small", "full"):
        assert failed(STUDY, table_of(preset)) == set()
        assert len(STUDY.judge(table_of(preset))) == 8
    assert set(table_of()["method"]) == {*METHODS, "none"}
    assert (table_of()["method"] == "WGANGP").sum() == 3


@pytest.mark.parametrize(
    ("method", "column", "value", "bars"),
    [
        ("WGANGP", "sliced", 0.0946, ["two true samples", "PCA-Gaussian"]),
        ("WGANGP", "energy_distance", 0.106, ["W1 of the strain energy"]),
        ("WGANGP", "mean_error", 0.081, ["mean strain energy"]),
        ("WGANGP", "mode_gap", 0.081, ["share of holes"]),
        ("PCAGaussian", "sliced", 0.088, ["traces, WGAN-GP over PCA-Gaussian"]),
        ("PCAGaussian", "energy_distance", 0.11, ["W1 of the strain energy"]),
        ("none", "sliced_floor", 0.059, ["two true samples"]),
        ("none", "interior_error", 2e-9, ["error inside"]),
        ("none", "unbalanced", 2e-10, ["out of balance"]),
        ("none", "online_seconds", 2.6e-4, ["seconds of a draw"]),
    ],
)
def test_each_bar_can_be_missed(method, column, value, bars):
    table = table_of()
    table.loc[table["method"] == method, column] = value
    missed = failed(STUDY, table)
    assert len(missed) == len(bars)
    assert all(any(bar in name for name in missed) for bar in bars)


def test_one_bad_seed_of_three_is_not_the_median():
    table = table_of()
    table.loc[(table["method"] == "WGANGP") & (table["seed"] == 1), ["sliced", "energy_distance"]] = 9.0
    assert failed(STUDY, table) == set()


@pytest.mark.parametrize("part", ["generator", "submodel", "none"])
def test_what_is_missing_meets_no_bar_and_is_not_drawn(part):
    table = table_of()
    table = table[table["part"] == part]
    met = [bar.name for bar in STUDY.judge(table) if bar.met]
    assert len(met) == {"generator": 4, "submodel": 3, "none": 0}[part]
    assert isinstance(STUDY.plot(table), Figure)


def test_the_classifier_tells_the_sides_apart():
    above = np.arange(60) % 2 == 0
    traces = np.random.default_rng(0).normal(size=(60, 4)) + 6.0 * above[:, None]
    side = _side({"traces": traces, "above": above})
    assert (side(traces), side(traces[above]), side(traces[~above])) == (0.5, 1.0, 0.0)


@pytest.mark.slow
def test_the_smoke_preset_runs_and_gives_no_verdict(tmp_path):
    pytest.importorskip("skfem", reason="needs the extra mesh")
    run = run_study("wgan-submodel", "smoke", backend="sequential", store=tmp_path / "s.sqlite", progress=False)
    assert run.met is None
    assert run.failures == ()
    assert isinstance(STUDY.plot(run.table), Figure)
