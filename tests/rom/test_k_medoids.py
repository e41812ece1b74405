"""k-medoids: small problems solved by enumeration, swaps that help no more, costs that fall, one compilation."""

import itertools

import jax
import numpy as np
import pytest

from perturbax import rom
from perturbax.rom import _k_medoids

KEY = jax.random.key(0)


def distances(count=40, seed=0):
    x = np.random.default_rng(seed).normal(size=(count, 2))
    return np.linalg.norm(x[:, None] - x, axis=2)


def test_the_best_medoids_of_a_few_points():
    for seed in range(4):
        d = distances(12, seed)
        best = min(d[list(m)].min(0).sum() for m in itertools.combinations(range(12), 3))
        found = rom.k_medoids(d, 3, key=KEY, restarts=5)
        assert found.cost == pytest.approx(best, rel=1e-12)
        np.testing.assert_array_equal(found.labels, d[found.medoids].argmin(0))
        assert found.cost == pytest.approx(d[np.arange(12), found.medoids[found.labels]].sum(), rel=1e-12)


def test_no_swap_helps_any_more():
    d = distances()
    found = rom.k_medoids(d, 5, key=KEY, restarts=0, most=8)
    for k in range(5):
        others = np.delete(found.medoids, k)
        assert np.minimum(d[others].min(0), d).sum(1).min() >= found.cost - 1e-9


def test_costs_never_rise_from_the_medoids_before():
    d, found = distances(), None
    costs = []
    for k in range(1, 9):
        found = rom.k_medoids(d, k, key=KEY, restarts=0, start=None if found is None else found.medoids, most=8)
        costs.append(found.cost)
    assert (np.diff(costs) <= 0.0).all()
    assert costs[0] == pytest.approx(d.sum(0).min(), rel=1e-12)


def test_every_medoid_is_in_its_own_cluster_also_among_points_that_repeat():
    d = np.zeros((40, 40))
    d[20:, :20] = d[:20, 20:] = 1.0
    found = rom.k_medoids(d, 5, key=KEY, restarts=0, most=8)
    assert sorted(set(found.labels)) == list(range(5))
    np.testing.assert_array_equal(found.labels[found.medoids], np.arange(5))
    assert found.cost == 0.0


def test_one_compilation_for_all_numbers_of_clusters():
    d = distances(25)
    before = _k_medoids._best._cached._cache_size()
    for k in range(1, 6):
        rom.k_medoids(d, k, key=KEY, restarts=1, start=np.arange(k - 1), most=5)
    assert _k_medoids._best._cached._cache_size() - before == 1


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"dissimilarity": np.zeros((2, 3))}, ValueError, "dissimilarity must have shape"),
        ({"dissimilarity": np.array([[0.0, 1.0], [2.0, 0.0]])}, ValueError, "dissimilarity must be symmetric"),
        ({"dissimilarity": -np.ones((3, 3))}, ValueError, "dissimilarity must be symmetric and >= 0"),
        ({"dissimilarity": np.full((3, 3), np.nan)}, ValueError, "dissimilarity must be finite"),
        ({"clusters": 4}, ValueError, "clusters must be"),
        ({"clusters": 2, "most": 1}, ValueError, "most must be"),
        ({"start": np.array([7])}, ValueError, "start must hold"),
        ({"restarts": -1}, ValueError, "restarts must be"),
        ({"key": 3}, TypeError, "key must be"),
    ],
)
def test_bad_input_is_refused_by_name(without_type_checks, change, error, message):
    call = {"dissimilarity": np.ones((3, 3)) - np.eye(3), "clusters": 2, "key": KEY} | change
    with pytest.raises(error, match=message):
        rom.k_medoids(**call)
