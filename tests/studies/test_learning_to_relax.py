"""The study of learning to relax: its judge can fail at every bar, its picture is drawn, its streams."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from perturbax.studies import run_study
from perturbax.studies.learning_to_relax import STUDY, stream

from .tables import failed

ROUNDS = 40
LEARNERS = {"TsallisINF": 1.3, "TsallisINF rv": 1.2, "Binned": 1.3, "ChebCB": 0.7, "Exp3": 1.4, "UCB1": 2.0}


def _record(cell, rounds=ROUNDS):
    if cell["part"] == "growth":
        points = np.array([8, 16, 32])
        return {"points": points, "optimal": 3 * points, "Gauss-Seidel": 2 * points**2}
    if cell["part"] == "heat":
        record = {"best": 1.3}
        totals = {"CG": 30, "Fixed": 12, "BestInHindsight": 10, "TsallisINF": 11, "ChebCB": 9, "GoldenSection": 8}
        for name, cost in totals.items():
            record[f"costs {name}"] = np.full((2, rounds), cost) if name in LEARNERS else np.full((1, rounds), cost)
        return record
    table = np.full((rounds, 20), 200)
    table[:, 0], table[:, 10] = 500, 100
    record = {"table": table, "shifts": np.linspace(-0.15, 0.45, rounds)}
    for name, ratio in LEARNERS.items():
        record[f"costs {name}"] = np.full((5, rounds), 100.0 * ratio)
        record[f"values {name}"] = np.full((5, rounds), 1.5)
    for name in ("AsymptoticOracle", "GoldenSection"):
        record[f"costs {name}"] = np.full((1, rounds), 60.0)
        record[f"values {name}"] = np.full((1, rounds), 1.5)
    return record


def table_of(preset="small", rounds=ROUNDS):
    trials = [trial for trial in STUDY.trials(STUDY.presets[preset]) if trial.seed < 2]
    return pd.DataFrame([{**t.cell, "seed": t.seed, **_record(t.cell, rounds)} for t in trials])


def spoiled(table, part, column, change, **cell):
    chosen = np.logical_and.reduce([table[name] == value for name, value in {"part": part, **cell}.items()])
    assert chosen.any()
    table = table.copy()
    table[column] = [change(value) if hit else value for value, hit in zip(table[column], chosen, strict=True)]
    return table


def test_a_table_with_good_values_meets_every_bar():
    assert failed(STUDY, table_of()) == set()
    assert len(STUDY.judge(table_of())) == 11


@pytest.mark.parametrize(
    ("part", "column", "factor", "cell", "bar"),
    [
        (
            "shifts",
            "costs ChebCB",
            1.35,
            {"variance": "low"},
            "ChebCB over the best fixed value of the second half, low",
        ),
        (
            "shifts",
            "costs ChebCB",
            1.2,
            {"variance": "high"},
            "ChebCB over the best fixed value of the second half, high",
        ),
        ("shifts", "costs TsallisINF rv", 1.1, {"variance": "low"}, "TsallisINF rv over the best fixed value"),
        ("shifts", "costs TsallisINF", 1.13, {"variance": "high"}, "TsallisINF over the best fixed value"),
        ("growth", "optimal", np.array([1.0, 1.5, 2.5]), {}, "growth of iterations with n, optimal"),
        ("growth", "Gauss-Seidel", np.array([1.0, 0.7, 0.5]), {}, "growth of iterations with n, Gauss-Seidel"),
        ("heat", "costs ChebCB", 1.2, {}, "heat, n = 25: ChebCB over the best fixed value"),
    ],
)
def test_a_value_on_the_wrong_side_is_missed(part, column, factor, cell, bar):
    (missed,) = failed(STUDY, spoiled(table_of(), part, column, lambda value: value * factor, **cell))
    assert bar in missed


def test_a_slow_start_misses_the_total_only():
    def slow(costs):
        costs = costs.copy()
        costs[:, : ROUNDS // 2] = 400.0
        return costs

    (missed,) = failed(STUDY, spoiled(table_of(), "shifts", "costs TsallisINF", slow, variance="low"))
    assert "total of TsallisINF over omega = 1, low" in missed


def test_the_full_preset_asks_for_more():
    table = table_of("full", 5000)
    bars = {bar.name: bar for bar in STUDY.judge(table)}
    assert len(bars) == 15
    # 1.3 is more than the long bar of Tsallis-INF allows, and 9 over 8 less than that of the simulation.
    assert failed(STUDY, table) == {"TsallisINF over the best fixed value, last 1000 rounds, low"}
    slow = spoiled(table, "heat", "costs ChebCB", lambda costs: costs * 1.2, cells=100)
    assert sum("n = 100" in name for name in failed(STUDY, slow)) == 2
    slow = spoiled(table, "shifts", "costs ChebCB", lambda costs: costs * 1.1, variance="low")
    assert any("ChebCB over omega*" in name for name in failed(STUDY, slow))


@pytest.mark.parametrize("part", ["shifts", "heat", "growth", "none"])
def test_missing_cells_meet_no_bar_and_leave_a_picture(part):
    table = table_of()
    rest = table[table["part"] == part]
    missing = [bar for bar in STUDY.judge(rest) if np.isnan(bar.measured)]
    assert len(missing) == {"shifts": 2, "heat": 10, "growth": 8, "none": 10}[part]
    assert not any(bar.met for bar in missing)
    assert isinstance(STUDY.plot(rest), Figure)


def test_the_streams_are_those_of_the_paper():
    for variance, mean in (("low", -0.15 + 0.6 * 0.25), ("high", -0.15 + 0.6 * 0.25)):
        shifts, rights = stream(variance, 400, seed=1)
        assert -0.15 <= shifts.min() <= shifts.max() <= 0.45
        assert shifts.mean() == pytest.approx(mean, abs=0.03)
        assert np.linalg.norm(rights.reshape(400, -1), axis=1).max() <= 10.0
        assert len({right.tobytes() for right in rights}) == 400
    assert stream("high", 400, seed=1)[0].std() > 1.2 * stream("low", 400, seed=1)[0].std()


@pytest.mark.slow
def test_the_smoke_preset_runs_and_gives_no_verdict(tmp_path):
    run = run_study("learning-to-relax", "smoke", backend="sequential", store=tmp_path / "store.sqlite", progress=False)
    assert run.met is None
    assert run.failures == ()
    assert isinstance(STUDY.plot(run.table), Figure)
