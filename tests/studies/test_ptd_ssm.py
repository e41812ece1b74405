"""The study of PTD: its judge can fail at every bar, an untrained base has no verdict, its picture, that it runs."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from perturbax.studies import run_study
from perturbax.studies.ptd_ssm import STUDY

from .tables import failed

SPIKES = np.geomspace(0.3, 80.0, 8)


def record_of(cell):
    part, N = cell["part"], cell.get("N", 0)
    if part == "transfer":
        errors = {"top_ratio": 1.01, "low_error": 6.0 * N**-1.2, "s4d_error": 10.0, "ptd_errors": np.full(20, 0.02)}
        curve = np.geomspace(0.1, 100.0, 50)
        return errors | {"frequencies": curve} | {f"gain_{name}": 1.0 / curve for name in ("hippo", "s4d", "ptd")}
    if part == "noise":
        seeds = cell["seeds"]
        noisy = np.full((seeds, 8), 0.5)
        noisy[:, -1] = 0.2 if cell["method"] == "S4D" else 0.79
        return {"loss": 0.6, "clean": np.full(seeds, 0.8), "noisy": noisy, "spikes": SPIKES}
    return {
        "slope": {"slope": 1.0, "errors": np.ones(4)},
        "bound": {"violations": 0, "largest_share": 0.1},
        "optimised": {"norm": 0.3, "condition": 300.0, "random_condition": 4000.0, "evaluations": 400},
        "direct": {"condition_16": 8e10, "backward_error_16": 1e-7},
    }[part]


def table_of():
    return pd.DataFrame([{**t.cell, "seed": t.seed, **record_of(t.cell)} for t in STUDY.trials(STUDY.presets["small"])])


def changed(column, value, **cell):
    table = table_of()
    chosen = np.logical_and.reduce([table[name] == wanted for name, wanted in cell.items()])
    assert chosen.any()
    table[column] = [value if here else old for here, old in zip(chosen, table[column], strict=True)]
    return table


def test_a_table_with_good_values_meets_every_bar():
    assert failed(STUDY, table_of()) == set()
    assert len(STUDY.judge(table_of())) == 10


@pytest.mark.parametrize(
    ("column", "value", "cell", "bar"),
    [
        ("top_ratio", 0.97, {"N": 64}, "top eigenfrequency"),
        ("ptd_errors", np.full(20, 0.031), {"N": 128}, "largest median"),
        ("ptd_errors", np.append(np.full(19, 0.02), 0.11), {"N": 16}, "largest of all"),
        ("slope", 1.2, {"part": "slope"}, "order of the error"),
        ("low_error", 6.0 * 128**-1.6, {"N": 128, "part": "transfer"}, "low frequencies"),
        ("violations", 1, {"part": "bound"}, "beyond the bound"),
        ("condition", 900.0, {"part": "optimised"}, "condition number"),
        ("clean", np.full(3, 0.825), {"method": "S4-PTD", "spectrum": "frozen"}, "clean pictures"),
    ],
)
def test_a_value_on_the_wrong_side_is_missed(column, value, cell, bar):
    missed = failed(STUDY, changed(column, value, **cell))
    assert any(bar in name for name in missed)
    assert len(missed) == 1


@pytest.mark.parametrize(("noisy", "count"), [(0.7, 1), (0.4, 2)])
def test_what_a_wave_costs_ptd_is_judged_by_itself_and_against_s4d(noisy, count):
    table = changed("noisy", np.full((3, 8), noisy), part="noise", method="S4-PTD", spectrum="frozen")
    missed = failed(STUDY, table)
    assert "accuracy that S4-PTD loses by that wave" in missed
    assert len(missed) == count


def test_a_base_that_did_not_learn_gives_no_verdict_on_noise():
    bars = STUDY.judge(changed("clean", np.full(3, 0.6), method="S4D", spectrum="frozen"))
    assert [bar.met for bar in bars] == [True] * 7 + [False] * 3
    assert all("base failed" in bar.note and "training loss of S4D 0.60" in bar.note for bar in bars[7:])
    assert all(np.isnan(bar.measured) for bar in bars[7:])


@pytest.mark.parametrize("part", ["transfer", "noise", "none"])
def test_missing_cells_meet_no_bar_and_leave_a_picture(part):
    table = table_of()
    some = table[table["part"] == part]
    assert sum(bar.met for bar in STUDY.judge(some)) == {"transfer": 4, "noise": 3, "none": 0}[part]
    assert isinstance(STUDY.plot(some), Figure)


@pytest.mark.slow
def test_the_smoke_preset_runs_and_gives_no_verdict(tmp_path):
    run = run_study("ptd-ssm", "smoke", backend="sequential", store=tmp_path / "store.sqlite", progress=False)
    assert run.met is None
    assert run.failures == ()
    assert isinstance(STUDY.plot(run.table), Figure)
