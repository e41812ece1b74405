"""The study of spectral mixtures: it runs, its judge can fail at every bar, its picture is drawn."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from perturbax.studies import run_study
from perturbax.studies.gp_hm import STUDY

from .tables import changed, failed, spoiled

_ERRORS = {
    "GM": 5e-5,
    "StM": 1e-4,
    "SE": 1.0,
    "Matern": 1.0,
    "PINN": 1.0,
    "Fourier PINN": 0.3,
    "Chebyshev": 1e-11,
    "joint GM": 1.0,
}


def _row(trial):
    row = {**trial.cell, "seed": trial.seed, "error": _ERRORS[trial.cell["method"]], "u": np.zeros(300)}
    if trial.cell["method"] in ("GM", "StM", "SE", "Matern"):
        row |= {"components": 3.0, "distance": 1e-4, "weights": np.array([0.9, 0.1])}
        row |= {"frequencies": np.array([15.9, 16.0]), "step": np.arange(3), "errors": np.ones(3)}
    return row


@pytest.fixture(scope="module", params=["small", "full"])
def table(request):
    return pd.DataFrame([_row(trial) for trial in STUDY.trials({**STUDY.presets[request.param], "seeds": 2})])


def test_all_bars_are_met_by_what_the_claim_says(table):
    assert failed(STUDY, table) == set()
    assert len(STUDY.judge(table)) in (11, 13)


@pytest.mark.parametrize(
    ("column", "factor", "cell", "bar"),
    [
        ("error", 100.0, {"problem": "sin 100x", "method": "GM"}, "sin 100x: error of GM"),
        ("error", 100.0, {"problem": "sin 6x cos 100x", "method": "StM"}, "sin 6x cos 100x: error of StM"),
        ("error", 1e-3, {"problem": "sin 100x", "method": "SE"}, "sin 100x: error of SE over GM"),
        ("distance", 50.0, {"problem": "sin 100x", "method": "GM"}, "sin 100x: error of the heaviest frequency"),
        ("components", 3.0, {"problem": "sin 6x cos 100x", "method": "GM"}, "sin 6x cos 100x: components of GM"),
        ("error", 1e3, {"problem": "sin 20x sin 20y", "method": "GM"}, "sin 20x sin 20y: error of GM"),
    ],
)
def test_each_bar_can_be_missed(table, column, factor, cell, bar):
    assert any(bar in name for name in failed(STUDY, spoiled(table, column, factor, **cell)))


def test_the_bars_of_the_full_size_can_be_missed():
    full = pd.DataFrame([_row(trial) for trial in STUDY.trials({**STUDY.presets["full"], "seeds": 1})])
    worse = changed(full, "error", lambda _: 0.1, problem="x sin 200x", method="GM")
    assert failed(STUDY, worse) == {"all problems: largest error of GM"}
    worse = changed(full, "error", lambda _: 5e-4, problem="sin 100x", method="GM")
    assert failed(STUDY, worse) == {"sin 100x: error of GM, full size"}


def test_an_empty_table_meets_nothing():
    empty = pd.DataFrame(columns=["problem", "method", "seed"])
    assert not any(bar.met for bar in STUDY.judge(empty))


def test_the_picture_is_drawn_of_what_is_there(table):
    for rows in (table, table[table["method"] == "GM"], table.iloc[:0]):
        figure = STUDY.plot(rows)
        assert isinstance(figure, Figure)
        assert len(figure.axes) == 4


@pytest.mark.slow
def test_the_smallest_form_runs(tmp_path):
    run = run_study("gp-hm", "smoke", store=tmp_path / "store.sqlite", backend="sequential")
    assert not run.failures
    assert len(run.table) == 3
    assert STUDY.judge(run.table)
