"""The study of interface conditions: its trials run, its judge can fail at every bar, its picture is drawn."""

import jax
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from perturbax import core, optimize
from perturbax.studies import metalic, run_study
from perturbax.studies.metalic import STUDY

from .tables import failed

_LEVEL = {"UCB": 3.3, "Thompson": 3.3, "oracle": 3.4, "random": 2.0, "best fixed arm": 3.2, "all conditions": 3.0}


def _row(cell, seed):
    row = {**cell, "seed": seed}
    if cell["part"] == "table":
        errors = 10.0 ** -np.linspace(1.0, 3.0, 2 ** cell["bits"])
        return {**row, "context": 1.0 + cell["row"], "errors": errors, "single": 0.1}
    if cell["part"] == "kernel":
        return {**row, "smallest": -1e-14}
    plays = np.arange(1, cell["plays"] + 1)
    if cell["part"] == "sequential":
        return {**row, "reward": np.tile(-1.0 / plays, (2, 1))}
    level = _LEVEL.get(cell["rule"], 2.5)
    # The regret of what learns falls, that of what is random stays.
    falls = 3.0 / plays if cell["rule"] in ("UCB", "Thompson") else 0.0
    return {
        **row,
        "reward": np.tile(level - falls, (2, 1)),
        "best": np.full((2, cell["plays"]), _LEVEL["oracle"]),
        "held out": level,
    }


@pytest.fixture(scope="module")
def table():
    return pd.DataFrame([_row(trial.cell, trial.seed) for trial in STUDY.trials(STUDY.presets["small"])])


def _with(table, part, rule=None, **columns):
    changed = table.copy()
    for at in changed.index[(changed["part"] == part) & ((changed["rule"] == rule) | (rule is None))]:
        for name, value in columns.items():
            changed.at[at, name] = value
    return changed


def test_all_bars_are_met_by_what_the_claim_says(table):
    assert failed(STUDY, table) == set()
    assert len(STUDY.judge(table)) == 13


def _constant(value):
    return np.full((2, 60), value)


@pytest.mark.parametrize(
    ("part", "rule", "columns", "bar"),
    [
        ("bandit", "UCB", {"reward": _constant(2.3)}, "UCB over random"),
        ("bandit", "Thompson", {"reward": _constant(3.0)}, "oracle over Thompson"),
        ("bandit", "UCB", {"reward": _constant(3.2)}, "exponent of the regret of UCB"),
        ("bandit", "UCB", {"reward": _constant(3.19)}, "UCB over the best fixed arm"),
        ("bandit", "Thompson", {"held out": 2.9}, "Thompson over all conditions, held out"),
        ("bandit", "random", {"reward": 3.0 - 2.0 / np.arange(1.0, 61.0) * np.ones((2, 1))}, "regret of random"),
        ("kernel", None, {"smallest": -1e-3}, "smallest eigenvalue"),
        ("sequential", "METALIC", {"reward": np.full((2, 120), -0.2)}, "sequential: regret"),
    ],
)
def test_each_bar_can_be_missed(table, part, rule, columns, bar):
    assert any(bar in name for name in failed(STUDY, _with(table, part, rule, **columns)))


def test_an_empty_table_meets_nothing():
    assert not any(bar.met for bar in STUDY.judge(pd.DataFrame(columns=["part", "rule", "seed"])))


def test_the_picture_is_drawn_of_what_is_there(table):
    for rows in (table, table[table["part"] == "table"], table.iloc[:0]):
        figure = STUDY.plot(rows)
        assert isinstance(figure, Figure)


def test_a_rule_plays_on_the_rows_of_the_table_and_is_tested_on_others(monkeypatch):
    """The reward counts the bits, less in later contexts: every rule that knows the table plays all conditions."""
    arms = optimize.all_subsets(2)

    def row(cell, k, key):
        return {"errors": 10.0 ** -(arms.sum(-1) - 0.1 * k)}

    monkeypatch.setattr(metalic, "_row", row)
    cell = {"part": "bandit", "family": "poisson", "contexts": 6, "bits": 2, "plays": 4, "seeds": 2}
    with core.float64():
        for rule in ("oracle", "best fixed arm", "all conditions"):
            record = metalic._run_bandit({**cell, "rule": rule}, jax.random.key(0))
            np.testing.assert_allclose(record["reward"], record["best"])
            assert record["held out"] == pytest.approx(2.0 - 0.1 * (2 + 5) / 2)
            assert (np.abs(record["best"] - 1.8) > 1e-6).all()  # the third row is held out


def test_the_game_of_two_stages_has_an_action_without_regret():
    game = metalic._TwoStages()
    missed, carry = game.play(0, np.array([0.5]), np.array([1.0, 1.0, 1.0, 0.0, 0.0, 0.0]), None, None)
    assert float(missed) == 0.0
    assert float(game.play(1, np.array([0.5]), np.zeros(6), carry, None)[0]) == 0.0
    worse, carry = game.play(0, np.array([0.5]), np.zeros(6), None, None)
    assert float(worse) == pytest.approx(-0.5)
    best = np.array([1.0, 1.0, 1.0, 0.0, 0.0, 0.0])
    assert float(game.play(1, np.array([0.5]), best, carry, None)[0]) == 0.0


@pytest.mark.slow
def test_the_smallest_form_runs(tmp_path):
    run = run_study("metalic", "smoke", store=tmp_path / "store.sqlite", backend="sequential")
    assert not run.failures
    assert STUDY.judge(run.table)
