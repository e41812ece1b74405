"""Dissimilarities: angles that are known, tiny ones too, invariances, the triangle inequality, and several devices."""

import os
import subprocess
import sys

import numpy as np
import pytest
import scipy.linalg
import scipy.sparse

from perturbax import rom

from .conftest import pulses

KINDS = [rom.Chordal(modes=3), rom.Gap(modes=3), rom.Grassmann(modes=3), rom.ProjectionError(modes=3)]
every_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: type(kind).__name__)


def trajectories(count=6, times=5, size=20, seed=0):
    return np.random.default_rng(seed).normal(size=(count, times, size))


def test_the_relative_projection_error_on_a_line_is_the_sine_of_the_angle():
    u, v = np.random.default_rng(0).normal(size=(2, 8, 20))
    w = np.geomspace(0.1, 10.0, 20)
    first, second = rom.SnapshotSet(u, weight=w), rom.SnapshotSet(v, weight=w)
    by_angle = rom.dissimilarity(first, other=second)
    for i in range(8):
        for j in range(8):
            rest = u[i] - v[j] * ((u[i] * w) @ v[j]) / ((v[j] * w) @ v[j])
            eta = np.sqrt((rest * w) @ rest / ((u[i] * w) @ u[i]))
            assert by_angle[i, j] == pytest.approx(eta, abs=1e-12)
    np.testing.assert_allclose(rom.dissimilarity(first, rom.ProjectionError(), other=second), by_angle, atol=1e-12)


@every_kind
def test_tiny_angles_keep_their_digits(kind):
    """Rotations of one plane, or line, by angles down to 1e-12, as singles and as trajectories."""
    angle = 10.0 ** -np.arange(1.0, 13.0)
    e = np.eye(6)
    turned = np.cos(angle)[:, None] * e[0] + np.sin(angle)[:, None] * e[1]
    lines = rom.dissimilarity(rom.SnapshotSet(turned), kind, other=rom.SnapshotSet(7.0 * e[:1]))[:, 0]
    wanted = angle if isinstance(kind, rom.Grassmann) else np.sin(angle)
    np.testing.assert_allclose(lines, wanted, rtol=1e-4)
    planes = np.stack([turned, np.tile(e[3], (12, 1))], 1)
    found = rom.dissimilarity(rom.SnapshotSet(planes), kind, other=rom.SnapshotSet(e[None, [0, 3]]))[:, 0]
    share = np.sqrt(0.5) if isinstance(kind, rom.Chordal | rom.ProjectionError) else 1.0
    np.testing.assert_allclose(found, share * wanted, rtol=1e-4)


@every_kind
def test_amplitudes_signs_and_order_do_not_matter_and_the_matrix_is_symmetric(kind):
    fields, _ = pulses()
    d = rom.dissimilarity(rom.SnapshotSet(fields), kind)
    random = np.random.default_rng(1)
    scaled = fields * (random.choice([-1.0, 1.0], 40) * 10.0 ** random.uniform(-5, 5, 40))[:, None]
    np.testing.assert_allclose(rom.dissimilarity(rom.SnapshotSet(scaled), kind), d, atol=1e-12)
    np.testing.assert_array_equal(d, d.T)
    assert not np.diag(d).any()
    assert d.min() >= 0.0
    x = trajectories()
    turned = np.einsum("st,itn->isn", scipy.linalg.hadamard(8)[:5, :5] + 3 * np.eye(5), x)
    whole = type(kind)(modes=5)
    if not isinstance(kind, rom.ProjectionError):
        np.testing.assert_allclose(
            rom.dissimilarity(rom.SnapshotSet(turned), whole), rom.dissimilarity(rom.SnapshotSet(x), whole), atol=1e-12
        )


@pytest.mark.parametrize("kind", [rom.Chordal(modes=3), rom.Gap(modes=3), rom.Grassmann(modes=3)], ids=str)
def test_the_triangle_inequality(kind):
    for x in (pulses()[0], trajectories(12)):
        d = rom.dissimilarity(rom.SnapshotSet(x), kind)
        assert (d[:, None, :] <= d[:, :, None] + d[None, :, :] + 1e-12).all()


def test_angles_are_those_of_scipy():
    x = trajectories()
    problem = rom.SnapshotSet(x)
    chordal, gap, grassmann = (
        rom.dissimilarity(problem, kind(modes=5)) for kind in (rom.Chordal, rom.Gap, rom.Grassmann)
    )
    for i in range(6):
        for j in range(i):
            angles = scipy.linalg.subspace_angles(x[i].T, x[j].T)
            assert chordal[i, j] == pytest.approx(np.sqrt(np.square(np.sin(angles)).mean()), abs=1e-12)
            assert gap[i, j] == pytest.approx(np.sin(angles.max()), abs=1e-12)
            assert grassmann[i, j] == pytest.approx(np.linalg.norm(angles), abs=1e-12)


def test_subspaces_of_different_dimension_differ_by_right_angles():
    e = np.eye(5)
    plane = rom.SnapshotSet(np.stack([e[0], 2.0 * e[1], e[0] + e[1]])[None])
    line = rom.SnapshotSet(np.stack([e[0], e[0], -e[0]])[None])
    found = [rom.dissimilarity(plane, kind, other=line)[0, 0] for kind in KINDS[:3]]
    assert found == pytest.approx([np.sqrt(0.5), 1.0, np.pi / 2], abs=1e-12)
    short = rom.SnapshotSet(e[None, :1])
    assert rom.dissimilarity(plane, KINDS[0], other=short)[0, 0] == pytest.approx(np.sqrt(0.5), abs=1e-12)


def test_projection_errors_of_trajectories_are_joined_by_a_function():
    problem = rom.SnapshotSet(trajectories())
    larger = rom.dissimilarity(problem, rom.ProjectionError(modes=3))
    mean = rom.dissimilarity(problem, rom.ProjectionError(modes=3, symmetrise=lambda a, b: (a + b) / 2))
    assert (mean <= larger + 1e-15).all()
    bases = [rom.pod(x, rank=3) for x in problem.snapshots]
    rest = problem.snapshots[0] - bases[1].project(problem.snapshots[0])
    other = problem.snapshots[1] - bases[0].project(problem.snapshots[1])
    errors = [np.linalg.norm(r) / np.linalg.norm(x) for r, x in zip((rest, other), problem.snapshots, strict=False)]
    assert larger[0, 1] == pytest.approx(max(errors), abs=1e-12)
    assert mean[0, 1] == pytest.approx(np.mean(errors), abs=1e-12)


def test_euclidean_distances_in_a_mass_matrix():
    fields, _ = pulses()
    w = scipy.sparse.diags_array(np.geomspace(1.0, 2.0, 60)).tocsr()
    d = rom.dissimilarity(rom.SnapshotSet(fields, weight=w), rom.Euclidean())
    gap = fields[3] - fields[5]
    assert d[3, 5] == pytest.approx(np.sqrt(gap @ w @ gap), rel=1e-10)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: rom.dissimilarity(np.eye(3)), TypeError, "problem must be"),
        (lambda: rom.dissimilarity(rom.SnapshotSet(np.eye(3)), rom.Chordal), TypeError, "kind must be"),
        (lambda: rom.dissimilarity(rom.SnapshotSet(np.eye(3)), other=rom.SnapshotSet(np.eye(2))), ValueError, "other"),
        (lambda: rom.Chordal(modes=0), ValueError, "modes must be"),
        (lambda: rom.SnapshotSet(np.ones((2, 2, 2, 2))), ValueError, "fields must have shape"),
        (lambda: rom.SnapshotSet(np.zeros((3, 2))), ValueError, "fields must not be zero, got zero in 3 of 3"),
        (lambda: rom.SnapshotSet([[1.0, np.inf]]), ValueError, "fields must be finite"),
        (lambda: rom.SnapshotSet(np.eye(3), params=np.ones((2, 1))), ValueError, "params must have shape"),
        (lambda: rom.SnapshotSet(np.eye(3), lift=np.ones(2)), ValueError, "lift must have shape"),
        (lambda: rom.SnapshotSet(np.eye(3), weight=lambda x: 0.0 * x), ValueError, "weight must be positive definite"),
    ],
)
def test_bad_input_is_refused_by_name(without_type_checks, call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_a_zero_field_is_left_out_with_a_warning():
    fields = np.ones((200, 3))
    fields[17] = 0.0
    with pytest.warns(UserWarning, match=r"left out: \[17\]"):
        problem = rom.SnapshotSet(fields, params=np.arange(200.0)[:, None])
    assert problem.count == 199
    assert 17 not in problem.kept
    assert problem.params[17, 0] == 18.0


SHARDED = """
import jax, numpy as np
from perturbax import rom
assert jax.local_device_count() == 4
x = np.random.default_rng(0).normal(size=(7, 3, 50))
d = rom.dissimilarity(rom.SnapshotSet(x), rom.Chordal(modes=3))
q = [np.linalg.qr(s.T)[0] for s in x]
wanted = [[np.sqrt(max(3 - np.square(a.T @ b).sum(), 0) / 3) for a in q] for b in q]
np.testing.assert_allclose(d, wanted, atol=1e-7)
"""


@pytest.mark.slow
def test_on_four_devices_the_matrix_is_the_same():
    environment = os.environ | {"XLA_FLAGS": "--xla_force_host_platform_device_count=4", "JAX_PLATFORMS": "cpu"}
    run = subprocess.run([sys.executable, "-c", SHARDED], env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
