"""Results from a store take the place of recorded ones when they are complete; nothing is run for a page."""

import pytest

from perturbax import studies
from perturbax.report import _cards

STUDY = """
from matplotlib.figure import Figure
from perturbax.studies import Bar, Study, Trial

def trials(preset):
    return [Trial({"n": n}, seed) for n in preset for seed in (0, 1)]

def run(trial, key):
    return {"value": trial.cell["n"] + 0.5 * trial.seed}

def judge(table):
    return [Bar("largest value", table["value"].max(), 2.0, "<=")]

def plot(table):
    figure = Figure()
    figure.subplots().plot(table["n"], table["value"])
    return figure

STUDY = Study(
    slug="mine", title="Mine", claim="It counts.", verb="stats.count", methods=("count",), trials=trials, run=run,
    judge=judge, plot=plot, presets={"smoke": [1], "small": [1, 2], "full": [1, 2, 3]},
)
"""


@pytest.fixture
def study(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(STUDY)
    return str(path)


def test_a_finished_study_is_judged_anew_from_the_store(study, tmp_path):
    store = tmp_path / "store.sqlite"
    studies.run_study(study, "small", store=store, backend="sequential")
    card = _cards._from_store(study, store)
    assert card is not None
    assert [(bar.measured, bar.wanted, bar.met) for bar in card.bars] == [("2.5", "≤ 2", False)]
    assert card.rows == (("1", "1.25 ± 0.35"), ("2", "2.25 ± 0.35"))
    assert card.picture is not None
    assert card.picture.startswith(b"\x89PNG")


def test_an_unfinished_study_is_left_to_what_is_recorded(study, tmp_path):
    store = tmp_path / "store.sqlite"
    studies.run_study(study, "smoke", store=store, backend="sequential")
    assert _cards._from_store(study, store) is None
