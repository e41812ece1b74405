"""Stability of linearised SGD: the second moment by other routes, the order of the bounds, equalities, bad input."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perturbax import nn, optimize
from perturbax.core import SolverError

BOUNDS = (optimize.SharpBound(), optimize.TraceBound(), optimize.TopEigenvalueBound(), optimize.FrobeniusBound())
EXACT = optimize.ExactSecondMoment()


def gradients(n=6, p=9, outputs=1, seed=0):
    drawn = np.random.default_rng(seed).normal(size=(n, outputs, p))
    return drawn[:, 0] if outputs == 1 else drawn


def bound(g, method, *options, rate=0.05, **named):
    return optimize.stability(optimize.LinearisedSGD(g, rate, *options, **named), method).bound


def moments_by_batches(g, rate, batch, deviation, steps, draw):
    """`E delta delta^T` over all batches that `draw` makes of the samples, each equally likely."""
    g = np.reshape(g, (len(g), -1, g.shape[-1]))
    hessians = np.einsum("nap,naq->npq", g, g)
    steps_of = [np.eye(g.shape[-1]) - rate * hessians[list(drawn)].mean(0) for drawn in draw(range(len(g)), batch)]
    second, found = np.outer(deviation, deviation), [deviation @ deviation]
    for _ in range(steps):
        second = np.mean([A @ second @ A for A in steps_of], axis=0)
        found.append(np.trace(second))
    return found


@pytest.mark.parametrize(("outputs", "p"), [(1, 9), (2, 5)])
def test_the_second_moment_is_that_of_all_batches(outputs, p):
    g, deviation = gradients(4, p, outputs), np.random.default_rng(1).normal(size=p)
    with_, without = (lambda items, k: itertools.product(items, repeat=k)), itertools.combinations
    for replacement, draw in ((True, with_), (False, without)):
        problem = optimize.LinearisedSGD(g, 0.1, 2, replacement)
        wanted = moments_by_batches(g, 0.1, 2, deviation, 4, draw)
        np.testing.assert_allclose(optimize.second_moments(problem, deviation, 4), wanted, rtol=1e-10)


def test_rho_is_the_spectral_radius_of_the_whole_operator():
    g, rate = gradients(8, 3), 0.3
    hessians = np.einsum("np,nq->npq", g, g)
    H = hessians.mean(0)
    mean = np.eye(3) - rate * H
    whole = np.kron(mean, mean) + rate**2 * (np.mean([np.kron(h, h) for h in hessians], axis=0) - np.kron(H, H))
    found = optimize.stability(optimize.LinearisedSGD(g, rate), EXACT)
    assert found.rho == pytest.approx(np.abs(np.linalg.eigvals(whole)).max(), rel=1e-10)


@pytest.mark.parametrize("batch", [1, 2, None])
def test_the_second_moment_neither_grows_nor_falls_at_the_largest_stable_rate(batch):
    g = gradients(seed=3)
    critical = bound(g, EXACT, batch)
    at = {f: optimize.stability(optimize.LinearisedSGD(g, f * critical, batch), EXACT) for f in (0.99, 1.0, 1.01)}
    assert at[1.0].rho == pytest.approx(1.0, abs=1e-9)
    assert at[0.99].rho < 1.0 < at[1.01].rho
    assert at[0.99].stable
    assert not at[1.01].stable
    assert at[1.01].slack == pytest.approx(1.0 / 1.01 - 1.0)


@pytest.mark.parametrize("outputs", [1, 3])
def test_no_necessary_bound_excludes_a_stable_rate(outputs):
    for seed, batch in itertools.product(range(3), (1, 2, 5)):
        g = gradients(6, 9, outputs, seed)
        critical = bound(g, EXACT, batch)
        found = [bound(g, method, batch) for method in BOUNDS]
        assert all(critical <= largest * (1.0 + 1e-9) for largest in found)
        assert found[0] <= found[1] * (1.0 + 1e-12)


def test_twice_the_inverse_trace_is_the_largest_rate_for_gradients_of_one_norm():
    g = gradients()
    g *= 3.0 / np.linalg.norm(g, axis=1, keepdims=True)
    for method in (EXACT, *BOUNDS[:2]):
        assert bound(g, method) == pytest.approx(2.0 / 9.0, rel=1e-9)


def test_the_trace_may_be_above_two_over_the_rate_for_larger_batches():
    g = gradients()
    critical = bound(g, EXACT, 5)
    assert critical * np.sum(g**2) / 6 > 3.0
    assert critical <= bound(g, optimize.TraceBound(), 5)


def test_all_data_is_gradient_descent():
    g = gradients()
    top = np.linalg.eigvalsh(g.T @ g / 6)[-1]
    for options in ((None,), (6, False)):
        assert bound(g, EXACT, *options) == pytest.approx(2.0 / top, rel=1e-9)
        assert bound(g, optimize.TopEigenvalueBound(), *options) == pytest.approx(2.0 / top, rel=1e-12)
        assert bound(g, optimize.FrobeniusBound(), *options) == np.inf


def test_samples_without_a_gradient_and_repeated_ones_leave_the_range():
    g = gradients(4, 9)
    more = np.concatenate([g, np.zeros((1, 9)), g[:1]])
    found = optimize.stability(optimize.LinearisedSGD(more, 0.1), EXACT)
    assert int(found.sharpness.rank) == 4
    assert np.isfinite(bound(more, optimize.FrobeniusBound()))
    assert found.bound <= bound(more, optimize.SharpBound())
    single = optimize.stability(optimize.LinearisedSGD(more.astype(np.float32), 0.1), EXACT)
    assert int(single.sharpness.rank) == 4
    assert single.bound == pytest.approx(found.bound, rel=1e-5)


def test_nothing_moves_without_gradients():
    for method in (EXACT, *BOUNDS):
        assert bound(np.zeros((6, 9)), method) == np.inf


def test_the_loss_grows_at_least_as_the_alignment_says():
    g, rate = gradients(), 0.1
    H = g.T @ g / 6
    random = np.random.default_rng(2)
    covariances = []
    for _ in range(200):
        deviation = random.normal(size=9)
        sample = g * (g @ deviation)[:, None]
        noise = sample.T @ sample / 6 - np.outer(H @ deviation, H @ deviation)
        covariances.append(np.sum(noise * H) / (deviation @ H @ deviation * np.sum(H**2)))
    measured = min(covariances)
    theorem = bound(g, optimize.FrobeniusBound(), rate=rate)
    assert bound(g, optimize.FrobeniusBound(measured)) == pytest.approx(1.0 / np.sqrt(measured * np.sum(H**2)))
    assert theorem > bound(g, optimize.FrobeniusBound(measured))


def test_a_sharpness_is_enough_for_bounds_and_not_for_more():
    model = nn.TwoLayerReLU(4, 6, key=jax.random.key(0))
    x = jax.random.normal(jax.random.key(1), (8, 4))
    problem = optimize.LeastSquares(model, x, model(x))
    known = optimize.sharpness(problem, optimize.ExactSharpness(), key=jax.random.key(0))
    for method in BOUNDS[:3]:
        direct = optimize.stability(optimize.LinearisedSGD(problem, 0.1, 2), method)
        short = optimize.stability(optimize.LinearisedSGD(known, 0.1, 2), method)
        assert short.bound == pytest.approx(direct.bound, rel=1e-4)
        assert direct.valid
    with pytest.raises(TypeError, match=r"minimum must be gradients or LeastSquares\(...\) for this method"):
        optimize.stability(optimize.LinearisedSGD(known, 0.1), EXACT)


def test_a_point_that_is_no_minimum_is_told():
    model = nn.DiagonalLinear(jnp.ones(3), jnp.ones(3))
    problem = optimize.LeastSquares(model, np.eye(3, dtype=np.float32), np.full(3, 2.0, np.float32))
    found = optimize.stability(optimize.LinearisedSGD(problem, 0.1), optimize.SharpBound())
    assert not found.valid
    assert found.loss == pytest.approx(0.5)
    assert optimize.stability(optimize.LinearisedSGD(problem, 0.1, tolerance=0.6), optimize.SharpBound()).valid


def test_an_eigenvalue_that_does_not_converge_raises():
    with pytest.raises(SolverError, match="ExactSecondMoment, rho"):
        optimize.stability(
            optimize.LinearisedSGD(gradients(), 0.05), optimize.ExactSecondMoment(tol=1e-30, max_restarts=1)
        )


def test_another_rate_or_batch_compiles_nothing():
    from perturbax.optimize import _linearised_sgd, _stability, exact_second_moment

    programs = (exact_second_moment._eigenvalues, _stability._measure, _linearised_sgd._moments)

    def compiled():
        return [program._cached._cache_size() for program in programs]

    def ask(rate, batch):
        model = nn.DiagonalLinear(rate * jnp.ones(9), jnp.ones(9))
        problem = optimize.LeastSquares(model, gradients().astype(np.float32), np.ones(6, np.float32))
        asked = optimize.LinearisedSGD(problem, rate, batch)
        optimize.stability(asked, EXACT)
        optimize.second_moments(asked, np.ones(18), 2)

    ask(0.05, 1)
    before = compiled()
    for rate, batch in ((0.1, 2), (0.2, None), (0.3, 3)):
        ask(rate, batch)
    assert compiled() == before


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: optimize.LinearisedSGD(gradients(), 0.0), "learning_rate must be a number > 0"),
        (lambda: optimize.LinearisedSGD(gradients(), -1.0), "learning_rate"),
        (lambda: optimize.LinearisedSGD(gradients(), 0.1, 0), "batch_size must be an integer >= 1"),
        (lambda: optimize.LinearisedSGD(gradients(), 0.1, 7, False), r"batch_size must be an integer in \[1, 6\]"),
        (lambda: optimize.LinearisedSGD(np.ones(3), 0.1), r"minimum must have shape \(n, parameters\)"),
        (lambda: optimize.LinearisedSGD(np.full((2, 2), np.nan), 0.1), "minimum must be finite"),
        (lambda: optimize.LinearisedSGD(gradients(), 0.1, tolerance=-1.0), "tolerance"),
        (lambda: optimize.FrobeniusBound(0.0), "alignment must be a number > 0"),
        (lambda: optimize.ExactSecondMoment(tol=0.0), "tol"),
        (lambda: optimize.ExactSecondMoment(max_restarts=0), "max_restarts"),
        (lambda: optimize.second_moments(optimize.LinearisedSGD(gradients(), 0.1), np.ones(8), 3), "deviation"),
        (lambda: optimize.second_moments(optimize.LinearisedSGD(gradients(), 0.1), np.ones(9), 0), "steps"),
    ],
)
def test_bad_values_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: optimize.stability(gradients(), EXACT), "problem"),
        (lambda: optimize.stability(optimize.LinearisedSGD(gradients(), 0.1), optimize.SharpBound), "method"),
        (lambda: optimize.LinearisedSGD(gradients(), 0.1, 2, replacement="no"), "replacement must be True or False"),
        (lambda: optimize.LinearisedSGD("g", 0.1), "minimum must be an array"),
    ],
)
def test_bad_types_are_named(call, message):
    with pytest.raises(TypeError, match=message):
        call()
