"""Empirical cubature, gappy POD and Q-DEIM against closed forms and SciPy."""

import numpy as np
import pytest
import scipy.optimize

from perturbax import rom
from perturbax.rom._cubature import _Active

X = (np.arange(1000) + 0.5) / 1000
MOMENTS = X ** np.arange(8)[:, None]
WEIGHTS = np.full(1000, 1e-3)


def test_eight_moments_need_eight_points_of_a_thousand():
    found = rom.empirical_cubature(MOMENTS, WEIGHTS, tol=1e-12)
    assert found.points.size == 8
    assert found.weights.min() > 0.0
    np.testing.assert_allclose(found.weights @ MOMENTS[:, found.points].T, MOMENTS @ WEIGHTS, rtol=1e-9)
    assert found.residual < 1e-12


@pytest.mark.parametrize("tol", [1e-1, 1e-2, 1e-4])
def test_weights_are_positive_and_integrals_and_the_volume_are_right_to_the_tolerance(tol):
    random = np.random.default_rng(0)
    integrands = (
        random.normal(size=(60, 8)) @ np.sin(np.outer(np.arange(1, 9), 3.0 * X)) * np.geomspace(1.0, 1e-3, 60)[:, None]
    )
    weights = random.uniform(0.5, 2.0, X.size)
    found = rom.empirical_cubature(integrands, weights, tol=tol)
    exact = integrands @ weights
    assert found.weights.min() > 0.0
    assert found.weights.sum() == pytest.approx(weights.sum(), rel=tol * 1.0001)
    # The compression may leave as much again as the residual.
    assert np.linalg.norm(integrands[:, found.points] @ found.weights - exact) < 3.0 * tol * np.linalg.norm(exact)
    assert found.points.size <= 12


def test_a_smaller_tolerance_needs_no_fewer_points_and_a_start_is_built_on():
    sizes = [rom.empirical_cubature(MOMENTS, WEIGHTS, tol=tol).points.size for tol in (1e-1, 1e-3, 1e-6)]
    assert sizes == sorted(sizes)
    first = rom.empirical_cubature(MOMENTS[:5], WEIGHTS, tol=1e-10)
    found = rom.empirical_cubature(MOMENTS, WEIGHTS, tol=1e-10, start=first.points)
    assert found.residual <= 1e-10
    assert np.intersect1d(found.points, first.points).size >= 3
    repeated = rom.empirical_cubature(MOMENTS, WEIGHTS, tol=1e-10, start=np.arange(30))
    assert repeated.residual <= 1e-10


def test_active_points_settle_where_nonnegative_least_squares_does():
    """From every column at once the factors that remain are optimal among those columns."""
    random = np.random.default_rng(1)
    g, b = random.normal(size=(30, 12)), random.normal(size=30)
    active = _Active(g, b, np.zeros(0, np.int64))
    for _ in range(60):
        slope = g.T @ (b - g[:, active.points] @ active.factors)
        slope[active.points] = -np.inf
        if slope.max() <= 1e-12:
            break
        active.add(int(slope.argmax()))
        active.fit()
    wanted = scipy.optimize.nnls(g, b)[0]
    found = np.zeros(12)
    found[active.points] = active.factors
    np.testing.assert_allclose(found, wanted, atol=1e-12)
    assert 0 < np.count_nonzero(wanted) < 12


def test_what_rounding_leaves_is_warned_of():
    with pytest.warns(UserWarning, match="rounding stopped at a residual"):
        rom.empirical_cubature(MOMENTS, WEIGHTS, tol=0.0)


def test_fields_of_the_span_come_back_exactly_and_their_residual_is_zero():
    random = np.random.default_rng(2)
    modes, z = random.normal(size=(5, 200)), random.normal(size=(3, 5))
    points = np.union1d(rom.q_deim(modes), [7, 70, 170])
    gappy = rom.GappyPOD(modes, points)
    fields = z @ modes
    np.testing.assert_allclose(gappy.reconstruct(fields[:, points]), fields, atol=1e-11)
    np.testing.assert_allclose(gappy.residual(fields[:, points]), 0.0, atol=1e-13)
    outside = gappy.range_ @ gappy.range_.T @ (noise := random.normal(size=points.size))
    assert gappy.residual((noise - outside)[None])[0] == pytest.approx(np.sqrt(np.mean((noise - outside) ** 2)))


def test_points_of_q_deim_tell_modes_apart_well():
    """The bound of the growth of rounding errors is exponential in the number of modes; in practice it is small."""
    modes = np.linalg.qr(np.random.default_rng(3).normal(size=(300, 10)))[0].T
    points = rom.q_deim(modes)
    assert np.unique(points).size == 10
    growth = np.linalg.norm(np.linalg.inv(modes[:, points]), 2)
    random = np.linalg.norm(np.linalg.inv(modes[:, :10]), 2)
    assert growth < min(random, 20.0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: rom.empirical_cubature(MOMENTS, WEIGHTS[1:]), r"weights must have shape \(1000,\)"),
        (lambda: rom.empirical_cubature(MOMENTS, -WEIGHTS), "weights must be positive"),
        (lambda: rom.empirical_cubature(MOMENTS * np.nan, WEIGHTS), "integrands must be finite"),
        (lambda: rom.empirical_cubature(MOMENTS, WEIGHTS, tol=-1.0), "tol must be"),
        (lambda: rom.empirical_cubature(MOMENTS, WEIGHTS, start=[1000]), r"start must lie in \[0, 999\]"),
        (lambda: rom.GappyPOD(MOMENTS, [1, 2]), "points must tell the modes apart"),
        (lambda: rom.GappyPOD(MOMENTS[:1], [1000]), "points must lie in"),
        (lambda: rom.GappyPOD(np.ones((2, 5)), [0, 1, 2]), "points must tell the modes apart"),
        (lambda: rom.q_deim(np.ones((3, 2))), "modes must not be more"),
        (lambda: rom.GaussianProcess(smoothness=0.0), "smoothness must be"),
    ],
)
def test_bad_input_is_refused_by_name(call, message):
    with pytest.raises(ValueError, match=message):
        call()
