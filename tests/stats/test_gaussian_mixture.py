import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from perturbax import core
from perturbax.stats import GaussianMixture


def arrays(k=3, d=4, seed=0, diagonal=False):
    rng = np.random.default_rng(seed)
    weights = rng.dirichlet(np.full(k, 5.0))
    means = rng.normal(size=(k, d))
    if diagonal:
        return weights, means, rng.uniform(0.2, 1.5, (k, d))
    factors = rng.normal(size=(k, d, d))
    return weights, means, factors @ factors.swapaxes(1, 2) / d + 0.1 * np.eye(d)


def full(covariances):
    return covariances if covariances.ndim == 3 else np.stack([np.diag(c) for c in covariances])


def dense_log_density(weights, means, covariances, x):
    terms = [
        w * stats.multivariate_normal(m, c).pdf(x) for w, m, c in zip(weights, means, full(covariances), strict=True)
    ]
    return np.log(np.sum(terms, axis=0))


@pytest.mark.parametrize("diagonal", [False, True])
def test_log_density_is_scipys(diagonal):
    parts = arrays(diagonal=diagonal)
    x = np.random.default_rng(1).normal(size=(5, 2, 4))
    with core.float64():
        got = np.asarray(GaussianMixture(*parts).log_density(x))
    np.testing.assert_allclose(got, dense_log_density(*parts, x), rtol=1e-12)


@pytest.mark.parametrize("diagonal", [False, True])
def test_score_is_the_gradient_of_the_log_density(diagonal):
    x = np.random.default_rng(1).normal(size=(7, 4))
    with core.float64():
        mixture = GaussianMixture(*arrays(diagonal=diagonal))
        gradient = jax.vmap(jax.grad(mixture.log_density))(jnp.asarray(x))
        np.testing.assert_allclose(mixture.score(x), gradient, rtol=1e-10)


@settings(max_examples=15, deadline=None)
@given(alpha=st.floats(0.05, 3.0), sigma=st.floats(0.05, 3.0), seed=st.integers(0, 50), diagonal=st.booleans())
def test_tweedies_identity_links_denoiser_and_score(alpha, sigma, seed, diagonal):
    x = np.random.default_rng(seed).normal(size=(6, 4)) * 3.0
    with core.float64():
        mixture = GaussianMixture(*arrays(seed=seed, diagonal=diagonal))
        score = mixture.diffuse(alpha, sigma).score(x)
        np.testing.assert_allclose(
            mixture.denoise(x, alpha, sigma), (x + sigma**2 * score) / alpha, rtol=1e-8, atol=1e-8
        )


def test_denoiser_is_the_posterior_mean_by_quadrature():
    weights, means, variances = np.array([0.3, 0.7]), np.array([[-1.0], [0.8]]), np.array([[0.1], [0.4]])
    alpha, sigma, x = 0.7, 0.6, 0.35

    def joint(x0):
        prior = sum(
            w * stats.norm(m[0], v[0] ** 0.5).pdf(x0) for w, m, v in zip(weights, means, variances, strict=True)
        )
        return prior * stats.norm(alpha * x0, sigma).pdf(x)

    evidence = integrate.quad(joint, -10, 10, epsabs=1e-12)[0]
    wanted = integrate.quad(lambda x0: x0 * joint(x0), -10, 10, epsabs=1e-12)[0] / evidence
    with core.float64():
        mixture = GaussianMixture(weights, means, variances)
        assert float(mixture.denoise(np.array([x]), alpha, sigma)[0]) == pytest.approx(wanted, rel=1e-9)
        assert float(mixture.diffuse(alpha, sigma).log_density(np.array([x]))) == pytest.approx(
            np.log(evidence), rel=1e-9
        )


@pytest.mark.parametrize("diagonal", [False, True])
def test_denoiser_limits_are_finite_and_right(diagonal):
    mixture = GaussianMixture(*arrays(diagonal=diagonal))
    x = np.random.default_rng(1).normal(size=(5, 4)).astype(np.float32)
    denoise = eqx.filter_jit(mixture.denoise)
    np.testing.assert_allclose(denoise(x, 0.0, 1.3), np.broadcast_to(mixture.mean, x.shape), atol=1e-6)
    np.testing.assert_allclose(denoise(x, 0.5, 0.0), x / 0.5, rtol=2e-4, atol=1e-5)
    assert np.isfinite(jax.jacfwd(mixture.denoise, argnums=2)(x, 0.5, 0.0)).all()


def test_denoiser_survives_points_far_from_every_component():
    mixture = GaussianMixture(*arrays())
    x = np.full((2, 4), 1e4, np.float32)
    assert np.isfinite(mixture.denoise(x, 1.0, 0.01)).all()
    assert np.isfinite(mixture.log_density(x)).all()


def test_scales_per_point_equal_a_loop_and_vmap():
    mixture = GaussianMixture(*arrays())
    x = np.random.default_rng(1).normal(size=(5, 4)).astype(np.float32)
    alpha, sigma = jnp.linspace(0.1, 1.0, 5), jnp.linspace(1.0, 0.2, 5)
    batched = mixture.denoise(x, alpha, sigma)
    looped = jnp.stack([mixture.denoise(x[i], float(alpha[i]), float(sigma[i])) for i in range(5)])
    np.testing.assert_allclose(batched, looped, atol=1e-5)
    np.testing.assert_allclose(jax.vmap(mixture.denoise)(x, alpha, sigma), looped, atol=1e-5)


def test_component_labels_give_conditional_and_unconditional_denoisers_in_one_call():
    mixture = GaussianMixture(*arrays())
    x = np.random.default_rng(1).normal(size=(4, 4)).astype(np.float32)
    labels = np.array([0, 2, -1, 1])
    got = eqx.filter_jit(mixture.denoise)(x, 0.7, 0.5, labels)
    for i, label in enumerate(labels):
        alone = mixture if label == -1 else mixture.component(int(label))
        np.testing.assert_allclose(got[i], alone.denoise(x[i], 0.7, 0.5), atol=1e-5)


def test_labels_out_of_range_raise_or_are_nan_under_jit():
    mixture = GaussianMixture(*arrays())
    x = np.zeros((2, 4), np.float32)
    with pytest.raises(ValueError, match=r"components must lie in -1 ... 2, got 0 ... 3"):
        mixture.denoise(x, 1.0, 1.0, np.array([0, 3]))
    assert np.isnan(eqx.filter_jit(mixture.denoise)(x, 1.0, 1.0, np.array([0, 3]))[1]).all()


def test_samples_have_the_mixtures_moments():
    mixture = GaussianMixture(*arrays())
    x = np.asarray(mixture.sample(jax.random.key(0), 20_000))
    np.testing.assert_allclose(x.mean(0), mixture.mean, atol=0.04)
    np.testing.assert_allclose(np.cov(x, rowvar=False), mixture.covariance, atol=0.06)


def test_samples_of_separated_components_have_each_components_moments():
    weights, _, covariances = arrays(k=2)
    mixture = GaussianMixture(weights, np.array([[100.0] * 4, [-100.0] * 4]), covariances)
    x = np.asarray(mixture.sample(jax.random.key(1), 20_000))
    first = x[x[:, 0] > 0]
    assert first.shape[0] / 20_000 == pytest.approx(weights[0], abs=0.015)
    np.testing.assert_allclose(np.cov(first, rowvar=False), covariances[0], atol=0.06)


@pytest.mark.parametrize("diagonal", [False, True])
def test_conditioning_is_the_ratio_of_joint_and_marginal_densities(diagonal):
    parts = arrays(d=5, diagonal=diagonal)
    x = np.random.default_rng(2).normal(size=(6, 5))
    given_at, other = [3, 0], [1, 2, 4]
    with core.float64():
        mixture = GaussianMixture(*parts)
        for point in x:
            conditional = mixture.condition(given_at, point[given_at])
            wanted = mixture.log_density(point) - mixture.marginal(given_at).log_density(point[given_at])
            assert float(conditional.log_density(point[other])) == pytest.approx(float(wanted), rel=1e-9, abs=1e-9)


def test_marginal_is_the_dense_one_in_the_order_asked():
    weights, means, covariances = arrays()
    with core.float64():
        marginal = GaussianMixture(weights, means, covariances).marginal([2, 0])
        x = np.array([[0.3, -0.2]])
        wanted = dense_log_density(weights, means[:, [2, 0]], covariances[:, [2, 0]][:, :, [2, 0]], x)
        np.testing.assert_allclose(marginal.log_density(x), wanted, rtol=1e-12)


def test_conditioning_can_be_mapped_over_values():
    mixture = GaussianMixture(*arrays())
    values = np.random.default_rng(0).normal(size=(3, 2)).astype(np.float32)
    means = jax.jit(jax.vmap(lambda v: mixture.condition([0, 1], v).mean))(values)
    one = mixture.condition([0, 1], values[1]).mean
    np.testing.assert_allclose(means[1], one, atol=1e-5)


def test_responsibilities_are_bayes_rule():
    parts = arrays()
    mixture = GaussianMixture(*parts)
    x = np.random.default_rng(0).normal(size=(4, 4)).astype(np.float32)
    joint = np.stack([w * stats.multivariate_normal(m, c).pdf(x) for w, m, c in zip(*parts, strict=True)], axis=-1)
    np.testing.assert_allclose(np.exp(mixture.log_responsibilities(x)), joint / joint.sum(-1, keepdims=True), atol=1e-5)


def test_gradients_reach_every_parameter_through_the_constructor():
    weights, means, covariances = (jnp.asarray(part, jnp.float32) for part in arrays())
    x = jnp.ones((3, 4))

    def negative_log_likelihood(parts):
        return -GaussianMixture(*parts).log_density(x).sum()

    gradients = jax.jit(jax.grad(negative_log_likelihood))((weights, means, covariances))
    step = 1e-2 * jnp.sign(gradients[1])
    assert all(np.isfinite(g).all() and np.abs(g).max() > 0 for g in gradients)
    assert negative_log_likelihood((weights, means - step, covariances)) < negative_log_likelihood(
        (weights, means, covariances)
    )


def test_precision_follows_the_arrays_and_the_scope():
    weights, means, covariances = arrays()
    x = np.ones((2, 4))
    assert GaussianMixture(weights, means, covariances).denoise(x, 0.5, 0.5).dtype == np.float32
    with core.float64():
        mixture = GaussianMixture(weights, means, covariances)
        assert mixture.denoise(x, 0.5, np.float64(0.5)).dtype == np.float64
        assert mixture.sample(jax.random.key(0), 3).dtype == np.float64
        single = GaussianMixture(*(np.asarray(part, np.float32) for part in (weights, means, covariances)))
        assert single.denoise(x.astype(np.float32), 0.5, 0.5).dtype == np.float32
    assert GaussianMixture(weights, means, covariances).denoise(x, 0.5, 0.5).dtype == np.float32


def test_float32_and_float64_agree():
    parts, x = arrays(k=10, d=30), np.random.default_rng(0).normal(size=(20, 30))
    low = np.asarray(GaussianMixture(*parts).denoise(x.astype(np.float32), 0.6, 0.8))
    with core.float64():
        high = np.asarray(GaussianMixture(*parts).denoise(x, 0.6, 0.8))
    np.testing.assert_allclose(low, high, atol=2e-5)


def test_fit_classes_is_the_shrunk_covariance_of_each_class():
    rng = np.random.default_rng(0)
    x, labels = rng.normal(size=(60, 3)), np.repeat([5, 2, 9], [10, 20, 30])
    with core.float64():
        mixture = GaussianMixture.fit_classes(x, labels, shrinkage=0.1, floor=0.002)
        s = np.cov(x[labels == 5], rowvar=False)
        np.testing.assert_allclose(mixture.weights, [2 / 6, 1 / 6, 3 / 6])
        np.testing.assert_allclose(mixture.means[1], x[labels == 5].mean(0))
        wanted = 0.9 * s + (0.1 * np.trace(s) / 3 + 0.002) * np.eye(3)
        np.testing.assert_allclose(mixture.covariances[1], wanted, rtol=1e-10)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weights": [0.5, 0.6]}, "weights"),
        ({"weights": [0.5, 0.6, -0.1]}, r"weights must be positive; the entry at \[2\]"),
        ({"means": np.zeros(4)}, "means"),
        ({"means": np.full((3, 4), np.nan)}, "means"),
        ({"covariances": np.ones((3, 5))}, r"covariances must have shape \(3, 4, 4\)"),
        ({"covariances": np.zeros((3, 4))}, "positive"),
        ({"covariances": np.broadcast_to(np.diag([1.0, 1, 1, -1]), (3, 4, 4))}, "positive definite"),
        ({"covariances": np.broadcast_to(np.triu(np.ones((4, 4))), (3, 4, 4))}, "symmetric"),
    ],
)
def test_bad_parameters_are_refused_by_name(change, message):
    parts = dict(zip(("weights", "means", "covariances"), arrays(), strict=True)) | change
    with pytest.raises(ValueError, match=message):
        GaussianMixture(**parts)


def test_bad_points_and_indices_are_refused():
    mixture = GaussianMixture(*arrays())
    with pytest.raises(ValueError, match="x must have 4 entries in its last axis"):
        mixture.denoise(np.zeros((2, 3), np.float32), 1.0, 1.0)
    for indices in ([0, 0], [4], [-1]):
        with pytest.raises(ValueError, match="indices must be distinct"):
            mixture.condition(indices, np.zeros(len(indices)))
    with pytest.raises(ValueError, match=r"index must be an integer in \[0, 2\], got 3"):
        mixture.component(3)
    with pytest.raises(ValueError, match="alpha must be a scalar or have one entry per point"):
        mixture.denoise(np.zeros((2, 4), np.float32), np.ones(3), 1.0)
    with pytest.raises(ValueError, match="free"):
        mixture.condition([0, 1, 2, 3], np.zeros(4))
    with pytest.raises(ValueError, match="values"):
        mixture.condition([0, 1], np.zeros(3))
    with pytest.raises(ValueError, match="class 1 has 1"):
        GaussianMixture.fit_classes(np.zeros((3, 2)), np.array([0, 0, 1]))
