"""The a-priori criterion: its two ends, what it promises against noise, classifiers, budgets and intervals."""

import jax
import numpy as np
import pytest

from perturbax import rom

from .conftest import pulses

KEY = jax.random.key(0)
COUNTS = (2, 4, 8, 16)


@pytest.fixture(scope="module")
def d():
    return rom.dissimilarity(rom.SnapshotSet(pulses(50)[0]))


def test_perfect_clusters_have_gain_one_and_one_direction_has_none():
    three = rom.dissimilarity(rom.SnapshotSet(np.eye(3)[np.arange(12) % 3]))
    found = rom.efficiency(three, (2, 3), key=KEY)
    assert found.gain[1] == 1.0
    assert found.recommended == 3
    same = rom.efficiency(np.zeros((12, 12)), (2, 3), key=KEY)
    np.testing.assert_array_equal(same.gain, 0.0)
    np.testing.assert_array_equal(same.gain_raw, 0.0)
    assert same.recommended is None


def test_random_directions_promise_nothing_where_the_raw_gain_does():
    fields = np.random.default_rng(0).normal(size=(50, 300))
    found = rom.efficiency(rom.dissimilarity(rom.SnapshotSet(fields)), COUNTS, key=KEY)
    assert np.abs(found.gain).max() < 0.05
    assert found.recommended is None
    assert found.gain_raw[-1] > 0.25


def test_gains_are_those_of_the_formula_and_costs_fall(d):
    found = rom.efficiency(d, COUNTS, key=KEY)
    one = d.sum(0).min()
    np.testing.assert_allclose(found.gain, 1.0 - found.cost / (50 - np.array(COUNTS)) / (one / 49))
    np.testing.assert_allclose(found.gain_raw, 1.0 - found.cost / one)
    np.testing.assert_allclose(found.gain_classified, found.gain, rtol=1e-12)
    assert (np.diff(found.cost) < 0.0).all()
    assert found.recommended == 16
    assert list(found.table()["clusters"]) == list(COUNTS)


def test_mistakes_of_a_classifier_cost_what_they_should(d):
    """Uniform mistakes are a confusion matrix; of two clusters the wrong medoid is the other one."""
    good, worst = (rom.efficiency(d, (2,), key=KEY, accuracy=a) for a in (1.0, 0.0))
    confusion = np.array([[0.7, 0.3], [0.3, 0.7]])
    mixed = rom.efficiency(d, (2,), key=KEY, accuracy=0.7)
    matrix = rom.efficiency(d, (2,), key=KEY, accuracy=[confusion])
    assert mixed.gain_classified[0] == pytest.approx(
        0.7 * good.gain_classified[0] + 0.3 * worst.gain_classified[0], rel=1e-12
    )
    assert matrix.gain_classified[0] == pytest.approx(mixed.gain_classified[0], rel=1e-12)
    found = rom.k_medoids(d, 2, key=KEY, restarts=10)
    others = np.delete(np.arange(50), found.medoids)
    wrong = d[others, found.medoids[1 - found.labels[others]]].sum()
    assert worst.gain_classified[0] == pytest.approx(1.0 - wrong / 48 / (d.sum(0).min() / 49), rel=1e-9)
    assert rom.efficiency(d, COUNTS, key=KEY, accuracy=0.1).recommended is None


def test_a_budget_and_a_smallest_cluster_bound_the_recommendation(d):
    budget = rom.Budget(total=100.0, per_basis=10.0, per_simulation=1.0)
    found = rom.efficiency(d, COUNTS, key=KEY, budget=budget)
    np.testing.assert_allclose(found.share, [0.7, 0.9, 1.3, 2.1])
    assert found.recommended == 4
    sizes = rom.efficiency(d, COUNTS, key=KEY, smallest=4)
    assert sizes.recommended == max(k for k, s in zip(COUNTS, sizes.smallest, strict=True) if s >= 4)
    assert rom.efficiency(d, COUNTS, key=KEY, smallest=40).recommended is None


def test_intervals_shrink_around_the_gain_with_the_number_of_simulations(d):
    few, many = (rom.gain_interval(d, (4,), size=n, key=KEY, repeats=8, restarts=1) for n in (15, 40))
    assert np.diff(many, axis=0)[0, 0] < np.diff(few, axis=0)[0, 0]
    assert many[0, 0] - 0.05 < rom.efficiency(d, COUNTS, key=KEY).gain[1] < many[1, 0] + 0.05


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"counts": ()}, ValueError, "counts must be increasing"),
        ({"counts": (4, 2)}, ValueError, "counts must be increasing"),
        ({"counts": (50,)}, ValueError, "counts must be an integer"),
        ({"accuracy": 1.5}, ValueError, "accuracy must be"),
        ({"accuracy": [np.eye(2)]}, ValueError, "accuracy must hold a confusion matrix for each"),
        ({"counts": (2,), "accuracy": [np.ones((2, 2))]}, ValueError, "accuracy must hold matrices of probabilities"),
        ({"threshold": np.nan}, ValueError, "threshold must be"),
        ({"smallest": 0}, ValueError, "smallest must be"),
        ({"budget": 3.0}, TypeError, "budget must be"),
        ({"dissimilarity": np.eye(3)[:2]}, ValueError, "dissimilarity must have shape"),
        ({"key": None}, TypeError, "key must be"),
    ],
)
def test_bad_input_is_refused_by_name(without_type_checks, d, change, error, message):
    with pytest.raises(error, match=message):
        rom.efficiency(**({"dissimilarity": d, "counts": (2, 4), "key": KEY} | change))


@pytest.mark.parametrize(
    ("change", "message"),
    [({"size": 51}, "size must be"), ({"repeats": 1}, "repeats must be"), ({"coverage": 1.0}, "coverage must be")],
)
def test_bad_intervals_are_refused_by_name(d, change, message):
    with pytest.raises(ValueError, match=message):
        rom.gain_interval(**({"dissimilarity": d, "counts": (2,), "size": 20, "key": KEY} | change))
    with pytest.raises(ValueError, match="total must be"):
        rom.Budget(0.0, 1.0, 1.0)
