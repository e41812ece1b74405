"""The study of DCPO: its judge can fail at every bar, its world is what it says, and it runs."""

import jax
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from perturbax.studies import captioned_digits, run_study
from perturbax.studies.dcpo import STUDY

from .tables import failed, spoiled

# What the first run of the preset `small` measured: adherence, class, quality reward, Frechet distance.
_VALUES = {
    "base": (0.72, 0.285, -0.11, 1.0),
    "DPO": (0.72, 0.317, 0.19, 1.38),
    "DCPO-c": (0.725, 0.293, 0.17, 1.32),
    "DCPO-h": (0.80, 0.321, 0.17, 1.20),
}
_EXACT = {"log_2": 2e-9, "equal_captions": 0.0, "gradient": 1e-9}


def table_of(preset):
    rows = []
    for trial in STUDY.trials(STUDY.presets[preset]):
        measured = {
            f"{column}_{name}": value
            for name, values in _VALUES.items()
            for column, value in zip(("adherence", "class", "quality", "frechet"), values, strict=True)
        }
        images = {f"images_{name}": np.zeros((18, 64)) for name in _VALUES}
        own = _EXACT if trial.cell["problem"] == "exact" else {**measured, **images}
        rows.append({**trial.cell, "seed": trial.seed, **own})
    return pd.DataFrame(rows)


def test_a_table_with_the_measured_values_meets_every_bar():
    assert failed(STUDY, table_of("small")) == set()
    assert len(STUDY.judge(table_of("small"))) == 11


@pytest.mark.parametrize(
    ("column", "factor", "problem", "bars"),
    [
        ("adherence_DPO", 1.05, "quality", ("minus Diffusion-DPO", "DCPO-c minus DPO")),
        ("adherence_base", 1.05, "quality", ("DCPO-h minus the base model",)),
        ("adherence_DCPO-c", 0.94, "quality", ("DCPO-c minus DPO",)),
        ("quality_base", -1.0, "quality", ("reward of DCPO-h minus the base",)),
        ("quality_DPO", 1.5, "quality", ("reward of DCPO-h minus DPO",)),
        ("frechet_base", 0.7, "quality", ("Frechet distance of DCPO-h over the base",)),
        ("frechet_DPO", 0.8, "quality", ("Frechet distance of DCPO-h over DPO",)),
        ("class_DCPO-c", 1.1, "prompt", ("where the prompt's class is preferred",)),
        ("log_2", 1e3, "exact", ("log 2",)),
        ("gradient", 1e4, "exact", ("finite differences",)),
    ],
)
def test_a_value_on_the_wrong_side_is_missed(column, factor, problem, bars):
    missed = failed(STUDY, spoiled(table_of("small"), column, factor, problem=problem))
    assert len(missed) == len(bars)
    assert all(any(bar in name for name in missed) for bar in bars)


def test_captions_that_differ_by_a_bit_miss_their_bar():
    table = table_of("small").assign(equal_captions=1e-9)
    assert failed(STUDY, table) == {"DCPO with equal captions against DPO, largest difference"}


def test_missing_cells_meet_no_bar():
    table = table_of("small")
    assert not any(bar.met for bar in STUDY.judge(table[table["problem"] == "none"]))


@pytest.mark.parametrize("part", ["quality", "prompt", "exact"])
def test_the_picture_is_drawn_from_whatever_is_there(part):
    table = table_of("small")
    assert isinstance(STUDY.plot(table[table["problem"] == part]), Figure)


def test_the_world_is_what_it_says():
    world = captioned_digits.world("digits")
    assert world.groups == (10, 3)
    assert world.captions.sum(1).tolist() == [2.0] * len(world.images)
    assert np.bincount(world.thirds(world.images)[:, 0]) == pytest.approx([599] * 3, abs=15)
    assert np.mean(world.caption(world.images)[:, :10].argmax(1) == world.labels) > 0.95
    assert world.adherence(world.images, world.captions) == (1.0, 1.0)
    # What leaves the range of pixels costs, and noise is no digit.
    noise = np.asarray(jax.random.normal(jax.random.key(0), (200, 64)))
    assert np.median(world.quality(world.images)) > 1.5
    assert np.median(world.quality(noise)) < 0.0


def test_the_slant_of_a_picture_turns_with_it():
    line = np.zeros((1, 28, 28)) - 1.0
    for row in range(4, 24):
        line[0, row, 24 - row] = 1.0
    slant = captioned_digits._measured(np.concatenate([line, line[:, :, ::-1]]).reshape(2, -1), slanted=True)[:, 1]
    np.testing.assert_allclose(slant, [1.0, -1.0], atol=1e-3)


def test_the_smoke_preset_runs_and_gives_no_verdict(tmp_path):
    run = run_study("dcpo", "smoke", backend="sequential", store=tmp_path / "store.sqlite", progress=False)
    assert run.met is None
    assert run.failures == ()
    assert isinstance(STUDY.plot(run.table), Figure)
