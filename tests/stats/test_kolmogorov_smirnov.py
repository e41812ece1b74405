"""The Kolmogorov-Smirnov distance and its floor."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perturbax import stats

values = st.lists(st.floats(-5, 5), min_size=1, max_size=20)


@given(values, values)
def test_it_is_the_largest_gap_of_the_distribution_functions(x, y):
    at = np.array([*x, *y])
    gaps = np.abs((np.array(x) <= at[:, None]).mean(1) - (np.array(y) <= at[:, None]).mean(1))
    assert stats.kolmogorov_smirnov(x, y) == pytest.approx(gaps.max(), abs=1e-12)


def test_a_distribution_function_may_stand_for_a_sample():
    assert stats.kolmogorov_smirnov([0.5], lambda t: np.clip(t, 0.0, 1.0)) == 0.5


@pytest.mark.parametrize(("n", "m"), [(50, None), (40_000, None), (400, 100)])
def test_the_floor_is_what_is_measured(n, m):
    random, repeats = np.random.default_rng(0), 400 if n < 1000 else 40
    other = (lambda: lambda t: t) if m is None else (lambda: random.random(m))
    measured = [stats.kolmogorov_smirnov(random.random(n), other()) for _ in range(repeats)]
    floor = stats.kolmogorov_smirnov_floor(n, m)
    assert abs(np.mean(measured) - floor.mean) < 5 * floor.std / repeats**0.5 + 0.03 * floor.mean
    assert np.std(measured) == pytest.approx(floor.std, rel=0.4)


def test_bad_input():
    with pytest.raises(ValueError, match="x must be finite"):
        stats.kolmogorov_smirnov([np.nan], [0.0])
    with pytest.raises(ValueError, match="y must not be empty"):
        stats.kolmogorov_smirnov([0.0], np.zeros(0))
    with pytest.raises(ValueError, match="n must be"):
        stats.kolmogorov_smirnov_floor(0)
