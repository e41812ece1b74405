"""Clusters with a basis each: what a sine cost is, invariances, overlap, assignments, files, and what is refused."""

import jax
import numpy as np
import pytest

from perturbax import rom
from perturbax.core import SolverError

from .conftest import pulses

KEY = jax.random.key(0)
FOUR = rom.SineKMedoids(clusters=4, restarts=3)


def test_the_cost_is_the_summed_error_when_each_solution_is_a_multiple_of_its_medoid(problem, solved):
    lines = rom.cluster(problem, FOUR, key=KEY, bases=rom.LocalBases(modes=1))
    medoids = problem.snapshots[lines.medoids, 0]
    errors = [
        np.linalg.norm(u - v * (u @ v) / (v @ v)) / np.linalg.norm(u)
        for u, v in zip(problem.rows, medoids[lines.labels], strict=True)
    ]
    assert lines.cost == pytest.approx(np.sum(errors), rel=1e-12)
    assert solved.cost == lines.cost


def test_amplitudes_and_signs_change_no_sine_cluster(problem, solved):
    random = np.random.default_rng(3)
    factors = random.choice([-1.0, 1.0], problem.count) * 10.0 ** random.uniform(-4, 4, problem.count)
    scaled = rom.SnapshotSet(problem.rows * factors[:, None], params=problem.params)
    again = rom.cluster(scaled, FOUR, key=KEY, bases=rom.LocalBases(modes=4))
    np.testing.assert_array_equal(again.labels, solved.labels)
    euclid = rom.EuclideanKMedoids(clusters=4, restarts=3)
    before, after = (rom.cluster(p, euclid, key=KEY).labels for p in (problem, scaled))
    assert (before != after).any()


def test_each_basis_is_the_pod_of_its_cluster(problem, solved):
    for k, basis in enumerate(solved.bases):
        members = problem.rows[solved.labels == k]
        own = rom.pod(members, rank=4)
        np.testing.assert_allclose(basis.singular_values[:4], own.singular_values[:4], rtol=1e-10)
        np.testing.assert_allclose(np.abs(basis.modes @ own.modes.T), np.eye(len(own.modes)), atol=1e-8)
    assert solved.stats["sizes"] == np.bincount(solved.labels).tolist()


def test_local_bases_beat_one_basis_on_solutions_that_are_new(solved, problem):
    fields, params = pulses(60, seed=7)
    new = rom.SnapshotSet(fields, params=params)
    one = rom.cluster(problem, rom.GlobalPOD(), key=KEY, bases=rom.LocalBases(modes=4))
    assert solved.errors(new).mean() < 0.3 * one.errors(new).mean()
    # Among bases of the same clusters the assigned one is nearly always among the best.
    best = np.min([solved.errors(new, np.full(60, k)) for k in range(4)], 0)
    assert np.median(solved.errors(new) - best) == 0.0


def test_errors_are_those_of_the_projection(solved):
    new = rom.SnapshotSet(pulses(10, seed=5)[0])
    gap = np.linalg.norm(new.snapshots - solved.project(new), axis=2)[:, 0]
    np.testing.assert_allclose(solved.errors(new), gap / new.norms, rtol=1e-9)
    labels = solved.assign(new)
    widths = solved.width(new, labels)
    for k in range(4):
        part = solved.errors(new)[labels == k]
        assert np.isnan(widths[k]) if not part.size else widths[k] == part.max()
    assert (solved.errors(new, modes=2) >= solved.errors(new) - 1e-12).all()


def test_medoids_are_assigned_to_themselves(problem, solved):
    np.testing.assert_array_equal(solved.assign(problem.select(solved.medoids)), np.arange(4))
    np.testing.assert_array_equal(solved.assign(problem), solved.labels)


def test_an_overlap_takes_the_nearest_of_the_others(problem, solved):
    wide = rom.cluster(problem, FOUR, key=KEY, bases=rom.LocalBases(modes=4, overlap=0.5))
    np.testing.assert_array_equal(wide.labels, solved.labels)
    k = 1
    own = np.flatnonzero(solved.labels == k)
    others = np.flatnonzero(solved.labels != k)
    nearest = others[np.argsort(solved.dissimilarity[solved.medoids[k], others])][: int(np.ceil(len(own) / 2))]
    wanted = rom.pod(problem.rows[np.concatenate([own, nearest])], rank=4)
    np.testing.assert_allclose(wide.bases[k].singular_values[:4], wanted.singular_values[:4], rtol=1e-10)


def test_small_clusters_have_fewer_modes_and_say_so():
    fields = np.eye(6)[[0, 0, 0, 1, 2, 3]] * np.arange(1.0, 7.0)[:, None]
    solved = rom.cluster(
        rom.SnapshotSet(fields), rom.SineKMedoids(4, restarts=1), key=KEY, bases=rom.LocalBases(modes=2)
    )
    assert solved.stats["reduced"] == {0: 1, 1: 1, 2: 1, 3: 1}
    loose = rom.cluster(rom.SnapshotSet(fields), rom.GlobalPOD(), key=KEY, bases=rom.LocalBases(tolerance=0.5))
    assert loose.stats["reduced"] == {}
    assert 1 <= len(loose.bases[0].modes) < 4


def test_trajectories_are_clustered_by_their_subspaces():
    """Two groups of planes, each in trajectories with amplitudes and combinations of their own."""
    random = np.random.default_rng(0)
    planes = np.linalg.qr(random.normal(size=(20, 4)))[0].T.reshape(2, 2, 20)
    x = np.stack([random.normal(size=(7, 2)) @ planes[i % 2] + 1e-3 * random.normal(size=(7, 20)) for i in range(12)])
    for angle in (rom.Chordal(2), rom.Gap(2), rom.Grassmann(2), rom.ProjectionError(2)):
        solved = rom.cluster(
            rom.SnapshotSet(x), rom.SineKMedoids(2, angle, restarts=1), key=KEY, bases=rom.LocalBases(modes=2)
        )
        assert len(set(solved.labels[::2])) == len(set(solved.labels[1::2])) == 1
        assert solved.labels[0] != solved.labels[1]
        assert solved.errors(rom.SnapshotSet(x)).max() < 0.01


def test_pebl_finds_subspaces_that_no_medoid_spans():
    """Combinations of two directions each: lines through medoids describe them badly, planes exactly."""
    random = np.random.default_rng(1)
    e = np.eye(10)
    x = np.concatenate([random.normal(size=(15, 2)) @ e[[0, 1]], random.normal(size=(15, 2)) @ e[[2, 3]]])
    solved = rom.cluster(rom.SnapshotSet(x), rom.PEBL(2, modes=2, restarts=3), key=KEY, bases=rom.LocalBases(modes=2))
    assert solved.cost < 1e-28
    assert set(solved.labels[:15]) != set(solved.labels[15:])
    assert solved.errors(rom.SnapshotSet(x)).max() < 1e-12


def test_the_means_of_a_weighted_k_means_are_those_of_the_weighted_space():
    fields, _ = pulses(30)
    w = np.geomspace(1e-3, 10.0, 60)
    method = rom.EuclideanKMeans(clusters=3, restarts=2)
    weighted = rom.cluster(rom.SnapshotSet(fields, weight=w), method, key=KEY)
    plain = rom.cluster(rom.SnapshotSet(fields * np.sqrt(w)), method, key=KEY)
    np.testing.assert_array_equal(weighted.labels, plain.labels)
    assert weighted.cost == pytest.approx(plain.cost, rel=1e-8)


def test_parameters_are_compared_in_units_of_their_spread():
    params = np.array([[0.0, 0.0], [0.0, 1e6], [1.0, 0.0], [1.0, 1e6]])
    problem = rom.SnapshotSet(np.eye(4), params=params)
    solved = rom.cluster(problem, rom.ParameterKMeans(clusters=4, restarts=2), key=KEY)
    assert sorted(solved.labels) == [0, 1, 2, 3]
    np.testing.assert_array_equal(solved.assign(problem), solved.labels)
    with pytest.raises(ValueError, match="params must have 2 columns"):
        solved.assign(rom.SnapshotSet(np.eye(4), params=params[:, :1]))


def test_a_file_holds_labels_medoids_and_bases(tmp_path, solved):
    solved.save(tmp_path / "bases.npz")
    with np.load(tmp_path / "bases.npz") as file:
        np.testing.assert_array_equal(file["labels"], solved.labels)
        np.testing.assert_array_equal(file["medoids"], solved.medoids)
        for k, basis in enumerate(solved.bases):
            np.testing.assert_array_equal(file[f"basis_{k}"], basis.modes)


def test_fields_on_top_of_a_constant_are_warned_about_and_centred():
    fields = 300.0 + pulses(20)[0] / 100.0
    with pytest.warns(UserWarning, match=r"mean dissimilarity is .*: cluster problem.centred\(\)"):
        rom.cluster(rom.SnapshotSet(fields), FOUR, key=KEY)
    centred = rom.cluster(rom.SnapshotSet(fields).centred(), FOUR, key=KEY)
    assert centred.dissimilarity.mean() > 0.3
    np.testing.assert_allclose(centred.project(rom.SnapshotSet(fields).centred()).mean(), 300.0, atol=1.0)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda p, s: rom.cluster(p.rows, FOUR, key=KEY), TypeError, "problem must be"),
        (lambda p, s: rom.cluster(p, rom.SineKMedoids, key=KEY), TypeError, r"did you mean SineKMedoids\(\)"),
        (lambda p, s: rom.cluster(p, rom.SineKMedoids(41), key=KEY), ValueError, "clusters must be at most .* 40"),
        (lambda p, s: rom.cluster(p, FOUR, key=0), TypeError, "key must be"),
        (lambda p, s: rom.cluster(p, FOUR, key=KEY, bases=3), TypeError, "bases must be"),
        (lambda p, s: rom.SineKMedoids(angle=rom.Euclidean()), TypeError, "angle must be"),
        (lambda p, s: rom.SineKMedoids(clusters=0), ValueError, "clusters must be"),
        (lambda p, s: rom.LocalBases(modes=0), ValueError, "modes must be"),
        (lambda p, s: rom.LocalBases(tolerance=1.5), ValueError, "tolerance must be"),
        (lambda p, s: rom.LocalBases(overlap=-0.1), ValueError, "overlap must be"),
        (lambda p, s: s.errors(p.rows), TypeError, "new must be"),
        (lambda p, s: s.assign(rom.SnapshotSet(np.eye(3))), ValueError, "new must have fields of 60 values, got 3"),
        (lambda p, s: s.errors(p, np.full(40, 4)), ValueError, r"labels must lie in \[0, 3\]"),
        (lambda p, s: s.errors(p, [0]), ValueError, "labels must have shape"),
        (lambda p, s: s.errors(p, modes=0), ValueError, "modes must be"),
        (
            lambda p, s: rom.cluster(rom.SnapshotSet(p.rows), rom.ParameterKMeans(), key=KEY),
            ValueError,
            "params of the problem are needed",
        ),
    ],
)
def test_bad_input_is_refused_by_name(without_type_checks, problem, solved, call, error, message):
    with pytest.raises(error, match=message):
        call(problem, solved)


def test_pebl_that_does_not_settle_is_an_error(problem):
    with pytest.raises(SolverError, match="PEBL, after 1 alternations"):
        rom.cluster(problem, rom.PEBL(3, max_steps=1, restarts=1), key=KEY)
