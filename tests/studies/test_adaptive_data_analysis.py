"""The study of adaptive data analysis: it runs, its predictions are right, and its judge can fail at every bar."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from perturbax.studies import run_study
from perturbax.studies._vote_attack import CROSSINGS, best_sigma, predicted_accuracy
from perturbax.studies.adaptive_data_analysis import FACTORS, SIGMAS, SIZES, STUDY, slope

from .tables import failed, spoiled


def measured(cell):
    """What a trial would find if the predictions were exact and the claims held."""
    if cell["part"] == "attack":
        sizes = cell["n"], cell["m"]
        return {f"accuracy {s}": predicted_accuracy(*sizes, s) for s in (0.0, *SIGMAS)} | {"split_refused": 1.0}
    if cell["part"] == "order":
        n, name = cell["n"], cell["method"]
        m = np.unique(np.rint(np.array(FACTORS) * CROSSINGS[name](n)))
        noise = np.array([best_sigma(n, x) if name == "Gaussian" else 0.0 for x in m])
        bias = np.array([predicted_accuracy(n, x, s) - 0.5 for x, s in zip(m, noise, strict=True)])
        return {"queries": m, "bias": bias, "noise": noise}
    if cell["part"] == "features":
        fresh = 0.72 if cell["signals"] else 0.5
        values = {"reported standard": fresh + 0.12, "fresh standard": fresh}
        values |= {"reported thresholdout": fresh + 0.02, "fresh thresholdout": fresh}
        return {"sizes": np.array(SIZES, float)} | {name: np.full(len(SIZES), v) for name, v in values.items()}
    return {"error weights": 0.08, "error Gaussian": 0.12, "error naive": 0.04}


@pytest.fixture(scope="module")
def claimed():
    trials = STUDY.trials(STUDY.presets["small"])
    found = {trial.label.partition(" seed=")[0]: measured(trial.cell) for trial in trials if trial.seed == 0}
    rows = [{**trial.cell, "seed": trial.seed, **found[trial.label.partition(" seed=")[0]]} for trial in trials]
    return pd.DataFrame(rows)


@pytest.fixture
def table(claimed):
    return claimed.copy()


def test_a_table_as_claimed_meets_every_bar(table):
    assert failed(STUDY, table) == set()
    assert len(STUDY.judge(table)) == 9 + 5 + 8
    assert isinstance(STUDY.plot(table), Figure)


def test_predicted_crossings_are_those_of_the_specification():
    assert [round(CROSSINGS["naive"](n)) for n in (500, 1000, 2000, 4000)] == [50, 101, 202, 403]
    assert [round(CROSSINGS["Gaussian"](n)) for n in (500, 1000, 2000, 4000)] == [34, 135, 536, 2131]
    assert predicted_accuracy(1000, 2000, 0.05) == pytest.approx(0.6332, abs=1e-4)


@pytest.mark.parametrize(
    ("column", "factor", "cell", "bars"),
    [
        ("accuracy 0.0", 1.03, {"part": "attack", "n": 4000}, ["n = 4000, m = 2000, naive"]),
        ("accuracy 0.02", 1.03, {"part": "attack", "m": 500}, ["m = 500, sigma = 0.02"]),
        ("accuracy 0.05", 1.05, {"n": 1000, "m": 2000}, ["m = 2000, sigma = 0.05", "over naive bias"]),
        ("accuracy 0.05", 2.0, {"n": 4000, "m": 2000}, ["n = 4000, m = 2000, sigma = 0.05", "over the guarantee"]),
        ("split_refused", 0.5, {"n": 1000, "m": 2000}, ["is refused"]),
        ("bias", 1.6, {"method": "Gaussian", "n": 4000}, ["Gaussian noise"]),
        ("bias", 0.7, {"method": "naive", "n": 4000}, ["error is 0.1, naive"]),
        ("reported thresholdout", 1.06, {"signals": 0}, ["median |bias| of Thresholdout", "over standard"]),
        ("reported thresholdout", 1.05, {"signals": 20}, ["signal: median", "signal: largest"]),
        ("error weights", 1.4, {"part": "domain"}, ["answers, worst seed", "equal privacy"]),
        ("error weights", 1.3, {"part": "domain", "seed": 3}, ["answers, worst seed"]),
        ("error Gaussian", 0.7, {"part": "domain"}, ["equal privacy"]),
        ("error weights", np.nan, {"part": "domain", "seed": 0}, ["answers, worst seed", "equal privacy"]),
    ],
)
def test_a_value_on_the_wrong_side_is_missed(table, column, factor, cell, bars):
    missed = failed(STUDY, spoiled(table, column, factor, **cell))
    assert len(missed) == len(bars)
    assert all(any(bar in name for name in missed) for bar in bars)


def test_one_bad_seed_misses_the_largest_bias(table):
    row = table.index[(table["part"] == "features") & (table["signals"] == 0)][0]
    table.at[row, "reported thresholdout"] = np.full(len(SIZES), 0.65)
    assert failed(STUDY, table) == {"no signal: largest |bias| of Thresholdout"}


def test_lost_power_is_missed(table):
    table.loc[table["signals"] == 20, ["fresh thresholdout", "reported thresholdout"]] *= 0.9
    assert failed(STUDY, table) == {"signal: accuracy on fresh records"}


@pytest.mark.parametrize("part", ["attack", "order", "features", "domain"])
def test_missing_parts_meet_no_bar_of_theirs_and_the_rest_is_drawn(table, part):
    rest = table[table["part"] != part]
    assert failed(STUDY, rest)
    assert isinstance(STUDY.plot(rest), Figure)


def test_no_crossing_is_no_slope(table):
    assert 1.9 < slope(table, "Gaussian") < 2.1
    assert np.isnan(slope(spoiled(table, "bias", 0.1, method="naive", n=500), "naive"))


def test_the_smoke_preset_runs_and_gives_no_verdict(tmp_path):
    run = run_study(
        "adaptive-data-analysis", "smoke", backend="sequential", store=tmp_path / "s.sqlite", progress=False
    )
    assert run.met is None
    assert run.failures == ()
    assert set(run.table["part"]) == {"attack", "order", "features", "domain"}
    assert isinstance(STUDY.plot(run.table), Figure)
