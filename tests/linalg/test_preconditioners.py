"""Preconditioners and splittings against their matrices, and the theory of SOR."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.sparse

from perturbax import linalg
from perturbax.core import float64
from perturbax.linalg._incomplete_cholesky import incomplete_cholesky
from perturbax.linalg._triangular import in_levels, wavefronts


def inverse_of(preconditioner, operator):
    """`M^-1` as a matrix."""
    with float64():
        prepared = preconditioner.prepare(operator)
        rows = jax.vmap(prepared)(jnp.eye(operator.size).reshape(-1, *operator.shape))
        return np.asarray(rows).reshape(operator.size, -1).T


def parts(operator, ordering):
    """Diagonal, earlier and later couplings in the order of the sweep."""
    A = operator.matrix().toarray()
    place = ordering.places(operator)
    earlier = place[None, :] < place[:, None]
    D = np.diag(np.diag(A))
    return A, D, np.where(earlier, A, 0.0), np.where(earlier.T, A, 0.0)


@pytest.mark.parametrize("ordering", [linalg.Natural(), linalg.RedBlack()])
def test_sor_and_ssor_are_their_matrices(disk, ordering):
    omega = 1.4
    A, D, L, U = parts(disk.operator, ordering)
    sor = inverse_of(linalg.SOR(omega, ordering), disk.operator)
    np.testing.assert_allclose(sor @ (D / omega + L), np.eye(len(A)), atol=1e-12)
    ssor = inverse_of(linalg.SSOR(omega, ordering), disk.operator)
    M = (D / omega + L) @ np.linalg.inv(D / omega) @ (D / omega + U) / (2.0 - omega)
    np.testing.assert_allclose(ssor @ M, np.eye(len(A)), atol=1e-12)


def test_youngs_formula_for_the_spectral_radius_of_sor():
    operator = linalg.Poisson(np.ones((5, 5), bool), open_sides=True)
    A = operator.matrix().toarray()
    mu = np.abs(np.linalg.eigvals(np.eye(25) - A / 4.0)).max()
    assert mu == pytest.approx(np.cos(np.pi / 6.0))
    best = 2.0 / (1.0 + np.sqrt(1.0 - mu**2))
    for ordering in (linalg.Natural(), linalg.RedBlack()):
        for omega in (1.0, 1.2, 1.5, 1.8):
            M = inverse_of(linalg.SOR(omega, ordering), operator)
            radius = np.abs(np.linalg.eigvals(np.eye(25) - M @ A)).max()
            root = (omega * mu + np.sqrt(max((omega * mu) ** 2 - 4.0 * (omega - 1.0), 0.0))) / 2.0
            assert radius == pytest.approx(root**2 if omega < best else omega - 1.0, abs=1e-7)


def test_omega_may_be_traced_and_iterations_are_counted_for_each():
    operator = linalg.Poisson(np.ones((8, 8), bool), open_sides=True)
    b = jnp.asarray(np.random.default_rng(0).normal(size=(8, 8)), jnp.float32)

    def count(omega):
        splitting = linalg.SOR(omega, linalg.RedBlack())
        return linalg.solve(linalg.LinearSystem(operator, b), linalg.Stationary(splitting, tol=1e-4)).iterations

    counts = jax.vmap(count)(jnp.array([1.0, 1.5, 1.9]))
    assert counts.tolist() == [int(count(omega)) for omega in (1.0, 1.5, 1.9)]
    assert int(counts[1]) < 0.5 * int(counts[0])


@pytest.mark.parametrize("ordering", [linalg.Natural(), linalg.RedBlack()])
def test_incomplete_cholesky_is_exact_on_the_pattern(disk, ordering):
    A, *_ = parts(disk.operator, ordering)
    M = np.linalg.inv(inverse_of(linalg.IncompleteCholesky(ordering), disk.operator))
    np.testing.assert_allclose(M[A != 0.0], A[A != 0.0], atol=1e-12)
    assert np.abs(M - A).max() > 0.01


def test_incomplete_cholesky_is_exact_where_there_is_no_fill():
    dense = np.diag(np.full(7, 2.5)) + np.diag(np.full(6, -1.0), 1) + np.diag(np.full(6, -1.0), -1)
    factor = incomplete_cholesky(scipy.sparse.csr_array(dense)).toarray()
    np.testing.assert_allclose(factor, np.linalg.cholesky(dense), atol=1e-14)


def test_a_triangle_is_solved_in_levels_of_any_shape():
    random = np.random.default_rng(0)
    dense = np.tril(random.normal(size=(40, 40)) * (random.random((40, 40)) < 0.1), -1)
    diagonal, right = 1.0 + random.random(40), random.normal(size=40)
    fronts = wavefronts(scipy.sparse.csr_array(dense))
    assert sorted(np.concatenate(fronts)) == list(range(40))
    with float64():
        found = in_levels(scipy.sparse.csr_array(dense), np.float64).solve(jnp.asarray(diagonal), jnp.asarray(right))
    np.testing.assert_allclose(found, np.linalg.solve(np.diag(diagonal) + dense, right), rtol=1e-10)


def test_the_levels_of_a_grid_are_its_diagonals():
    operator = linalg.Poisson(np.ones((6, 9), bool))
    assert len(wavefronts(scipy.sparse.csr_array(scipy.sparse.tril(operator.couplings(), -1)))) == 14


def test_multigrid_is_symmetric_positive_definite():
    pytest.importorskip("pyamg")
    small = linalg.Poisson(np.ones((10, 10), bool), open_sides=((True, False), (False, False)))
    M = inverse_of(linalg.AMG(max_coarse=10), small)
    np.testing.assert_allclose(M, M.T, atol=1e-12)
    assert np.linalg.eigvalsh(M).min() > 0.0


@pytest.mark.slow
def test_multigrid_takes_as_many_iterations_on_a_grid_twice_as_fine():
    pytest.importorskip("pyamg")
    counts = []
    for n in (16, 32):
        operator = linalg.Poisson(np.ones((n, n), bool), open_sides=((True, False), (False, False)))
        system = linalg.LinearSystem(operator, np.random.default_rng(0).normal(size=(n, n)))
        counts.append(int(linalg.solve(system, linalg.PCG(linalg.AMG(max_coarse=20), tol=1e-8)).iterations))
    assert counts[1] <= counts[0] + 2 < 16


def test_deflation_solves_for_its_vectors_at_once():
    """After deflation of the four outliers the spectrum is that of the rest."""
    values = np.concatenate([np.geomspace(1e-4, 1e-2, 4), np.linspace(1.0, 4.0, 36)])
    basis, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(40, 40)))
    system = linalg.LinearSystem((basis * values) @ basis.T, np.ones(40))
    deflated = linalg.solve(system, linalg.DeflatedPCG(ritz=4, lanczos_steps=40, tol=1e-8))
    plain = linalg.solve(system, linalg.PCG(linalg.Jacobi(), tol=1e-8))
    assert int(deflated.iterations) < 0.6 * int(plain.iterations)
    assert int(deflated.stats["setup_evaluations"]) == 44
