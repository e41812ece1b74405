"""The study of DPM-Solver: it runs, its judge can fail at every bar, its picture holds what it says."""

import dataclasses

import numpy as np
import pytest
from matplotlib.figure import Figure

from perturbax.studies import run_study, summarize
from perturbax.studies.dpm_solver import STUDY

from .tables import failed, spoiled, table_of

_ORDERS = {"DPM-Solver-1": 1, "DPM-Solver-2": 2, "DPM-Solver-3": 3, "DPM-Solver-3 taylor": 3, "DPM-Solver-fast": 2}
_RATIOS = {
    ("DPM-Solver-3", 15): 0.5,
    ("DPM-Solver-fast", 15): 0.4,
    ("DPM-Solver-2", 20): 0.5,
    ("noise 2M", 10): 0.3,
    ("noise 3M", 15): 0.13,
    ("noise 3M exact", 15): 0.1,
    ("DPM-Solver-2", 6): 3.5,
    ("DPM-Solver-3", 9): 1.7,
    ("DPM-Solver-fast", 6): 2.8,
}


def _error(cell):
    if cell["problem"] == "Gaussian":
        return float(cell["steps"]) ** -_ORDERS[cell["method"]]
    if cell["problem"] == "digits":
        return _RATIOS.get((cell["method"], cell["steps"]), 1.0) / cell["steps"]
    return 3e-7


@pytest.fixture(scope="module")
def table():
    images = np.random.default_rng(0).uniform(-1, 1, (4, 64))
    return table_of(STUDY, "small", _error, rms=lambda cell: 5e-4, images=lambda cell: images)


def test_a_table_with_the_measured_laws_meets_every_bar(table):
    assert failed(STUDY, table) == set()
    assert len(STUDY.judge(table)) == len(_ORDERS) + len(_RATIOS) + 4


@pytest.mark.parametrize("method", _ORDERS)
@pytest.mark.parametrize("factor", [3.0, 1 / 3.0])
def test_an_order_outside_of_its_interval_is_missed(table, method, factor):
    bent = spoiled(table, "error", factor, problem="Gaussian", method=method, steps=768)
    assert failed(STUDY, bent) == {f"order of {method}, Gaussian, 96 to 768 evaluations"}


@pytest.mark.parametrize(("method", "steps"), _RATIOS)
def test_an_error_on_the_wrong_side_of_its_share_of_ddim_is_missed(table, method, steps):
    factor = 1.6 if _RATIOS[method, steps] < 1 else 0.2
    worse = spoiled(table, "error", factor, problem="digits", method=method, steps=steps)
    assert failed(STUDY, worse) == {f"error of {method} over DDIM's, digits, {steps} evaluations"}


@pytest.mark.parametrize("method", ["DDIM", "noise 2M"])
def test_a_table_of_betas_or_a_precision_that_changes_the_samples_is_missed(table, method):
    assert len(failed(STUDY, spoiled(table, "rms", 5.0, problem="digits, table of 1000", method=method))) == 1
    assert len(failed(STUDY, spoiled(table, "error", 20.0, problem="digits, float32", method=method))) == 1


def test_a_single_bad_seed_does_not_decide(table):
    assert not failed(STUDY, spoiled(table, "error", 9.0, problem="digits", method="noise 2M", steps=10, seed=3))


def test_missing_cells_meet_no_bar(table):
    bars = STUDY.judge(table[table["method"] == "none"])
    assert not any(bar.met for bar in bars)


@pytest.mark.parametrize("part", ["all", "digits", "Gaussian"])
def test_the_picture_is_drawn_from_whatever_is_there(table, part):
    assert isinstance(STUDY.plot(table if part == "all" else table[table["problem"] == part]), Figure)


@pytest.fixture(scope="module")
def smoke(tmp_path_factory):
    store = tmp_path_factory.mktemp("smoke") / "store.sqlite"
    return run_study("dpm-solver", "smoke", backend="sequential", store=store, progress=False)


def test_the_smoke_preset_runs_and_gives_no_verdict(smoke):
    assert smoke.met is None
    assert smoke.failures == ()
    assert np.isfinite(smoke.table["error"]).all()
    assert isinstance(STUDY.plot(smoke.table), Figure)


def test_cells_without_pictures_are_summarised_without_them(smoke):
    rows = summarize(smoke)["table"]
    assert all(set(row["values"]) == {"evaluations", "error", "rms"} for row in rows)


def test_the_evaluations_in_the_table_are_those_that_were_spent(smoke):
    spent = smoke.table.set_index(["method", "problem", "steps"])["evaluations"]
    assert spent["DPM-Solver-3", "digits", 10] == 9
    assert spent["DPM-Solver-fast", "digits", 10] == 10


@pytest.mark.slow
def test_the_full_preset_measures_the_trained_network(tmp_path):
    shrunk = {**STUDY.presets["full"], "gaussian": (12,), "digits": (), "controlled": (), "samples": 8, "seeds": 1}
    shrunk |= {"mnist": (10,), "mnist_samples": 100}
    study = dataclasses.replace(STUDY, presets={**STUDY.presets, "full": shrunk})
    run = run_study(study, "full", backend="sequential", store=tmp_path / "store.sqlite", progress=False)
    assert run.failures == ()
    rows = run.table[run.table["problem"] == "MNIST"].set_index("method")
    assert (rows["frechet_floor"] > 0).all()
    assert rows.loc["noise 2M", "frechet"] < rows.loc["DDPM", "frechet"]
    assert isinstance(STUDY.plot(run.table), Figure)
