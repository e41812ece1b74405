"""DCDM: exact, conjugate and preconditioned gradients are its special cases, and no network makes it diverge."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from perturbax import linalg, nn
from perturbax.core import Result, float64
from perturbax.linalg._fit import Trained, direction_loss

SIZE = 200


@pytest.fixture(scope="module")
def spread():
    """A dense system with eigenvalues from 1 to 100, its matrix and its solution."""
    random = np.random.default_rng(0)
    basis, _ = np.linalg.qr(random.normal(size=(SIZE, SIZE)))
    matrix = (basis * np.linspace(1.0, 100.0, SIZE)) @ basis.T
    matrix = (matrix + matrix.T) / 2.0
    b = random.normal(size=SIZE)
    return linalg.LinearSystem(matrix, b), matrix, np.linalg.solve(matrix, b)


def history(system, method):
    solved = linalg.solve(system, method, throw=False)
    return np.asarray(solved.residual_norms), int(solved.iterations), solved


class Matrix(eqx.Module):
    """`r -> M r`."""

    matrix: Any

    def __call__(self, r):
        return self.matrix.astype(r.dtype) @ r


def test_the_exact_inverse_takes_one_step(spread):
    system, matrix, x = spread
    _, steps, solved = history(system, linalg.DCDM(Matrix(np.linalg.inv(matrix)), tol=1e-9))
    assert steps == 1
    np.testing.assert_allclose(solved.x, x, rtol=1e-8)


@pytest.mark.parametrize("method", [linalg.DCDM, linalg.FlexibleCG])
def test_the_identity_is_conjugate_gradients_step_for_step(spread, method):
    norms, _, _ = history(spread[0], method(lambda r: r, tol=1e-14, max_steps=40))
    wanted, _, _ = history(spread[0], linalg.CG(tol=1e-14, max_steps=40))
    np.testing.assert_allclose(norms, wanted, rtol=1e-8)


def test_the_diagonal_is_jacobis_preconditioner_step_for_step(spread):
    system, matrix, _ = spread
    network = Matrix(np.diag(1.0 / np.diag(matrix)))
    norms, _, _ = history(system, linalg.DCDM(network, tol=1e-14, max_steps=40))
    wanted, _, _ = history(system, linalg.PCG(linalg.Jacobi(), tol=1e-14, max_steps=40))
    np.testing.assert_allclose(norms, wanted, rtol=1e-7)


def test_without_memory_the_identity_is_steepest_descent(spread):
    system, matrix, _ = spread
    norms, _, _ = history(system, linalg.NetworkIteration(lambda r: r, max_steps=5))
    r = np.asarray(system.b)
    for norm in norms[1:6]:
        r = r - (r @ r) / (r @ matrix @ r) * (matrix @ r)
        assert norm == pytest.approx(np.linalg.norm(r), rel=1e-9)


def test_a_scaled_operator_changes_nothing(spread):
    system, matrix, _ = spread
    network = jnp.tanh
    first, _, _ = history(system, linalg.DCDM(network, tol=1e-8))
    second, _, _ = history(linalg.LinearSystem(1000.0 * matrix, system.b), linalg.DCDM(network, tol=1e-8))
    np.testing.assert_allclose(first[:20], second[:20], rtol=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_the_error_falls_at_every_step_at_least_as_kantorovich_says(spread, seed):
    """Whatever is proposed: here a linear map without any relation to the operator."""
    system, matrix, exact = spread
    network = Matrix(np.random.default_rng(seed).normal(size=(SIZE, SIZE)))
    c, kappa = 0.25, 100.0
    factor = 1.0 - 4.0 * c * kappa / (kappa + 1.0) ** 2
    for steps in (1, 4):
        method = linalg.DCDM(network, tol=1e-6, max_steps=steps, sufficient_decrease=c)
        error = exact - np.asarray(linalg.solve(system, method, throw=False).x)
        assert error @ matrix @ error <= factor**steps * (exact @ matrix @ exact)
    solved = linalg.solve(system, linalg.DCDM(network, tol=1e-6, sufficient_decrease=c))
    assert int(solved.stats["fallbacks"]) > 0


def test_a_network_of_nan_or_zeros_falls_back_to_conjugate_gradients(spread):
    wanted = int(linalg.solve(spread[0], linalg.CG(tol=1e-6)).iterations)
    for network in (lambda r: jnp.nan * r, lambda r: 0.0 * r):
        with pytest.warns(UserWarning, match="not trained for this operator"):
            solved = linalg.solve(spread[0], linalg.DCDM(network, tol=1e-6))
        assert int(solved.iterations) == int(solved.stats["fallbacks"]) == pytest.approx(wanted, abs=2)


def test_evaluations_are_counted_exactly(disk):
    calls = []

    def counted(x):
        jax.debug.callback(lambda: calls.append(1))
        return disk.operator(x)

    free = linalg.LinearSystem(linalg.MatrixFree(counted, disk.b.shape), disk.b)
    for method in (
        linalg.CG(tol=1e-3),
        linalg.DCDM(jnp.tanh, tol=1e-3, refresh=3),
        linalg.DCDM(lambda r: jnp.where(jnp.arange(12) % 2 == 0, r, -r), tol=1e-3, sufficient_decrease=0.5),
        linalg.NetworkIteration(jnp.tanh, tol=1e-1),
    ):
        calls.clear()
        solved = linalg.solve(free, method)
        jax.effects_barrier()
        assert int(solved.stats["evaluations"]) == len(calls)


@pytest.mark.parametrize("options", [{}, {"refresh": 3}, {"sufficient_decrease": 0.0}])
def test_evaluations_are_counted_where_an_indefinite_operator_ends_it(options):
    calls = []

    def counted(x):
        jax.debug.callback(lambda: calls.append(1))
        return jnp.array([1.0, 3.0, -1.0]) * x

    system = linalg.LinearSystem(linalg.MatrixFree(counted, (3,)), np.array([2.0, 1.0, 0.5]))
    for method in (linalg.DCDM(lambda r: r, **options), *([] if options else [linalg.CG()])):
        calls.clear()
        solved = linalg.solve(system, method, throw=False)
        jax.effects_barrier()
        assert solved.result == Result.not_positive_definite
        assert int(solved.iterations) > 0
        assert int(solved.stats["evaluations"]) == len(calls)


def test_the_network_keeps_its_precision_and_the_residual_its_own(disk):
    seen = []

    class Single(Matrix):
        def __call__(self, r):
            seen.append(r.dtype)
            return r

    solved = linalg.solve(disk, linalg.DCDM(Single(np.ones(1, np.float32)), tol=1e-11))
    assert set(seen) == {np.dtype("float32")}
    assert solved.x.dtype == np.float64


def test_the_loss_is_zero_for_the_inverse_and_known_for_the_identity():
    operator = linalg.Poisson(np.ones((4, 4), bool), open_sides=True)
    inverse = np.linalg.inv(operator.matrix().toarray())
    b = np.random.default_rng(0).normal(size=(8, 4, 4))
    b /= np.linalg.norm(b, axis=(1, 2), keepdims=True)
    with float64():
        system = linalg.LinearSystem(operator, b[0]).settle()
        exact = direction_loss(Trained(lambda r: (inverse @ r.reshape(-1)).reshape(4, 4), system), jnp.asarray(b))
        plain = direction_loss(Trained(lambda r: r, system), jnp.asarray(b))
    assert float(exact) < 1e-20
    images = np.einsum("ij,bj->bi", operator.matrix().toarray(), b.reshape(8, 16))
    alpha = 1.0 / np.sum(images * b.reshape(8, 16), 1)
    wanted = np.mean(np.sum((b.reshape(8, 16) - alpha[:, None] * images) ** 2, 1))
    assert float(plain) == pytest.approx(wanted)


def test_training_vectors_are_unit_mixtures_with_more_of_the_low_half():
    operator = linalg.Poisson(np.ones((6, 6), bool), open_sides=True)
    data = linalg.RitzMixtures(vectors=400, ritz=36)
    drawn = data.draw(operator, key=jax.random.key(0))
    assert drawn.shape == (400, 6, 6)
    assert drawn.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(drawn.reshape(400, -1), axis=1), 1.0, rtol=1e-5)
    values, vectors = np.linalg.eigh(operator.matrix().toarray())
    parts = np.square(drawn.reshape(400, -1) @ vectors).mean(0)
    assert parts[values < 3.0].mean() > 20.0 * parts[values > 5.0].mean()
    np.testing.assert_array_equal(drawn, data.draw(operator, key=jax.random.key(0)))


def test_training_lowers_the_loss_and_keeps_the_rest_of_the_method():
    operator = linalg.Poisson(np.ones((8, 8), bool), open_sides=True)
    untrained = linalg.DCDM(nn.ResidualUNet(2, width=4, levels=1, key=jax.random.key(0)), tol=1e-3)
    optimizer = optax.adam(3e-3)
    data = linalg.RitzMixtures(vectors=64, ritz=60)
    options = {"data": data, "steps": 60, "batch_size": 16, "optimizer": optimizer, "progress": False}
    done = linalg.fit(operator, untrained, key=jax.random.key(1), **options)
    assert done.losses[-10:].mean() < 0.7 * done.losses[:3].mean()
    assert done.method.tol == untrained.tol
    with pytest.raises(ValueError, match="method must have a network"):
        linalg.fit(operator, linalg.CG(), key=jax.random.key(1), **options)


def test_an_untrained_network_still_solves(disk, exact):
    network = nn.ResidualUNet(2, width=2, levels=2, key=jax.random.key(3))
    solved = linalg.solve(disk, linalg.DCDM(network, tol=1e-8))
    np.testing.assert_allclose(solved.x, exact, atol=1e-6 * np.abs(exact).max())
