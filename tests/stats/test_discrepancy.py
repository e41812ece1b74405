"""Energy distance and maximum mean discrepancy: closed forms, invariants, bias and error."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import energy_distance as energy_on_a_line

from perturbax.stats import energy_distance, maximum_mean_discrepancy


def sample(n, d, seed):
    return np.random.default_rng(seed).normal(size=(n, d))


@given(seed=st.integers(0, 1000), n=st.integers(1, 9), m=st.integers(1, 9))
def test_energy_distance_on_a_line_is_scipys_squared(seed, n, m):
    x, y = sample(n, 1, seed), sample(m, 1, seed + 1) + 0.3
    assert energy_distance(x, y) == pytest.approx(energy_on_a_line(x[:, 0], y[:, 0]) ** 2, abs=1e-9)


def test_energy_distance_is_symmetric_zero_on_equal_samples_and_scales():
    x, y = sample(20, 3, 0), sample(30, 3, 1) + 1.0
    assert energy_distance(x, x[::-1]) == pytest.approx(0.0, abs=1e-12)
    assert energy_distance(x, y) == pytest.approx(energy_distance(y, x))
    assert energy_distance(3 * x, 3 * y) == pytest.approx(3 * energy_distance(x, y))


def test_blocks_of_rows_change_nothing():
    x, y = sample(1500, 2, 0), sample(1100, 2, 1)
    differences = np.linalg.norm(x[:, None] - y, axis=2).mean()
    within = sum(np.linalg.norm(z[:, None] - z, axis=2).mean() for z in (x, y))
    assert energy_distance(x, y) == pytest.approx(2 * differences - within)


def test_discrepancy_of_gaussians_is_the_closed_form_within_its_error():
    h, shift = 1.3, np.array([0.8, -0.4])
    # E k for Gaussians: N(0, I) against N(shift, I), kernel of width h: (h^2 / (h^2 + 2))^{d/2} exp(...).
    factor = h**2 / (h**2 + 2)
    exact = 2 * factor * (1 - np.exp(-0.5 * shift @ shift / (h**2 + 2)))
    value, std = maximum_mean_discrepancy(sample(1200, 2, 0), sample(900, 2, 1) + shift, bandwidth=h)
    assert abs(value - exact) < 4 * std
    assert std < 0.2 * exact


def test_the_estimate_has_no_bias_and_its_error_is_the_spread_over_repetitions():
    shift = np.array([1.0])
    made = [maximum_mean_discrepancy(sample(60, 1, 2 * s), sample(40, 1, 2 * s + 1) + shift, 1.0) for s in range(300)]
    values, errors = np.array(made).T
    factor = np.sqrt(1 / 3)
    exact = 2 * factor * (1 - np.exp(-0.5 / 3))
    assert values.mean() == pytest.approx(exact, abs=4 * values.std() / np.sqrt(values.size))
    assert np.sqrt(np.mean(errors**2)) == pytest.approx(values.std(), rel=0.15)


def test_equal_distributions_give_zero_in_the_mean():
    values = [maximum_mean_discrepancy(sample(50, 2, 2 * s), sample(50, 2, 2 * s + 1), 1.0).value for s in range(200)]
    assert abs(np.mean(values)) < 4 * np.std(values) / np.sqrt(200)
    assert min(values) < 0


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (dict(x=[[0.0]], y=[[1.0], [2.0]]), "x"),
        (dict(x=[[0.0], [1.0]], y=[[1.0], [np.nan]]), "y"),
        (dict(x=[[0.0], [1.0]], y=[[1.0], [2.0]], bandwidth=0.0), "bandwidth"),
        (dict(x=[[0.0], [0.0]], y=[[0.0], [0.0]]), "bandwidth"),
        (dict(x=[[0.0], [1.0]], y=[[1.0, 2.0]]), "y"),
    ],
)
def test_bad_input_is_refused_by_name(arguments, name):
    with pytest.raises(ValueError, match=rf"\b{name}\b"):
        maximum_mean_discrepancy(**arguments)
