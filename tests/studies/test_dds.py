"""The study of DDS: it runs, and its judge can fail at every bar."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from perturbax.studies import run_study
from perturbax.studies.dds import STUDY, psnr

_PSNR = {
    "oracle": 28.0, "pseudo-inverse": 15.0, "DDS noiseless": 18.0, "DDS 5": 25.0, "DDS 50": 25.0, "DDS 2M++": 25.0,
    "projection": 22.0, "gradient step": 20.0, "PiGDM": 20.0, "DiffPIR": 20.0, "total variation": 16.0,
    "DDS 50 ancestral": 25.0, "DDS auto": 25.0, "DPS 0.1": 10.0, "DPS 0.3": 20.0, "DPS 1": 15.0,
    "mean of 8": 27.0, "one of 8": 25.0,
}  # fmt: skip


@pytest.fixture
def table():
    """Rows as they would be if the claim held."""
    row = {f"psnr {name}": value for name, value in _PSNR.items()}
    row |= {"cg error": 1e-9, "dot error": 1e-7, "differentiations": 0.0}
    row |= {f"x {name}": np.zeros((6, 8, 8)) for name in _PSNR} | {"truth": np.zeros((6, 8, 8))}
    return pd.DataFrame([{**t.cell, "seed": t.seed, **row} for t in STUDY.trials(STUDY.presets["small"])])


def failed(table):
    return {bar.name for bar in STUDY.judge(table) if not bar.met}


def test_a_table_as_claimed_meets_every_bar(table):
    assert failed(table) == set()
    assert isinstance(STUDY.plot(table), Figure)


@pytest.mark.parametrize(
    ("column", "value", "count"),
    [
        ("psnr DPS 0.1", 24.5, 2),
        ("psnr gradient step", 23.0, 1),
        ("psnr pseudo-inverse", 24.0, 3),
        ("psnr oracle", 30.0, 1),
        ("psnr DDS noiseless", 21.0, 1),
        ("psnr mean of 8", 25.1, 2),
        ("cg error", 1e-5, 1),
        ("dot error", 1e-4, 1),
        ("differentiations", 1.0, 1),
        ("differentiations", np.nan, 1),
    ],
)
def test_each_bar_can_be_missed(table, column, value, count):
    table[column] = value
    assert len(failed(table)) == count


def test_psnr_of_a_known_error():
    assert psnr(np.full((2, 2), 0.2), np.zeros((2, 2))) == pytest.approx(20.0)


def test_it_runs(tmp_path):
    run = run_study("dds", "smoke", backend="sequential", store=tmp_path / "store.sqlite", progress=False)
    assert not run.failures
    assert len(run.table) == 2
    # What holds to rounding holds at any size.
    assert [bar.met for bar in run.bars[-3:]] == [True] * 3
    assert isinstance(STUDY.plot(run.table), Figure)
