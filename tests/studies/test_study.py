"""What a study may declare."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perturbax.studies import Bar, Study, Trial, find_study

finite = st.floats(allow_nan=False, allow_infinity=False, width=32)


@given(finite, finite)
def test_a_bar_is_met_on_the_right_side_and_never_by_nan(measured, threshold):
    assert Bar("x", measured, threshold, "<=").met == (measured <= threshold)
    assert Bar("x", measured, threshold, ">=").met == (measured >= threshold)
    for sense in ("<=", ">="):
        assert not Bar("x", math.nan, threshold, sense).met
    assert not Bar("x", math.nan, threshold, "in", upper=abs(threshold)).met


def test_an_interval_bar_is_closed_and_says_so():
    bar = Bar("order", 2.0, 2.0, "in", upper=3.0)
    assert bar.met
    assert bar.wanted == "in [2, 3]"
    assert not dataclasses.replace(bar, measured=3.01).met


@pytest.mark.parametrize(
    "fields",
    [
        {"sense": "<"},
        {"threshold": math.nan},
        {"upper": 3.0},
        {"sense": "in"},
        {"sense": "in", "upper": 0.5},
        {"sense": "in", "upper": math.inf},
    ],
)
def test_a_bar_that_means_nothing_is_refused(fields):
    with pytest.raises((ValueError, TypeError)):
        Bar(**{"name": "x", "measured": 1.0, "threshold": 1.0, "sense": "<=", **fields})


@pytest.mark.parametrize(
    ("cell", "seed"),
    [
        ({"a": math.nan}, 0),
        ({"a": [1]}, 0),
        ({"a": None}, 0),
        ({"seed": 1}, 0),
        ({"": 1}, 0),
        ({1: 1}, 0),
        ("a=1", 0),
        ({}, -1),
        ({}, 1.0),
        ({}, True),
    ],
)
def test_a_trial_that_cannot_be_told_by_its_content_is_refused(cell, seed):
    with pytest.raises((ValueError, TypeError)):
        Trial(cell, seed)


def test_scalars_of_numpy_and_of_python_make_the_same_trial():
    assert Trial({"a": np.int64(3), "b": np.float64(0.5)}, np.int32(1)) == Trial({"a": 3, "b": 0.5}, 1)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"slug": "Not A Slug"}, "slug"),
        ({"claim": " "}, "claim"),
        ({"methods": "DDIM"}, "methods"),
        ({"presets": {"small": {}}}, "presets"),
        ({"run": None}, "run"),
        ({"precision": "bfloat16"}, "precision"),
    ],
)
def test_a_study_that_is_not_whole_is_refused_by_the_name_of_the_field(study, fields, named):
    whole = find_study(study).study
    assert isinstance(whole, Study)
    with pytest.raises((ValueError, TypeError), match=named):
        dataclasses.replace(whole, **fields)
