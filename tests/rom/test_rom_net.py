"""ROM-nets: the recommended basis, what cross-validation says of it, and which features are read."""

import jax
import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from perturbax import rom
from perturbax.rom._rom_net import select_features

from .conftest import pulses

KEY = jax.random.key(0)


@pytest.fixture(scope="module")
def net(problem, solved):
    return rom.rom_net(problem, solved, key=KEY)


def test_bases_are_recommended_from_parameters(problem, solved, net):
    assert net.accuracy > 0.6
    np.testing.assert_allclose(net.confusion.sum(1), 1.0)
    assert net.accuracy == pytest.approx(net.confusion.diagonal() @ np.bincount(solved.labels) / problem.count)
    fields, params = pulses(60, seed=9)
    new = rom.SnapshotSet(fields, params=params)
    assert solved.errors(new, net.recommend(params)).mean() < 0.5 * solved.errors(new, np.zeros(60, int)).mean()
    gain = rom.efficiency(solved.dissimilarity, (4,), key=KEY, accuracy=[net.confusion])
    assert gain.gain_classified[0] < gain.gain[0]


def test_any_classifier_of_scikit_learn_will_do(problem, solved):
    place = rom.SnapshotSet(problem.rows, features=problem.params[:, :1])
    net = rom.rom_net(place, solved, key=KEY, classifier=KNeighborsClassifier(3))
    assert isinstance(net.classifier, KNeighborsClassifier)
    assert net.accuracy > 0.6


def test_of_features_that_say_the_same_one_is_kept(problem, solved):
    s, noise = problem.params[:, :1], np.random.default_rng(0).normal(size=(problem.count, 1))
    rough = s + 0.2 * noise
    assert select_features(np.hstack([rough, s, 2.0 * s]), solved.labels, 2, 0) in ((1, 0), (2, 0))
    featured = rom.SnapshotSet(problem.rows, features=np.hstack([noise, s]))
    net = rom.rom_net(featured, solved, key=KEY, count=1)
    assert net.features == (1,)
    np.testing.assert_array_equal(net.recommend(np.hstack([noise, s])), net.recommend(np.hstack([0.0 * noise, s])))


def test_features_of_another_table_are_refused(net):
    with pytest.raises(ValueError, match="features must have 2 columns or more, got 1"):
        net.recommend(np.zeros((2, 1)))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda p, s: rom.rom_net(rom.SnapshotSet(p.rows), s, key=KEY), "problem must have features or params"),
        (lambda p, s: rom.rom_net(p.select(np.arange(9)), s, key=KEY), "solution must be of this problem"),
        (lambda p, s: rom.rom_net(p, s, key=KEY, count=3), "count must be"),
        (
            lambda p, s: rom.rom_net(p, rom.cluster(p, rom.GlobalPOD(), key=KEY), key=KEY),
            "solution must have two clusters or more",
        ),
    ],
)
def test_bad_input_is_refused_by_name(problem, solved, call, message):
    with pytest.raises(ValueError, match=message):
        call(problem, solved)
