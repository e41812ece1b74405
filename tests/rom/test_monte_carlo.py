"""Confidence intervals of Monte Carlo samples hold as often as they say."""

import numpy as np
import pytest

from perturbax import rom

RANDOM = np.random.default_rng(0)
SAMPLES = [rom.MonteCarlo(RANDOM.normal(size=50), 0) for _ in range(150)]


@pytest.mark.parametrize(
    ("estimate", "truth"),
    [
        (lambda s: s.mean(0.9), 0.0),
        (lambda s: s.quantile(0.8, 0.9), 0.8416212),
        (lambda s: s.probability(1.0, 0.9), 0.1586553),
    ],
)
def test_intervals_hold_the_truth_as_often_as_they_say(estimate, truth):
    found = [estimate(sample) for sample in SAMPLES]
    share = np.mean([low <= truth <= high for _, low, high in found])
    assert 0.84 <= share <= 0.98
    assert np.mean([value for value, _, _ in found]) == pytest.approx(truth, abs=0.05)
    assert all(low <= value <= high for value, low, high in found)


def test_nothing_seen_is_not_impossible():
    value, low, high = rom.MonteCarlo(np.zeros(100), 0).probability(1.0)
    assert (value, low) == (0.0, 0.0)
    assert high == pytest.approx(1.0 - 0.025**0.01, rel=1e-9)


def test_few_values_have_no_finite_bound():
    sample = rom.MonteCarlo(np.array([1.0, 2.0]), 2)
    assert sample.quantile(0.5) == (1.5, -np.inf, np.inf)
    assert sample.rejected_share == 0.5
    assert rom.MonteCarlo(np.array([1.0]), 0).mean() == (1.0, -np.inf, np.inf)


def test_variance_within_rows_is_not_counted_twice():
    random = np.random.default_rng(1)
    values = random.normal(size=(4000, 1)) + 3.0 * random.normal(size=(4000, 5))
    shares = rom.variance_shares(values)
    assert shares.parameters == pytest.approx(0.1, abs=0.015)
    assert shares.variance == pytest.approx(10.0, rel=0.03)
    assert rom.variance_shares(random.normal(size=(3, 4000)))[1] < 0.01


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: SAMPLES[0].mean(1.0), "level"),
        (lambda: SAMPLES[0].quantile(0.0), "share"),
        (lambda: SAMPLES[0].probability(np.nan), "threshold"),
        (lambda: rom.variance_shares(np.ones((1, 4))), "values must have two rows"),
        (lambda: rom.variance_shares(np.ones((4, 4))), "values must vary"),
        (lambda: rom.variance_shares([[np.inf, 1.0], [0.0, 1.0]]), "values must be finite"),
    ],
)
def test_wrong_input_is_refused_by_name(call, message):
    with pytest.raises(ValueError, match=message):
        call()
