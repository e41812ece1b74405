"""Sets of solutions: lifts and centring, what is left out, and which weights fit."""

import numpy as np
import pytest

from perturbax import rom

from .conftest import pulses


def test_a_lift_is_subtracted_and_a_mean_is_added_to_it():
    fields, params = pulses(8)
    problem = rom.SnapshotSet(fields, params=params, lift=np.ones(60))
    np.testing.assert_allclose(problem.rows, fields - 1.0)
    centred = problem.centred()
    np.testing.assert_allclose(centred.rows.mean(0), 0.0, atol=1e-12)
    np.testing.assert_allclose(centred.lift, fields.mean(0))
    np.testing.assert_allclose(centred.rows + centred.lift, fields, atol=1e-12)
    np.testing.assert_array_equal(centred.params, params)


def test_a_choice_takes_everything_along():
    fields, params = pulses(8)
    problem = rom.SnapshotSet(fields, params=params, features=params[:, :1], weight=np.full(60, 4.0))
    chosen = problem.select([5, 2])
    assert chosen.count == 2
    np.testing.assert_array_equal(chosen.params, params[[5, 2]])
    np.testing.assert_array_equal(chosen.features, params[[5, 2], :1])
    np.testing.assert_array_equal(chosen.kept, [5, 2])
    np.testing.assert_allclose(chosen.norms, 2.0 * np.linalg.norm(fields[[5, 2]], axis=1))


def test_indices_stay_those_of_the_user_when_a_zero_field_was_left_out():
    fields = np.random.default_rng(0).normal(size=(150, 3))
    fields[3] = 0.0
    with pytest.warns(UserWarning, match=r"left out: \[3\]"):
        problem = rom.SnapshotSet(fields)
    assert 3 not in problem.centred().kept
    np.testing.assert_array_equal(problem.centred().kept, problem.kept)


def test_a_weight_of_one_problem_fits_another_of_its_size_only():
    weight = rom.SnapshotSet(np.eye(3), weight=np.arange(1.0, 4.0)).weight
    assert rom.SnapshotSet(np.eye(3)[:2], weight=weight).weight is weight
    with pytest.raises(ValueError, match=r"weight must have shape \(2,\)"):
        rom.SnapshotSet(np.eye(2), weight=weight)
