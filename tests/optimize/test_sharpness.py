"""Sharpness: both methods against the whole Hessian, closed forms of two networks, products, and bad input."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from perturbax import linalg, nn, optimize

KEY = jax.random.key(5)
X = jax.random.normal(KEY, (7, 3))
NET = nn.TwoLayerReLU(3, 4, key=KEY)
TARGETS = jnp.sin(X[:, 0])


def two_outputs(model, x):
    return jnp.stack([model(x), model(x) ** 2])


@eqx.filter_jit
def product(operator, v):
    return operator(v)


@pytest.fixture(scope="module")
def problem():
    """Two outputs a sample, with residuals."""
    return optimize.LeastSquares(NET, X, jnp.stack([TARGETS, TARGETS], 1), two_outputs)


@pytest.fixture(scope="module")
def jacobian(problem):
    vector, unravel = ravel_pytree(NET)
    forward = jax.jacfwd(lambda v: jax.vmap(lambda x: two_outputs(unravel(v), x))(X))
    return np.asarray(jax.jit(forward)(vector))


def test_gradients_are_those_of_forward_mode(problem, jacobian):
    np.testing.assert_allclose(problem.gradients(), jacobian, rtol=1e-5, atol=1e-6)
    assert (problem.size, problem.outputs) == (16, 2)


def test_products_are_with_the_two_hessians(problem, jacobian):
    vector, _ = problem.flat()
    H = np.einsum("nap,naq->pq", jacobian, jacobian) / 7
    v = jax.random.normal(KEY, (16,))
    np.testing.assert_allclose(product(problem.gauss_newton(), v), H @ v, rtol=1e-4, atol=1e-5)
    full = np.asarray(jax.jit(jax.hessian(problem.mean_loss))(vector))
    np.testing.assert_allclose(product(problem.hessian(), v), full @ v, rtol=1e-4, atol=1e-5)
    assert np.abs(full - H).max() > 1e-2


def test_the_two_hessians_agree_without_residuals(problem):
    fitted = optimize.LeastSquares(NET, X, jax.vmap(lambda x: two_outputs(NET, x))(X), two_outputs)
    v = jax.random.normal(KEY, (16,))
    of_loss, gauss_newton = product(fitted.hessian(), v), product(fitted.gauss_newton(), v)
    np.testing.assert_allclose(of_loss, gauss_newton, rtol=1e-4, atol=1e-5)
    assert float(fitted.loss()) < 1e-12


def test_all_measures_are_those_of_the_whole_matrices(problem, jacobian):
    samples = np.einsum("nap,naq->npq", jacobian, jacobian)
    H = samples.mean(0)
    wanted = {
        "trace": np.trace(H),
        "squared_norm": np.sum(H**2),
        "frobenius": np.linalg.norm(H),
        "top": np.linalg.eigvalsh(H)[-1],
        "sample_squared_norm": np.mean(np.sum(samples**2, (1, 2))),
    }
    exact = optimize.sharpness(problem, optimize.ExactSharpness(), key=KEY)
    probed = optimize.sharpness(problem, optimize.ProbedSharpness(probes=400, steps=16, batch=3), key=KEY)
    for name, value in wanted.items():
        assert float(getattr(exact, name)) == pytest.approx(value, rel=1e-4)
        rough = name in ("squared_norm", "frobenius")
        assert float(getattr(probed, name)) == pytest.approx(value, rel=0.2 if rough else 1e-4)
    assert int(exact.rank) == np.linalg.matrix_rank(H, tol=1e-5) <= int(probed.rank) == 14
    assert float(exact.loss) == pytest.approx(float(probed.loss))
    assert probed.stats["evaluations"] == 816


def test_the_trace_estimators_of_linalg_take_the_product(problem):
    exact = optimize.sharpness(problem, optimize.ExactSharpness(), key=KEY)
    found = linalg.trace(problem.gauss_newton(), linalg.Hutchinson(400), key=KEY)
    assert abs(float(found.value) - float(exact.trace)) < 4.0 * float(found.standard_error)


def test_the_trace_of_a_diagonal_network_is_a_weighted_norm():
    x = X[:, :3]
    s = np.mean(np.asarray(x) ** 2, 0)
    a, b = jnp.array([1.0, -2.0, 0.5]), jnp.array([0.5, 2.0, 3.0])
    model = nn.DiagonalLinear(a, b)
    found = float(
        optimize.sharpness(optimize.LeastSquares(model, x, model(x)), optimize.ExactSharpness(), key=KEY).trace
    )
    assert found == pytest.approx(float(np.sum(s * (np.asarray(a) ** 2 + np.asarray(b) ** 2))), rel=1e-5)
    assert found > 2.0 * float(np.sum(s * np.abs(model.coefficients)))
    # Balanced, with the same coefficients, it is twice the weighted l1 norm: the least that it can be.
    size = jnp.sqrt(jnp.abs(a * b))
    balanced = nn.DiagonalLinear(size, jnp.sign(a * b) * size)
    least = optimize.sharpness(optimize.LeastSquares(balanced, x, model(x)), optimize.ExactSharpness(), key=KEY)
    assert float(least.trace) == pytest.approx(2.0 * float(np.sum(s * np.abs(model.coefficients))), rel=1e-5)
    assert float(least.loss) < 1e-10


def test_the_trace_of_a_relu_network_bounds_its_path_norm():
    fitted = optimize.LeastSquares(NET, X, NET(X))
    found = float(optimize.sharpness(fitted, optimize.ExactSharpness(), key=KEY).trace)
    a, b, x = (np.asarray(value) for value in (NET.a, NET.b, X))
    active = x @ b.T > 0.0
    inner, outer = np.mean(np.maximum(x @ b.T, 0.0) ** 2, 0), np.mean(active * np.sum(x**2, 1)[:, None], 0)
    assert found == pytest.approx(float(np.sum(inner + a**2 * outer)), rel=1e-5)
    norms = np.linalg.norm(b, axis=1)
    c = np.sqrt(inner / norms**2 * outer)
    assert found >= 2.0 * np.sum(c * np.abs(a) * norms)
    assert float(NET.path_norm) == pytest.approx(float(np.sum(np.abs(a) * norms)), rel=1e-5)


def test_one_program_serves_all_parameters_of_a_model():
    from perturbax.optimize import exact_sharpness

    fitted = optimize.LeastSquares(NET, X, TARGETS)
    optimize.sharpness(fitted, optimize.ExactSharpness(), key=KEY)
    before = exact_sharpness._measure._cached._cache_size()
    for seed in range(3):
        other = nn.TwoLayerReLU(3, 4, key=jax.random.key(seed))
        optimize.sharpness(optimize.LeastSquares(other, X, TARGETS), optimize.ExactSharpness(), key=KEY)
    assert exact_sharpness._measure._cached._cache_size() == before


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: optimize.LeastSquares(NET, X, TARGETS[:3]), ValueError, "targets must have a row for each of inputs"),
        (lambda: optimize.LeastSquares(NET, X, X), ValueError, "targets must have the shape that the model returns"),
        (lambda: optimize.LeastSquares(NET, X * jnp.nan, TARGETS), ValueError, "inputs must be finite"),
        (lambda: optimize.LeastSquares(NET, X, TARGETS * jnp.inf), ValueError, "targets must be finite"),
        (lambda: optimize.LeastSquares(jnp.tanh, X, X), TypeError, "model must be a pytree with floating arrays"),
        (lambda: optimize.LeastSquares({"w": jnp.full(2, jnp.nan)}, X, TARGETS), ValueError, "model must be finite"),
        (lambda: optimize.LeastSquares(NET, X, TARGETS, None), TypeError, "apply"),
        (lambda: optimize.ProbedSharpness(probes=1), ValueError, "probes"),
        (lambda: optimize.ProbedSharpness(steps=0), ValueError, "steps"),
        (lambda: optimize.ProbedSharpness(batch=0), ValueError, "batch"),
        (lambda: nn.TwoLayerReLU(0, 4, key=KEY), ValueError, "inputs"),
        (lambda: nn.TwoLayerReLU(3, 4, key=KEY, scale=0.0), ValueError, "scale"),
        (lambda: optimize.sharpness(NET, optimize.ExactSharpness(), key=KEY), TypeError, "problem"),
    ],
)
def test_bad_input_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call()
