"""The study of stability of SGD: its judge can fail at every bar, and its picture is drawn of what is there."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from perturbax.studies import run_study
from perturbax.studies.sgd_stability import STUDY

from .tables import changed, failed, made_up

NET_RATES, RATES = np.array([0.02, 0.04, 0.16]), np.array([0.001, 0.004, 0.008])


def _trained(rates, ratio, error, runs):
    record = {
        "rate": rates,
        "loss": np.full(rates.shape, 1e-6),
        "trace": 2.0 * ratio / rates,
        "frobenius": 1.0 / rates,
        "top": 1.8 / rates,
        "sharp ratio": ratio,
        "error": error,
    }
    return {name: np.stack([value] * runs) for name, value in record.items()} if runs else record


def _record(cell):
    if cell["part"] == "bounds":
        factors = {"exact": 1.0, "sharp": 1.1, "trace": 1.2, "top": 3.0, "frobenius": 2.0}
        found = {f"{name} {B}": np.full(4, f) for name, f in factors.items() for B in (1, 2, 8)}
        return {**found, "one norm": np.full(4, 1e-9)}
    if cell["part"] == "moments":
        return {f"{kind} {f}": np.ones(13) for kind in ("exact", "drawn") for f in (0.5, 0.9, 1.1)}
    gd = cell["optimiser"] == "GD"
    if cell["part"] == "nets":
        ratio = np.array([0.4, 0.8, 1.8]) if gd else np.array([0.5, 0.9, np.nan])
        record = _trained(NET_RATES, ratio, np.array([0.1, 0.1, 0.1]), 0)
        return record if gd else {**record, "loss": np.array([1e-6, 1e-6, np.nan])}
    ratio = np.array([0.2, 0.7, 1.4]) if gd else np.array([0.2, 0.6, 0.3])
    return _trained(RATES, ratio, np.full(3, 18.0) if gd else np.array([18.0, 12.0, 2.0]), 2)


@pytest.fixture
def table():
    return made_up(STUDY, _record)


def test_a_table_with_good_values_meets_every_bar(table):
    assert failed(STUDY, table) == set()
    assert len(STUDY.judge(table)) == 11


@pytest.mark.parametrize(
    ("cell", "column", "change", "bar"),
    [
        ({"part": "bounds"}, "exact 2", lambda v: v * np.array([1.0, 1.0, 1.1001, 1.0]), "above the sharp bound"),
        ({"part": "bounds"}, "trace 8", lambda v: v * np.array([0.9, 1.0, 1.0, 1.0]), "above the trace bound"),
        ({"part": "bounds"}, "one norm", lambda v: v * np.array([1.0, 2000.0, 1.0, 1.0]), "gradients of one norm"),
        ({"part": "moments"}, "drawn 0.9", lambda v: v * np.linspace(1.0, 1.06, 13), "drawn second moments"),
        ({"part": "nets", "optimiser": "SGD"}, "trace", lambda v: v * [1.0, 1.2, 1.0], "converged SGD runs"),
        ({"part": "nets", "optimiser": "GD"}, "top", lambda v: v * [1.0, 1.2, 1.0], "GD runs of networks with lambda"),
        ({"part": "nets", "optimiser": "GD"}, "trace", lambda v: v * 0.8, "GD runs of networks at the largest"),
        ({"part": "diagonal", "optimiser": "SGD"}, "error", lambda v: v[:, ::-1] / 18.0, "rank correlation"),
        (
            {"part": "diagonal", "optimiser": "SGD"},
            "error",
            lambda v: np.add(v, [0.0, 0.0, 3.0]),
            "error of SGD over GD",
        ),
        ({"part": "diagonal", "optimiser": "SGD"}, "trace", lambda v: v * 1.8, "of SGD on diagonal networks, largest"),
        ({"part": "diagonal", "optimiser": "GD"}, "trace", lambda v: v * [[1.0], [0.8]], "of GD on diagonal networks"),
    ],
)
def test_a_value_on_the_wrong_side_is_missed(table, cell, column, change, bar):
    (missed,) = failed(STUDY, changed(table, column, change, **cell))
    assert bar in missed


def test_runs_that_diverged_count_for_nothing(table):
    diverged = changed(table, "loss", lambda v: np.full_like(v, np.nan), part="nets")
    bars = {bar.name: bar for bar in STUDY.judge(diverged)}
    assert sum(np.isnan(bar.measured) for bar in bars.values()) == 3
    wide = changed(table, "loss", lambda v: np.array([1e-6, 1e-6, np.nan]), part="nets", optimiser="GD")
    # The largest rate that is left is gentle.
    (missed,) = failed(STUDY, wide)
    assert "at the largest rate" in missed


@pytest.mark.parametrize("part", ["bounds", "moments", "nets", "diagonal", "none"])
def test_missing_cells_meet_no_bar_and_leave_a_picture(table, part):
    rest = table[table["part"] == part]
    missing = [bar for bar in STUDY.judge(rest) if np.isnan(bar.measured)]
    assert len(missing) == {"bounds": 8, "moments": 10, "nets": 8, "diagonal": 7, "none": 11}[part]
    assert not any(bar.met for bar in missing)
    assert isinstance(STUDY.plot(rest), Figure)


@pytest.mark.slow
def test_the_smoke_preset_runs_and_gives_no_verdict(tmp_path):
    run = run_study("sgd-stability", "smoke", backend="sequential", store=tmp_path / "store.sqlite", progress=False)
    assert run.met is None
    assert run.failures == ()
    assert isinstance(STUDY.plot(run.table), Figure)
