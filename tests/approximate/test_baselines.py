"""The baselines of random nets: limits, exact cases, growth."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perturbax import approximate
from perturbax.core import SolverError

KEY = jax.random.key(0)
X = np.linspace(0.0, 1.0, 60)
WAVE = approximate.ScatteredData(X, np.sin(12.0 * X))


def test_a_polynomial_is_its_own_approximation():
    data = approximate.ScatteredData(2.0 * X - 5.0, (2.0 * X - 5.0) ** 3)
    found = approximate.fit(data, approximate.ChebyshevLeastSquares(3))
    assert found.error < 1e-12
    assert found([-4.21])[0] == pytest.approx(-(4.21**3), rel=1e-12)
    inside = eqx.filter_jit(found.function)(jnp.array([[0.3]], jnp.float32))
    np.testing.assert_allclose(inside, found.function(np.array([[0.3]])), rtol=1e-4)


def test_polynomials_converge_geometrically():
    errors = [approximate.fit(WAVE, approximate.ChebyshevLeastSquares(d)).error for d in (8, 12, 16)]
    assert errors[1] < 1e-1 * errors[0]
    assert errors[2] < 1e-2 * errors[1]


def test_fourier_features_tend_to_the_kernel():
    exact = approximate.fit(WAVE, approximate.KernelRidge(5.0, eta=1e-4))
    wide = approximate.RandomFourierFeatures(8000, 5.0, readout=approximate.Ridge(1e-4))
    drawn = approximate.fit(WAVE, wide, key=KEY)
    np.testing.assert_allclose(drawn(X), exact(X), atol=0.02)
    inside = eqx.filter_jit(exact.function)(jnp.asarray(X[:3, None], jnp.float32))
    np.testing.assert_allclose(inside, exact.function(X[:3, None]), atol=1e-3)


def test_a_penalty_below_the_rounding_errors_is_a_failure():
    with pytest.raises(SolverError, match="KernelRidge"):
        approximate.fit(WAVE, approximate.KernelRidge(1.0, eta=1e-300))


def test_growth_takes_the_bandwidth_that_the_target_needs():
    method = approximate.StochasticConfigurationNet(12, (1.0, 60.0), pool=10, share=0.2)
    slow = approximate.fit(approximate.ScatteredData(X, X), method, key=KEY)
    fast = approximate.fit(approximate.ScatteredData(X, np.sin(40.0 * X)), method, key=KEY)
    assert np.abs(slow.function.a[0]) < 1.0 < np.abs(fast.function.a[0])
    alone = approximate.fit(approximate.ScatteredData(X, X), dataclasses.replace(method, width=1), key=KEY)
    assert slow.error < 0.1 * alone.error


def test_training_lowers_the_error_of_the_mean():
    found = approximate.fit(WAVE, approximate.TrainedNet(20, 15.0, steps=400, learning_rate=0.1), key=KEY)
    spread = WAVE.y.std() / np.sqrt(np.mean(WAVE.y**2))
    assert found.error < 0.5 * spread
