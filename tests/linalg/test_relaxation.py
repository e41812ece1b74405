"""Theory of relaxation against eigenvalues and counts, shifted operators, and solves without a history."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perturbax import linalg
from perturbax.core import float64

LAPLACIAN = linalg.Poisson(np.ones((8, 8), bool), open_sides=True)
BETA = np.cos(np.pi / 9.0)
OMEGAS = np.round(np.arange(1.0, 1.96, 0.05), 2)
TOL = 1e-8


def iterations_of_sor(omega):
    """`C = I - A (D / omega + L)^-1`, as a matrix."""
    A = LAPLACIAN.matrix().toarray()
    return np.eye(64) - A @ np.linalg.inv(np.diag(np.diag(A)) / omega + np.tril(A, -1))


@pytest.fixture(scope="module")
def radii():
    return np.array([np.abs(np.linalg.eigvals(iterations_of_sor(omega))).max() for omega in OMEGAS])


@pytest.fixture(scope="module")
def counts():
    """Iterations of SOR with each relaxation on one system, in a single batch."""
    b = np.random.default_rng(0).normal(size=(8, 8))

    def count(omega):
        method = linalg.Stationary(linalg.SOR(omega), tol=TOL, history=False)
        return linalg.solve(linalg.LinearSystem(LAPLACIAN, b), method, throw=False).iterations

    with float64():
        return np.asarray(jax.jit(jax.vmap(count))(jnp.asarray(OMEGAS)))


def test_young_s_formula_is_the_spectral_radius(radii):
    with float64():
        np.testing.assert_allclose(linalg.sor_radius(OMEGAS, BETA), radii, atol=1e-8)
        best = float(linalg.optimal_omega(BETA))
        around = np.asarray(linalg.sor_radius(best + np.array([-0.01, 0.0, 0.01]), BETA))
    assert around.argmin() == 1
    assert best == pytest.approx(1.0 + (BETA / (1.0 + np.sqrt(1.0 - BETA**2))) ** 2)


def test_the_near_asymptotic_bound_holds_and_the_asymptotic_estimate_does_not(radii, counts):
    powers = [np.linalg.matrix_power(iterations_of_sor(omega), k - 1) for omega, k in zip(OMEGAS, counts, strict=True)]
    norms = np.array([np.linalg.norm(P, 2) for P in powers]) ** (1.0 / (counts - 1))
    tau = ((norms - radii) / (1.0 - radii)).max()
    assert 0.0 < tau < 1.0
    with float64():
        bound = np.asarray(linalg.near_asymptotic_iterations(radii, TOL, tau))
        estimate = np.asarray(linalg.near_asymptotic_iterations(radii, TOL))
    assert (bound >= counts - 1e-6).all()
    assert (bound < 4.0 * counts).all()
    assert (estimate < counts).any()


def test_the_bound_for_ssor_cg_holds_for_counts():
    b = np.random.default_rng(0).normal(size=(8, 8))
    omegas = np.array([0.9, 1.3, 1.7])

    def count(omega):
        method = linalg.PCG(linalg.SSOR(omega), tol=TOL, history=False)
        return linalg.solve(linalg.LinearSystem(LAPLACIAN, b), method, throw=False).iterations

    with float64():
        counts = np.asarray(jax.jit(jax.vmap(count))(jnp.asarray(omegas)))
    bounds = linalg.ssor_cg_iterations(LAPLACIAN.matrix().toarray(), omegas, TOL)
    assert (counts > 3).all()
    assert (counts <= bounds).all()


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: linalg.ssor_cg_iterations(np.eye(2), 2.0, TOL), "omega"),
        (lambda: linalg.ssor_cg_iterations(np.ones(2), 1.0, TOL), "matrix"),
        (lambda: linalg.ssor_cg_iterations(np.ones((2, 3)), 1.0, TOL), "matrix must be symmetric"),
        (lambda: linalg.ssor_cg_iterations(np.eye(2, k=1) + np.eye(2), 1.0, TOL), "matrix must be symmetric"),
        (lambda: linalg.ssor_cg_iterations(np.diag([1.0, -1.0]), 1.0, TOL), "matrix must be symmetric"),
        (lambda: linalg.near_asymptotic_iterations(0.5, 1.0), "tol"),
        (lambda: linalg.near_asymptotic_iterations(0.5, 0.1, 1.0), "tau must be < 1"),
        (lambda: linalg.near_asymptotic_iterations(0.5, 0.1, 2.0), "tau"),
    ],
)
def test_theory_refuses_numbers_out_of_range(call, named):
    with pytest.raises(ValueError, match=named):
        call()


def test_in_red_black_order_ssor_has_nothing_to_tune():
    b = np.random.default_rng(0).normal(size=(8, 8))

    def count(omega, ordering):
        method = linalg.PCG(linalg.SSOR(omega, ordering), tol=TOL, history=False)
        return linalg.solve(linalg.LinearSystem(LAPLACIAN, b), method, throw=False).iterations

    omegas = jnp.array([1.0, 1.2, 1.5, 1.8])
    with float64():
        natural, red_black = (
            np.asarray(jax.jit(jax.vmap(lambda omega, ordering=ordering: count(omega, ordering)))(omegas))
            for ordering in (linalg.Natural(), linalg.RedBlack())
        )
    assert natural.min() < natural[0]
    assert red_black.argmin() == 0


def test_a_shifted_operator_is_its_matrix(disk):
    shifted = linalg.Shifted(disk.operator, -0.3)
    inside = np.asarray(disk.operator.active()).reshape(-1)
    wanted = disk.operator.matrix().toarray()[inside][:, inside] - 0.3 * np.eye(inside.sum())
    np.testing.assert_allclose(shifted.matrix().toarray()[inside][:, inside], wanted)
    columns = jax.jit(jax.vmap(shifted))(jnp.eye(shifted.size).reshape(-1, *shifted.shape)).reshape(shifted.size, -1).T
    np.testing.assert_allclose(np.asarray(columns)[inside][:, inside], wanted, atol=1e-6)
    assert not np.asarray(columns)[~inside].any()
    assert shifted.symmetric
    with pytest.raises(ValueError, match="shift"):
        linalg.Shifted(np.eye(2), np.nan)
    with pytest.raises(TypeError, match="operator"):
        linalg.Shifted("matrix", 1.0)


@pytest.mark.parametrize(
    "method", [linalg.Stationary(linalg.SOR(1.6)), pytest.param(linalg.PCG(linalg.SSOR(1.3)), marks=pytest.mark.slow)]
)
def test_without_a_history_the_first_and_the_last_norm_are_kept(disk, method):
    long = linalg.solve(disk, method)
    short = linalg.solve(disk, dataclasses.replace(method, history=False))
    k = int(long.iterations)
    assert int(short.iterations) == k
    np.testing.assert_array_equal(short.x, long.x)
    np.testing.assert_array_equal(short.residual_norms, long.residual_norms[jnp.array([0, k])])


def test_sor_takes_a_traced_shift_and_relaxation_under_jit():
    b = np.random.default_rng(0).normal(size=(8, 8))

    def count(shift, omega):
        system = linalg.LinearSystem(linalg.Shifted(LAPLACIAN, shift), b)
        return linalg.solve(
            system, linalg.Stationary(linalg.SOR(omega), tol=TOL, history=False), throw=False
        ).iterations

    with float64():
        traced = jax.jit(jax.vmap(count))(jnp.array([-0.1, 0.4]), jnp.array([1.8, 1.3]))
    assert traced.tolist() == [int(count(-0.1, 1.8)), int(count(0.4, 1.3))]
