"""The study of DPM-Solver++: it runs, its judge can fail at every bar, its variances are those of real samples."""

import dataclasses

import jax
import numpy as np
import pytest
from matplotlib.figure import Figure

from perturbax import diffusion
from perturbax.studies import run_study
from perturbax.studies.dpm_solver_pp import STUDY, propagated_variance

from .tables import failed, spoiled, table_of

_ORDERS = {"2M++": 2, "2S++": 2, "3S++": 3, "3M++ exact": 3.5, "3M++": 2}
_RATIOS = {
    ("guided", "DPM-Solver-3", 10): 140.0,
    ("guided", "2S++", 10): 0.56,
    ("guided", "2S++", 20): 0.5,
    ("guided", "2M++", 20): 0.67,
    ("guided", "3M++", 20): 0.12,
    ("unguided", "2M++", 10): 0.2,
    ("unguided", "3M++", 15): 0.095,
    ("unguided", "3M++ exact", 15): 0.085,
    ("unguided", "3M++", 40): 0.024,
    ("unguided", "3M++ exact", 40): 0.015,
}
_VARIANCES = {
    ("SDE++ 2M", 25): 1.0437,
    ("SDE++ 2M", 50): 1.0120,
    ("SDE++ 2M", 100): 1.003,
    ("SDE++ 2M taylor", 25): 1.112,
    ("SDE++ 1", 25): 0.6984,
    ("SDE noise 1", 5): 2463.0,
}


def _error(cell):
    if cell["problem"] == "Gaussian":
        return float(cell["steps"]) ** -_ORDERS[cell["method"]]
    return _RATIOS.get((cell["problem"], cell["method"], cell["steps"]), 1.0) / cell["steps"]


@pytest.fixture(scope="module")
def table():
    images = np.random.default_rng(0).uniform(-2, 2, (3, 64))
    return table_of(
        STUDY,
        "small",
        _error,
        variance=lambda cell: _VARIANCES.get((cell["method"], cell["steps"]), np.nan),
        outside=lambda cell: 0.0 if cell["problem"] == "thresholded" else 0.5,
        images=lambda cell: images,
    )


def test_a_table_with_the_measured_laws_meets_every_bar(table):
    assert failed(STUDY, table) == set()
    assert len(STUDY.judge(table)) == 9 + 2 + len(_VARIANCES) + len(_ORDERS)


@pytest.mark.parametrize(("problem", "method", "steps"), [key for key in _RATIOS if key[2] < 40])
def test_an_error_on_the_wrong_side_of_its_share_of_ddim_is_missed(table, problem, method, steps):
    factor = 0.1 if _RATIOS[problem, method, steps] > 1 else 1.6
    worse = spoiled(table, "error", factor, problem=problem, method=method, steps=steps, grid="logSNR")
    assert failed(STUDY, worse) == {f"error of {method} over DDIM's, {problem}, {steps} evaluations"}


def test_a_third_order_that_gains_nothing_is_missed(table):
    worse = spoiled(table, "error", 1.5, problem="unguided", method="3M++ exact", steps=40)
    assert failed(STUDY, worse) == {"error of 3M++ exact over 3M++'s, unguided, 40 evaluations"}


@pytest.mark.parametrize("method", _ORDERS)
def test_an_order_that_is_too_low_is_missed(table, method):
    steps = 384 if method == "3M++ exact" else 768
    bent = spoiled(table, "error", 9.0, problem="Gaussian", method=method, steps=steps)
    name, budgets = f"order of {method}", "48 to 384" if method == "3M++ exact" else "96 to 768"
    assert failed(STUDY, bent) == {f"{name}, Gaussian, {budgets} evaluations"}


@pytest.mark.parametrize(("method", "steps"), _VARIANCES)
def test_another_variance_is_missed(table, method, steps):
    factor = 0.01 if method == "SDE noise 1" else 1.01
    other = spoiled(table, "variance", factor, problem="N(0, 1)", method=method, steps=steps)
    assert failed(STUDY, other) == {f"variance of {method} on N(0, 1), {steps} steps"}


def test_pixels_that_leave_the_range_or_do_not_when_they_should_are_missed(table):
    leaky = table.assign(outside=np.where(table["problem"] == "thresholded", 0.01, table["outside"]))
    assert failed(STUDY, leaky) == {"share of pixels outside [-1, 1], thresholded"}
    tame = spoiled(table, "outside", 0.1, problem="not thresholded")
    assert failed(STUDY, tame) == {"share of pixels outside [-1, 1], not thresholded"}


def test_missing_cells_meet_no_bar(table):
    assert not any(bar.met for bar in STUDY.judge(table[table["method"] == "none"]))


@pytest.mark.parametrize("part", ["all", "guided", "Gaussian"])
def test_the_picture_is_drawn_from_whatever_is_there(table, part):
    assert isinstance(STUDY.plot(table if part == "all" else table[table["problem"] == part]), Figure)


def test_the_smoke_preset_runs_and_gives_no_verdict(tmp_path):
    run = run_study("dpm-solver-pp", "smoke", backend="sequential", store=tmp_path / "store.sqlite", progress=False)
    assert run.met is None
    assert run.failures == ()
    assert np.isfinite(run.table["error"]).all()
    assert {bar.name: bar.met for bar in run.bars}["variance of SDE++ 2M on N(0, 1), 25 steps"]
    assert isinstance(STUDY.plot(run.table), Figure)


@pytest.mark.slow
def test_the_full_preset_measures_the_trained_network_under_guidance(tmp_path):
    none = dict.fromkeys(("guided", "unguided", "conditional", "time", "gaussian"), ())
    shrunk = {**STUDY.presets["full"], **none, "samples": 2, "seeds": 1, "mnist": (10,), "mnist_samples": 100}
    study = dataclasses.replace(STUDY, presets={**STUDY.presets, "full": shrunk})
    run = run_study(study, "full", backend="sequential", store=tmp_path / "store.sqlite", progress=False)
    assert run.failures == ()
    rows = run.table.set_index(["problem", "method"])
    threshold = rows.loc["MNIST, guidance 8, thresholded", "2M++"]
    assert threshold["outside"] < rows.loc[("MNIST, guidance 8", "2M++"), "outside"]
    assert (rows.loc["MNIST, guidance 1"]["frechet"] > 0).all()
    assert isinstance(STUDY.plot(run.table), Figure)


@pytest.mark.parametrize("stochastic", [0.0, 0.5, 1.0])
def test_the_propagated_variance_is_that_of_samples(stochastic):
    process = diffusion.VPLinear()
    method = diffusion.DPMSolverPP(12, grid=diffusion.LogSNR(final="eps"), stochastic=stochastic)
    problem = diffusion.Sampling(lambda x, t: process.alpha(t) * x, process, shape=(100,), prediction=diffusion.Data())
    samples = diffusion.sample(problem, method, key=jax.random.key(0), num_samples=2000)
    wanted = propagated_variance(diffusion.plan(method, process))
    assert float(samples.x.var()) == pytest.approx(wanted, rel=0.02)
