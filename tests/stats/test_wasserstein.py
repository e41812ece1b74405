import itertools

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, stats

from perturbax.stats import (
    frechet_distance_of_moments,
    sinkhorn_wasserstein,
    sliced_wasserstein,
    wasserstein,
)

KEY = jax.random.key(0)


def sample(n, d, seed):
    return np.random.default_rng(seed).normal(size=(n, d))


def transport_cost_by_linear_programming(x, y, order=2):
    n, m = len(x), len(y)
    cost = np.linalg.norm(x[:, None] - y, axis=2) ** order
    rows = np.kron(np.eye(n), np.ones(m))
    columns = np.kron(np.ones(n), np.eye(m))
    marginals = np.concatenate([np.full(n, 1 / n), np.full(m, 1 / m)])
    return optimize.linprog(cost.ravel(), A_eq=np.vstack([rows, columns]), b_eq=marginals).fun


@given(seed=st.integers(0, 1000), n=st.integers(1, 5))
def test_assignment_is_the_best_permutation(seed, n):
    x, y = sample(n, 2, seed), sample(n, 2, seed + 1)
    best = min(np.mean(((x - y[list(p)]) ** 2).sum(1)) for p in itertools.permutations(range(n)))
    assert wasserstein(x, y) == pytest.approx(np.sqrt(best))


@given(seed=st.integers(0, 1000), n=st.integers(1, 7), m=st.integers(1, 7))
def test_on_a_line_unequal_sizes_reach_the_optimum_of_the_linear_programme(seed, n, m):
    x, y = sample(n, 1, seed), sample(m, 1, seed + 1)
    wanted = np.sqrt(transport_cost_by_linear_programming(x, y))
    assert sliced_wasserstein(x, y, KEY, projections=2) == pytest.approx(wanted, abs=1e-6)


@given(seed=st.integers(0, 1000))
def test_sliced_distance_is_the_mean_over_projections_and_below_the_exact_one(seed):
    x, y = sample(30, 3, seed), 0.5 * sample(30, 3, seed + 1) + 1.0
    directions = np.asarray(jax.random.normal(KEY, (3, 16)), np.float64)
    directions /= np.linalg.norm(directions, axis=0)
    each = [np.mean((np.sort(x @ v) - np.sort(y @ v)) ** 2) for v in directions.T]
    got = sliced_wasserstein(x, y, KEY, projections=16)
    assert got == pytest.approx(np.sqrt(np.mean(each)))
    assert got <= wasserstein(x, y) + 1e-12


def test_sliced_distance_to_scaled_gaussian_is_closed_form():
    x = stats.norm.ppf((np.arange(4000) + 0.5) / 4000)[:, None]
    assert sliced_wasserstein(x, 3.0 * x + 1.0, KEY) == pytest.approx(np.sqrt(1 + 4), rel=1e-2)


@pytest.mark.parametrize("m", [40, 25])
def test_on_a_line_order_1_is_the_earth_movers_distance(m):
    x, y = sample(40, 1, 0), sample(m, 1, 1) ** 3
    wanted = stats.wasserstein_distance(x[:, 0], y[:, 0])
    assert sliced_wasserstein(x, y, KEY, projections=3, order=1) == pytest.approx(wanted)


def test_order_1_sees_a_shift_by_its_mean_projection_and_never_more_than_order_2():
    x, y = sample(60, 3, 0), sample(50, 3, 1) ** 3
    shifted = sliced_wasserstein(x, x + np.array([2.0, 0.0, 0.0]), KEY, projections=4000, order=1)
    assert shifted == pytest.approx(1.0, rel=0.03)  # E |a.s| on the sphere of three dimensions is |s| / 2
    assert sliced_wasserstein(x, y, KEY, order=1) < sliced_wasserstein(x, y, KEY)


def test_distances_are_symmetric_zero_on_equal_samples_and_scale():
    x, y = sample(25, 4, 0), sample(25, 4, 1) + 0.5
    for distance in (
        wasserstein,
        lambda a, b: sliced_wasserstein(a, b, KEY),
        lambda a, b: sliced_wasserstein(a, b, KEY, order=1),
    ):
        assert distance(x, x[::-1]) == pytest.approx(0.0, abs=1e-7)
        assert distance(x, y) == pytest.approx(distance(y, x))
        assert distance(3 * x, 3 * y) == pytest.approx(3 * distance(x, y))


@pytest.mark.parametrize("order", [1, 2])
def test_unequal_sizes_reach_the_optimum_of_the_linear_programme(order):
    pytest.importorskip("ot")
    x, y = sample(7, 2, 0), sample(5, 2, 1)
    wanted = transport_cost_by_linear_programming(x, y, order) ** (1 / order)
    assert wasserstein(x, y, order) == pytest.approx(wanted)


def test_order_one_on_a_line_is_scipys():
    x, y = sample(40, 1, 0), 2 * sample(40, 1, 1) + 1.0
    assert wasserstein(x, y, order=1) == pytest.approx(stats.wasserstein_distance(x[:, 0], y[:, 0]))


def test_a_translation_is_its_own_optimal_transport():
    x, shift = sample(40, 3, 0), np.array([1.0, -2.0, 0.5])
    assert wasserstein(x, x + shift) == pytest.approx(np.linalg.norm(shift))
    assert wasserstein(x, x + shift) ** 2 == pytest.approx(
        frechet_distance_of_moments(x.mean(0), np.cov(x.T), x.mean(0) + shift, np.cov(x.T))
    )


@pytest.mark.slow
def test_sinkhorn_is_near_the_exact_distance_and_takes_unequal_sizes():
    pytest.importorskip("ott")
    x, y = sample(60, 3, 0), sample(60, 3, 1) + 1.0
    assert sinkhorn_wasserstein(x, np.concatenate([y, y])) == pytest.approx(wasserstein(x, y), rel=0.03)


@pytest.mark.slow
def test_sinkhorn_that_does_not_converge_says_so():
    pytest.importorskip("ott")
    with pytest.raises(RuntimeError, match="did not converge in 10 iterations"):
        sinkhorn_wasserstein(sample(40, 3, 0), sample(40, 3, 1) + 1.0, epsilon=1e-3, max_iterations=10)


def test_bad_samples_are_refused_with_the_way_out():
    x = sample(5, 2, 0)
    with pytest.raises(ValueError, match=r"at most 3000.*use sinkhorn_wasserstein"):
        wasserstein(np.zeros((3001, 1)), np.zeros((3001, 1)))
    with pytest.raises(ValueError, match="finite"):
        sliced_wasserstein(x, np.full((5, 2), np.nan), KEY)
    with pytest.raises(ValueError, match="projections must be"):
        sliced_wasserstein(x, x, KEY, projections=0)
    with pytest.raises(ValueError, match="order must be"):
        sliced_wasserstein(x, x, KEY, order=3)
    with pytest.raises(ValueError, match="epsilon must be"):
        sinkhorn_wasserstein(x, x, epsilon=0.0)
