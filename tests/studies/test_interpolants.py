"""The study of interpolants: its judge can fail at every bar, its picture is drawn from what is there, and it runs."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from perturbax.studies import run_study
from perturbax.studies.interpolants import STUDY

from .tables import failed, spoiled

_POINTS = np.random.default_rng(0).normal(size=(40, 2)).astype(np.float32)
_LEARNT = {
    **{"b 0.1": 0.2, "b 0.5": 0.08, "b 0.9": 0.03, "s 0.1": 0.07, "s 0.5": 0.2, "s 0.9": 0.14},
    **{"energy ODE": 0.004, "energy constant 0.1": 0.003, "energy scaled 1": 0.002},
    **{"off ODE": 0.03, "off constant 0.1": 0.002, "off scaled 1": 0.015, "floor": 0.0014},
    **{"rms ODE": 0.25, "rms constant 0.1": 0.15, "rms scaled 1": 0.205, "kl_binned": 0.02, "kl_bound": 0.2},
    **{f"points {name}": _POINTS for name in ("ODE", "constant 0.1", "scaled 1")},
}


def _record(cell):
    return {
        "exact": {"excess": np.array([0.3, 0.5, 0.4, 0.6]), "continuity": 0.01},
        "learnt": _LEARNT,
        "bridge": {"drift_error": 1e-15},
        "order": {"euler_ratio": 2.0},
    }[cell["problem"]]


def table_of(preset="small"):
    return pd.DataFrame([{**t.cell, "seed": t.seed, **_record(t.cell)} for t in STUDY.trials(STUDY.presets[preset])])


def test_a_table_with_the_measured_values_meets_every_bar():
    assert failed(STUDY, table_of()) == set()
    assert len(STUDY.judge(table_of())) == 17


@pytest.mark.parametrize(
    ("column", "factor", "cell", "bars"),
    [
        ("excess", 1.8, {"path": "linear, bridge"}, ["share of exact runs above"]),
        ("excess", 4.0, {"path": "linear, bridge"}, ["share of exact runs above", "largest energy distance"]),
        ("continuity", 3.0, {"path": "encoding-decoding"}, ["largest gap of d/dt"]),
        ("euler_ratio", 0.5, {"problem": "order"}, ["Euler's error"]),
        ("b 0.1", 1.6, {"problem": "learnt"}, ["velocity, t = 0.1"]),
        ("b 0.5", 1.7, {"problem": "learnt"}, ["velocity, t = 0.5"]),
        ("b 0.9", 1.8, {"problem": "learnt"}, ["velocity, t = 0.9"]),
        ("s 0.1", 1.6, {"problem": "learnt"}, ["score, t = 0.1"]),
        ("s 0.5", 1.4, {"problem": "learnt"}, ["score, t = 0.5"]),
        ("s 0.9", 1.5, {"problem": "learnt"}, ["score, t = 0.9"]),
        ("off constant 0.1", 6.0, {"problem": "learnt"}, ["off-mode share of the SDE, eps = 0.1"]),
        ("energy constant 0.1", 3.0, {"problem": "learnt"}, ["less 3 floors"]),
        ("energy scaled 1", 1.8, {"problem": "learnt"}, ["energy distance of the SDE, eps = 1 - t"]),
        ("off scaled 1", 1.6, {"problem": "learnt"}, ["off-mode share of the SDE, eps = 1 - t"]),
        ("rms scaled 1", 0.9, {"problem": "learnt"}, ["rms from the modes"]),
        ("kl_binned", 11.0, {"problem": "learnt"}, ["binned divergence"]),
        ("drift_error", 1e8, {"problem": "bridge"}, ["Schrödinger drift"]),
    ],
)
def test_a_value_on_the_wrong_side_is_missed(column, factor, cell, bars):
    missed = failed(STUDY, spoiled(table_of(), column, factor, **cell))
    assert len(missed) == len(bars)
    assert all(any(bar in name for name in missed) for bar in bars)


def test_missing_cells_meet_no_bar():
    table = table_of()
    assert not any(bar.met for bar in STUDY.judge(table[table["problem"] == "none"]))


@pytest.mark.parametrize("part", ["all", "exact", "learnt", "bridge"])
def test_the_picture_is_drawn_from_whatever_is_there(part):
    table = table_of()
    assert isinstance(STUDY.plot(table if part == "all" else table[table["problem"] == part]), Figure)


def test_the_smoke_preset_runs_and_gives_no_verdict(tmp_path):
    run = run_study("interpolants", "smoke", backend="sequential", store=tmp_path / "store.sqlite", progress=False)
    assert run.met is None
    assert run.failures == ()
    assert isinstance(STUDY.plot(run.table), Figure)
    assert run.table["drift_error"].max() < 1e-12
