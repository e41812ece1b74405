"""Queries as text: what they compute, and that nothing else is computed."""

import contextlib

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perturbax.stats import parse_query

TABLE = pd.DataFrame({"y": [0, 1, 2], "f": [0.5, 0.0, -1.0], "s": ["a", "b", "a"], "ok": [True, False, True]})


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("mean(y == 1)", [0, 1, 0]),
        ("mean(s == 'a')", [1, 0, 1]),
        ("mean(ok)", [1, 0, 1]),
        ("mean(not ok)", [0, 1, 0]),
        ("mean(y > 0 and not s == 'a')", [0, 1, 0]),
        ("mean(y == 0 or y == 2)", [1, 0, 1]),
        ("mean((y + 1) * f / 2 - 1)", [-0.75, -1, -2.5]),
        ("mean(-f)", [-0.5, 0, 1]),
        ("mean(-ok)", [-1, 0, -1]),
        ("mean(ok + ok)", [2, 0, 2]),
        ("mean(clip(abs(f), 0.2, 0.7))", [0.5, 0.2, 0.7]),
        ("mean(min(f, 0) + max(y, 1))", [1, 1, 1]),
        (" mean( 0.25 ) ", [0.25] * 3),
        ("mean(sqrt(y * y))", [0, 1, 2]),
    ],
)
def test_values(text, values):
    found = parse_query(text)(TABLE)
    assert found.shape == (3,)
    np.testing.assert_allclose(np.asarray(found, float), values, atol=1e-12)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("y == 1", r"must be mean\(\.\.\.\)"),
        ("mean(y, f)", "must be mean"),
        ("mean(*y)", "must be mean"),
        ("mean(y.mean())", "not allowed"),
        ("mean(__import__('os').system('true'))", "not allowed"),
        ("mean(f[0])", "not allowed"),
        ("mean(2 ** f)", "not allowed"),
        ("mean(0 < f < 1)", "not allowed"),
        ("mean([y])", "not allowed"),
        ("mean(lambda: 1)", "not allowed"),
        ("mean(clip(f, 0))", "not allowed"),
        ("mean(abs(x=f))", "not allowed"),
        ("mean(None)", "not allowed"),
        ("mean(~ok)", "not allowed"),
        ("mean(y ==)", "is no expression"),
        ("mean(" + "(" * 500 + "y" + ")" * 500 + ")", "is no expression"),
        ("mean(" + "-" * 900 + "y)", "nested deeper than 100"),
        ("mean(" + "y + " * 600 + "y)", "at most 2000 characters"),
    ],
)
def test_what_is_not_of_the_grammar_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        parse_query(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("mean(z)", "no column 'z'; it has y, f, s, ok"),
        ("mean(s - 1)", "cannot be computed"),
        ("mean(s)", "must give numbers"),
    ],
)
def test_what_does_not_suit_the_table_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        parse_query(text)(TABLE)


@given(st.text(max_size=40))
def test_any_text_is_a_query_or_a_value_error(text):
    with contextlib.suppress(ValueError):
        parse_query(f"mean({text})")(TABLE)
