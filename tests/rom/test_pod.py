"""Proper orthogonal decomposition: tails, orthonormality, weights, three factorisations, and what it refuses."""

import jax
import numpy as np
import pytest
import scipy.sparse

from perturbax import rom

N, M = 30, 16


def snapshots():
    """Singular values 1, 1/4, 1/16, ... of rows that are otherwise random."""
    random = np.random.default_rng(0)
    u, v = (np.linalg.qr(random.normal(size=(size, M)))[0] for size in (M, N))
    return (u * 0.25 ** np.arange(M)) @ v.T


def mass():
    """The mass matrix of linear finite elements on an uneven grid."""
    h = np.random.default_rng(1).uniform(0.5, 2.0, N + 1)
    return scipy.sparse.diags_array([h[1:-1] / 6, (h[:-1] + h[1:]) / 3, h[1:-1] / 6], offsets=[-1, 0, 1]).tocsc()


def cells():
    return np.geomspace(1e-4, 10.0, N)


WEIGHTS = {
    "none": (None, np.eye(N)),
    "entries": (cells(), np.diag(cells())),
    "sparse": (mass(), mass().toarray()),
    "function": (lambda x: x @ mass().toarray(), mass().toarray()),
}
weighted = pytest.mark.parametrize("name", WEIGHTS)


@weighted
@pytest.mark.parametrize("factorisation", [rom.OrthogonalSVD(), rom.MethodOfSnapshots(), rom.RandomizedSVD()], ids=str)
def test_modes_are_orthonormal_and_the_error_is_the_tail_of_the_singular_values(name, factorisation):
    x, (weight, dense) = snapshots(), WEIGHTS[name]
    found = rom.pod(x, weight=weight, rank=5, factorisation=factorisation, key=jax.random.key(0))
    np.testing.assert_allclose(found.modes @ dense @ found.modes.T, np.eye(5), atol=1e-12)
    exact = np.linalg.svd(x @ np.linalg.cholesky(dense), compute_uv=False)
    np.testing.assert_allclose(found.singular_values[:5], exact[:5], rtol=1e-8)
    rest = x - found.project(x)
    left = np.sqrt(np.einsum("in,nk,ik->", rest, dense, rest))
    assert left == pytest.approx(np.sqrt(np.square(exact[5:]).sum()), rel=1e-8)
    assert found.error * np.linalg.norm(exact) == pytest.approx(left, rel=1e-6)


@weighted
def test_small_singular_values_are_not_lost_by_squaring(name):
    x, (weight, dense) = snapshots(), WEIGHTS[name]
    exact = np.linalg.svd(x @ np.linalg.cholesky(dense), compute_uv=False)
    np.testing.assert_allclose(rom.pod(x, weight=weight).singular_values, exact, atol=1e-14 * exact[0])


def test_more_snapshots_than_values_and_snapshots_that_repeat():
    x = np.concatenate([snapshots().T, snapshots().T])
    found = rom.pod(x)
    assert found.modes.shape == (M, M)
    np.testing.assert_allclose(found.singular_values, np.linalg.svd(x, compute_uv=False), atol=1e-14)
    assert rom.pod(np.ones((3, 4))).modes.shape == (1, 4)


def test_the_tolerance_keeps_the_fewest_modes_that_reach_it():
    x = snapshots()
    for tol in (0.3, 1e-3, 1e-6):
        found = rom.pod(x, tol=tol)
        assert found.error <= tol < rom.pod(x, rank=found.modes.shape[0] - 1 or 1).error or found.modes.shape[0] == 1
    assert rom.pod(x, tol=1e-6, rank=3).modes.shape[0] == 3
    assert rom.pod(x, tol=0.0).modes.shape[0] == M


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: rom.pod(np.zeros((3, 4))), "snapshots must not all be zero"),
        (lambda: rom.pod(np.full((3, 4), np.nan)), "snapshots must be finite"),
        (lambda: rom.pod(np.ones(3)), "snapshots must have 2 axes"),
        (lambda: rom.pod(snapshots(), rank=0), "rank must be"),
        (lambda: rom.pod(snapshots(), tol=2.0), "tol must be"),
        (lambda: rom.pod(snapshots(), weight=-cells()), "weight must be positive"),
        (lambda: rom.pod(snapshots(), weight=cells()[1:]), r"weight must have shape \(30,\)"),
        (lambda: rom.pod(snapshots(), weight=scipy.sparse.eye_array(N + 1)), r"weight must have shape \(30, 30\)"),
        (lambda: rom.pod(snapshots(), weight=scipy.sparse.triu(mass())), "weight must be symmetric"),
        (lambda: rom.pod(snapshots(), weight=lambda x: -x), "weight must be positive definite"),
        (lambda: rom.pod(snapshots(), weight=lambda x: x[:, 1:]), "the product with weight must have shape"),
        (lambda: rom.pod(snapshots(), factorisation=rom.RandomizedSVD()), "RandomizedSVD needs rank and key"),
        (lambda: rom.RandomizedSVD(oversampling=-1), "oversampling must be"),
    ],
)
def test_bad_input_is_refused_by_name(without_type_checks, call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_another_factorisation_is_refused(without_type_checks):
    with pytest.raises(TypeError, match=r"factorisation must be .* did you mean OrthogonalSVD\(\)"):
        rom.pod(snapshots(), factorisation=rom.OrthogonalSVD)
