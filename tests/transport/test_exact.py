"""Bridges in closed form: the identities that define a Schrödinger bridge, by routes that do not use its formulas."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perturbax import core, transport

from .conftest import M0, M1, REFERENCES, A, B, gaussian, mixture

X = np.random.default_rng(5).normal(size=(6, 3))
KEY = jax.random.key(0)


@pytest.mark.parametrize("t", [0.0, 0.3, 0.95])
def test_the_drift_is_the_references_and_the_gradient_of_the_potential(exact, t):
    with core.float64():
        gradient = jax.vmap(jax.grad(lambda x: exact.process.log_potential(x, jnp.asarray(t))))(jnp.asarray(X))
        wanted = exact.process.reference.drift(jnp.asarray(X), t) + exact.epsilon * gradient
        np.testing.assert_allclose(exact.drift(X, t), wanted, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("t", [0.2, 0.8])
def test_the_potential_solves_the_backward_equation(exact, t):
    """d/dt h + b grad h + eps/2 laplace h = 0, for log h."""
    process = exact.process

    def residual(x):
        def log_h(x, t):
            return process.log_potential(x, t)

        gradient = jax.grad(log_h)(x, t_)
        laplace = jnp.trace(jax.hessian(log_h)(x, t_)) + gradient @ gradient
        return jax.grad(log_h, 1)(x, t_) + process.reference.drift(x, t_) @ gradient + 0.5 * process.epsilon * laplace

    with core.float64():
        t_ = jnp.asarray(t)
        np.testing.assert_allclose(jax.vmap(residual)(jnp.asarray(X)), 0.0, atol=1e-9)


def test_the_plan_is_the_references_transition_times_potentials(exact):
    """log pi(y|x) - log r(y|x) + log h(x, 0) - log h(y, 1) = 0, constants included, at any pair of points."""
    with core.float64():
        y = np.random.default_rng(6).normal(size=(6, 3))
        process = exact.process
        law = process.reference.transition(0.0, 1.0, process.epsilon, 3)
        for x, end in zip(jnp.asarray(X), jnp.asarray(y), strict=True):
            plan = exact.plan(x).log_density(end)
            mean = law.factor @ x + law.shift
            prior = jax.scipy.stats.multivariate_normal.logpdf(end, mean, law.covariance)
            tilt = exact.log_potential(end, 1.0) - exact.log_potential(x, 0.0)
            np.testing.assert_allclose(plan, prior + tilt, rtol=1e-9, atol=1e-9)


def test_moments_are_those_of_the_plan_and_of_its_draws(exact):
    mean, covariance = exact.moments(X)
    for i in range(2):
        plan = exact.plan(X[i])
        np.testing.assert_allclose(plan.mean, mean[i], rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(plan.covariance, covariance[i], rtol=1e-4, atol=1e-4)
    drawn = np.asarray(exact.sample(KEY, np.repeat(X[:1], 20_000, axis=0)))
    spread = np.sqrt(np.trace(covariance[0]))
    assert np.abs(drawn.mean(0) - mean[0]).max() < 0.03 * spread
    assert np.abs(np.cov(drawn.T) - covariance[0]).max() < 0.04 * spread**2


@pytest.mark.parametrize("name", list(REFERENCES))
def test_a_gaussian_bridge_has_both_ends_and_the_cross_precision_of_its_reference(name):
    with core.float64():
        bridge = gaussian(name)
        p = bridge.process
        gain, residual = np.asarray(p.gain), np.asarray(p.residual)
        np.testing.assert_allclose(gain @ A @ gain.T + residual, B, atol=1e-11)
        law = p.reference.transition(0.0, 1.0, p.epsilon, 3)
        np.testing.assert_allclose(
            np.linalg.solve(residual, gain), np.linalg.solve(law.covariance, law.factor), atol=1e-10
        )
        for t, mean, covariance in ((0.0, M0, A), (1.0, M1, B)):
            np.testing.assert_allclose(bridge.marginal(t).mean, mean, atol=1e-10)
            np.testing.assert_allclose(bridge.marginal(t).covariance, covariance, atol=1e-10)


@pytest.mark.parametrize("name", list(REFERENCES))
def test_a_gaussian_bridges_marginals_move_by_its_drift(name):
    """dm/dt = g(m, t) and dS/dt = J S + S J' + eps I, with the Jacobian J of the drift."""
    with core.float64():
        bridge, t, h = gaussian(name), 0.4, 1e-4
        before, here, after = (bridge.marginal(s) for s in (t - h, t, t + h))
        jacobian = jax.jacobian(lambda x: bridge.process.drift(x, jnp.asarray(t)))(here.mean)
        moved = jacobian @ here.covariance
        np.testing.assert_allclose((after.mean - before.mean) / (2 * h), bridge.drift(here.mean, t), atol=1e-6)
        wanted = moved + moved.T + bridge.epsilon * np.eye(3)
        np.testing.assert_allclose((after.covariance - before.covariance) / (2 * h), wanted, atol=1e-6)


def test_in_one_dimension_the_covariance_is_the_known_one():
    a, b = 2.0, 0.5
    for epsilon in (1e-3, 1.0, 100.0):
        with core.float64():
            process = transport.bridge_of_gaussians([0.0], [[a]], [0.0], [[b]], epsilon).process
        wanted = (np.sqrt(epsilon**2 + 4 * a * b) - epsilon) / 2
        np.testing.assert_allclose(process.cross_covariance[0, 0], wanted, rtol=1e-9)


def test_without_noise_it_is_optimal_transport_and_with_much_noise_independent():
    root = np.linalg.cholesky(A)
    with core.float64():
        gains = [np.asarray(gaussian(epsilon=epsilon).process.gain) for epsilon in (1e-6, 1e6)]
    # The Monge map between Gaussians is the symmetric positive definite T with T A T = B.
    np.testing.assert_allclose(gains[0] @ A @ gains[0], B, atol=1e-4)
    np.testing.assert_allclose(gains[0], gains[0].T, atol=1e-4)
    np.testing.assert_allclose(gains[1] @ root, 0.0, atol=1e-4)


def test_one_component_is_the_gaussian_bridge():
    """Two implementations of the same bridge, the one around Brownian motion with a shift of either end."""
    with core.float64():
        exact = gaussian()
        p = exact.process
        stretch = np.asarray(p.residual) / exact.epsilon
        single = transport.bridge_of_mixture([0.0], [M1 - stretch @ M0], stretch[None], exact.epsilon)
        shifted = dataclasses.replace(
            transport.bridge_of_mixture([0.0], np.zeros((1, 3)), stretch[None], exact.epsilon),
        )
        shifted = dataclasses.replace(
            shifted, process=dataclasses.replace(shifted.process, start=jnp.asarray(M0), end=jnp.asarray(M1))
        )
        for other in (single, shifted):
            np.testing.assert_allclose(other.drift(X, 0.6), exact.drift(X, 0.6), atol=1e-9)
            np.testing.assert_allclose(other.moments(X)[0], exact.moments(X)[0], atol=1e-9)
            differences = [np.asarray(b.log_potential(X, 0.3) - b.log_potential(X[::-1], 1.0)) for b in (other, exact)]
            np.testing.assert_allclose(*differences, atol=1e-9)


def sigma_points(mean, covariance):
    """Points with exactly these moments: enough for expectations of quadratic functions."""
    root = np.sqrt(len(mean)) * np.linalg.cholesky(covariance).T
    return np.concatenate([mean + root, mean - root])


def test_the_gap_is_the_divergence_between_the_plans():
    with core.float64():
        truth = gaussian()
        other = transport.bridge_of_gaussians(M0 + 0.3, 1.5 * A, M1, 0.5 * B, truth.epsilon)
        x, y = sigma_points(M0, A), sigma_points(M1, B)
        mean, covariance = truth.moments(x)
        mean_, covariance_ = other.moments(x)
        gaps = []
        for m, c, m_, c_ in zip(mean, covariance, mean_, covariance_, strict=True):
            known = np.linalg.inv(c_)
            gaps.append(0.5 * (np.trace(known @ c) + (m_ - m) @ known @ (m_ - m) - 3 - np.linalg.slogdet(known @ c)[1]))
        assert other.kl_gap(x, y, truth) == pytest.approx(np.mean(gaps), rel=1e-9)
        assert truth.kl_gap(x, y, truth) == 0.0


def test_the_cost_is_that_of_the_draws():
    bridge = mixture(full=False)
    x = np.random.default_rng(0).normal(size=(20_000, 3))
    assert bridge.transport_cost(x) == pytest.approx(bridge.transport_cost(x, KEY), rel=0.02)


def test_paths_have_the_ends_of_the_plan_and_the_marginals_between(exact):
    starts = np.repeat(X[:1], 20_000, axis=0)
    path = np.asarray(exact.path(KEY, starts, [0.0, 0.5, 1.0]))
    np.testing.assert_allclose(path[0], starts, atol=1e-6)
    mean, covariance = exact.moments(X[:1])
    spread = np.sqrt(np.trace(covariance[0]))
    assert np.abs(path[2].mean(0) - mean[0]).max() < 0.03 * spread
    # Given both ends the middle is that of the pinned reference.
    law = exact.process.reference.pinned(0.0, 0.5, exact.epsilon, 3)
    left = path[1] - path[0] @ law.on_start.T - path[2] @ law.on_end.T - law.shift
    assert np.abs(np.cov(left.T) - law.covariance).max() < 0.05 * np.abs(law.covariance).max()
    assert np.abs(left.mean(0)).max() < 0.03 * np.sqrt(np.trace(law.covariance))
    assert np.abs(np.cov(left.T, path[2].T)[:3, 3:]).max() < 0.03 * spread


@pytest.mark.slow
def test_paths_along_the_drift_have_the_same_law(exact):
    starts = jnp.asarray(np.repeat(X[:1], 20_000, axis=0), jnp.float32)
    exact = jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float32) if isinstance(leaf, jax.Array) else leaf, exact)
    ts = jnp.array([0.0, 1.0])
    ends = jax.jit(lambda x: transport.simulate(exact.process.drift, x, ts, exact.epsilon, key=KEY, steps=400)[-1])(
        starts
    )
    mean, covariance = exact.moments(X[:1])
    spread = np.sqrt(np.trace(covariance[0]))
    assert np.abs(np.asarray(ends).mean(0) - mean[0]).max() < 0.03 * spread
    assert np.abs(np.cov(np.asarray(ends).T) - covariance[0]).max() < 0.05 * spread**2


def test_backward_draws_are_the_posterior():
    exact = gaussian()
    candidates = np.random.default_rng(0).multivariate_normal(M0, A, 5000)
    y = M1 + np.array([0.5, -0.2, 0.1])
    back = np.asarray(exact.sample_backward(KEY, np.repeat(y[None], 5000, axis=0), candidates))
    cross = np.asarray(exact.process.cross_covariance)
    wanted = M0 + cross @ np.linalg.solve(B, y - M1)
    assert np.abs(back.mean(0) - wanted).max() < 0.06


def test_bridges_go_through_jit_and_vmap(exact):
    x = jnp.asarray(X, jnp.float32)
    float32 = jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float32) if isinstance(leaf, jax.Array) else leaf, exact)
    ts = jnp.linspace(0.0, 0.9, 6)
    single = jax.jit(jax.vmap(lambda x, t: float32.process.drift(x, t)))(x, ts)
    np.testing.assert_allclose(single, float32.drift(x, np.linspace(0.0, 0.9, 6)), rtol=1e-3, atol=1e-3)
    means = jax.jit(jax.vmap(lambda x: float32.plan(x).mean))(x)
    np.testing.assert_allclose(means, float32.moments(x)[0], rtol=1e-3, atol=1e-3)
