"""Distributions fitted to data near a set of lower dimension: exact cases, choices, and bad input."""

import dataclasses
import json
import math
import os
import subprocess
import sys
import warnings
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from sklearn.decomposition import PCA

from perturbax import stats
from perturbax.core import SolverError, registered_methods
from perturbax.stats._latent import round_down_root

KEY = jax.random.key(0)
QUICK = stats.PerturbedMLE(
    sieve=stats.ReLUNetworks((8,)), sigma=(0.1, 0.3), likelihood=stats.Quadrature(32), steps=60, batch_size=50
)

TINY = stats.PerturbedMLE(sigma=0.2, likelihood=stats.Quadrature(30), steps=3)


pytestmark = pytest.mark.usefixtures("without_type_checks")


def circle(n, seed=0):
    angle = np.random.default_rng(seed).uniform(0.0, 2.0 * np.pi, n)
    return np.stack([np.cos(angle), np.sin(angle), np.zeros(n)], 1)


def plane(n=2000, noise=0.3, seed=0):
    random = np.random.default_rng(seed)
    return random.normal(size=(n, 2)) @ random.normal(size=(2, 8)) + noise * random.normal(size=(n, 8)) + 3.0


class CountingNetwork(eqx.Module):
    weight: jax.Array
    traced: ClassVar[list] = []

    def __call__(self, z):
        self.traced.append(1)
        return z @ self.weight


class Counting(stats.AbstractSieve):
    """Generators that tell how often they were traced."""

    def draw(self, key, inputs, outputs):
        return CountingNetwork(jax.random.normal(key, (inputs, outputs)))


class Constant(stats.AbstractSieve):
    """A generator that has collapsed."""

    def draw(self, key, inputs, outputs):
        return CountingNetwork(jnp.zeros((inputs, outputs)))


class Broken(stats.AbstractSieve):
    """A generator whose likelihood is NaN."""

    def draw(self, key, inputs, outputs):
        return CountingNetwork(jnp.full((inputs, outputs), 1e30))


def fit(problem, method, key=KEY, **options):
    return stats.fit_distribution(problem, method, key=key, progress=False, **options)


@pytest.fixture(scope="module")
def chosen():
    return fit(stats.Observations(circle(300)), QUICK)


def test_probabilistic_pca_agrees_with_scikit_learn():
    x = plane()
    fitted = fit(stats.Observations(x), stats.ProbabilisticPCA(2))
    peer = PCA(2).fit(x)
    # scikit-learn divides by n - 1, the likelihood by n.
    rate = math.sqrt((len(x) - 1) / len(x))
    scale = fitted.law.scale[0]
    assert fitted.sigma * scale == pytest.approx(rate * math.sqrt(peer.noise_variance_), rel=1e-5)
    np.testing.assert_allclose(fitted.log_density(x[:50]), peer.score_samples(x[:50]), atol=5e-3)
    assert not fitted.singular
    assert np.isnan(fitted.growth)


def test_probabilistic_pca_generates_what_its_density_says_without_the_noise():
    fitted = fit(stats.Observations(plane()), stats.ProbabilisticPCA(2, sigma=0.5))
    drawn = np.asarray(fitted.sample(jax.random.key(1), 20_000), np.float64)
    law = fitted.law
    wanted = np.asarray(law.weights.T @ law.weights) * float(law.scale[0]) ** 2
    np.testing.assert_allclose(np.cov(drawn, rowvar=False), wanted, atol=0.05 * np.abs(wanted).max())
    noisy = wanted / float(law.scale[0]) ** 2 + fitted.sigma**2 * np.eye(8)
    rows = (plane(20) - np.asarray(law.centre)) / float(law.scale[0])
    density = scipy.stats.multivariate_normal(np.zeros(8), noisy).logpdf(rows) - 8 * math.log(law.scale[0])
    np.testing.assert_allclose(fitted.log_density(plane(20)), density, rtol=1e-3)


def test_a_singular_likelihood_is_reported_with_its_growth():
    with pytest.warns(UserWarning, match="the likelihood is singular"):
        fitted = fit(stats.Observations(plane(noise=0.0)), stats.ProbabilisticPCA(2))
    assert fitted.singular
    assert fitted.growth == pytest.approx(-6.0, abs=0.01)
    assert np.isfinite(fitted.log_density(plane(noise=0.0))).all()
    noisy = fit(stats.Observations(plane(noise=0.0)), stats.ProbabilisticPCA(2, sigma=0.2))
    assert not noisy.singular
    assert noisy.sigma == pytest.approx(0.2, rel=0.05)


@pytest.mark.slow
def test_the_trained_likelihood_is_singular_too_and_finite():
    x = plane(400, noise=0.0)
    method = stats.PerturbedMLE(
        latent=stats.NormalLatent(2),
        sieve=stats.AffineMaps(),
        sigma=0.0,
        noise=stats.NoiseOnce(),
        likelihood=stats.ImportanceWeighted(1),
        steps=500,
        learning_rate=2e-2,
    )
    with pytest.warns(UserWarning, match="the likelihood is singular: x spans 2 of 8"):
        fitted = fit(stats.Observations(x), method)
    assert fitted.singular
    assert fitted.growth == pytest.approx(-6.0, abs=1.0)
    assert np.isfinite(fitted.losses).all()


def test_quadrature_is_exact_for_affine_generators():
    sieve = stats.AffineMaps()
    generator = sieve.draw(KEY, 1, 3)
    x = jax.random.normal(KEY, (5, 3))
    latent, sigma = stats.NormalLatent(1), jnp.array(0.7)
    by_quadrature = stats.Quadrature(4096).log_density(x, generator, None, latent, sigma, None)
    covariance = np.asarray(generator.weight.T @ generator.weight) + 0.49 * np.eye(3)
    exact = scipy.stats.multivariate_normal(np.asarray(generator.bias), covariance).logpdf(np.asarray(x))
    np.testing.assert_allclose(by_quadrature, exact, atol=1e-3)


def test_the_importance_weighted_bound_is_below_the_likelihood_and_gets_tighter():
    latent, sigma = stats.NormalLatent(1), jnp.array(0.7)
    generator = stats.AffineMaps().draw(KEY, 1, 3)
    x = jax.random.normal(KEY, (200, 3))
    exact = stats.Quadrature(4096).log_density(x, generator, None, latent, sigma, None).mean()
    gaps = []
    for samples in (1, 10, 1000):
        likelihood = stats.ImportanceWeighted(samples)
        encoder = likelihood.encoder(stats.AffineMaps(), latent, 3, jax.random.key(1))
        gaps.append(float(exact - likelihood.log_density(x, generator, encoder, latent, sigma, KEY).mean()))
    assert gaps[0] > gaps[1] > gaps[2] > -0.02
    assert gaps[2] < 0.05


def test_the_evidence_bound_is_exact_for_the_posterior_of_an_affine_model():
    """Of one latent dimension the posterior is normal with an affine mean, which the encoder can be."""
    generator = stats.AffineMaps().draw(KEY, 1, 3)
    w, sigma = np.asarray(generator.weight[0], np.float64), 0.7
    precision = 1.0 + w @ w / sigma**2
    encoder = stats.ImportanceWeighted(1).encoder(stats.AffineMaps(), stats.NormalLatent(1), 3, KEY)
    weight = np.stack([w / sigma**2 / precision, np.zeros(3)], 1)
    bias = np.array([-np.asarray(generator.bias) @ w / sigma**2 / precision, -0.5 * math.log(precision)])
    encoder = eqx.tree_at(
        lambda e: (e.weight, e.bias), encoder, (jnp.asarray(weight, jnp.float32), jnp.asarray(bias, jnp.float32))
    )
    x = jax.random.normal(KEY, (6, 3))
    arguments = (x, generator, encoder, stats.NormalLatent(1), jnp.array(sigma))
    bound = stats.ImportanceWeighted(1).log_density(*arguments, jax.random.key(3))
    exact = stats.Quadrature(4096).log_density(*arguments, None)
    np.testing.assert_allclose(bound, exact, atol=1e-3)


def test_nodes_are_stratified():
    latent = stats.UniformLatent(2)
    nodes = np.asarray(latent.stratified(KEY, 50))
    assert len(nodes) == 49
    cells = np.floor(nodes * 7).astype(int)
    assert len(np.unique(cells, axis=0)) == 49
    normal = np.asarray(stats.NormalLatent(1).stratified(KEY, 4096))
    assert scipy.stats.kstest(normal[:, 0], "norm").pvalue > 0.99
    assert [round_down_root(n, 3) for n in (1, 7, 8, 26, 27)] == [1, 1, 2, 2, 3]


def test_latent_laws_are_the_images_of_normal_and_uniform_variables():
    for latent, name in ((stats.UniformLatent(1), "uniform"), (stats.NormalLatent(1), "norm")):
        drawn = np.asarray(latent.sample(KEY, 2000))[:, 0]
        assert scipy.stats.kstest(drawn, name).pvalue > 0.01


def test_noise_falls_geometrically_and_is_then_kept():
    noise = stats.AnnealedNoise(start=1.0, share=0.5)
    levels = [float(noise.level(jnp.array(0.01), jnp.array(at))) for at in (0.0, 0.25, 0.5, 1.0)]
    assert levels == pytest.approx([1.0, 0.1, 0.01, 0.01])
    assert float(noise.level(jnp.array(2.0), jnp.array(0.1))) == 2.0
    kept = jnp.ones((2, 3))
    assert (stats.NoiseOnce().draw(kept, KEY) == kept).all()
    assert not (stats.FreshNoise().draw(kept, KEY) == kept).any()


def test_the_model_is_told_how_many_steps_were_made(chosen):
    """The tied noise ends at its own level, for every sigma."""
    np.testing.assert_allclose(chosen.candidates.model_sigma, [0.1, 0.3], rtol=1e-5)


def test_several_sigma_are_chosen_between_by_the_rows_set_aside(chosen):
    table = chosen.table()
    assert list(table["sigma"]) == [0.1, 0.3]
    assert chosen.sigma_perturb == table["sigma"][table["distance"].idxmin()]
    assert chosen.losses.shape == (60,)
    assert chosen.stats["evaluations"] == 120
    best = chosen.candidates.laws[int(table["distance"].idxmin())]
    np.testing.assert_array_equal(best.sample(KEY, 5), chosen.sample(KEY, 5))


def test_rows_are_set_aside_at_random_or_given():
    x = plane(10)
    kept, held = stats.Observations(x, validation=0.3).split(KEY)
    assert (len(kept), len(held)) == (7, 3)
    np.testing.assert_array_equal(np.sort(np.concatenate([kept, held])[:, 0]), np.sort(x[:, 0]))
    kept, held = stats.Observations(x, validation=x[:4]).split(KEY)
    assert (len(kept), len(held)) == (10, 4)


def test_restarts_keep_the_largest_likelihood():
    problem = stats.Observations(circle(200))
    method = stats.PerturbedMLE(
        sieve=stats.ReLUNetworks((8,)), sigma=0.3, likelihood=stats.Quadrature(32), restarts=3, steps=60, batch_size=50
    )
    fitted = fit(problem, method)
    assert fitted.stats["evaluations"] == 180
    assert fitted.losses.shape == (60,)
    assert fitted.candidates is None


def test_a_fit_is_compiled_once():
    method = dataclasses.replace(TINY, sieve=Counting())
    fit(stats.Observations(circle(90)), method)
    traced = len(CountingNetwork.traced)
    fit(stats.Observations(circle(90, seed=1)), method, key=jax.random.key(1))
    # The door of core.fit asks for the shape of the loss each time, which compiles nothing.
    assert len(CountingNetwork.traced) == traced + 1


def test_the_unit_of_the_noise_follows_the_data():
    """With 10 times the data everything is 10 times as large; columns can be standardised."""
    method = stats.PerturbedMLE(
        sieve=stats.ReLUNetworks((8,)), sigma=0.3, likelihood=stats.Quadrature(32), steps=20, batch_size=50
    )
    x = circle(100)
    small, large = (fit(stats.Observations(factor * x), method) for factor in (1.0, 10.0))
    np.testing.assert_allclose(10.0 * small.sample(KEY, 20), large.sample(KEY, 20), atol=1e-3)
    np.testing.assert_allclose(small.log_density(x), large.log_density(10.0 * x) + 3 * math.log(10.0), atol=1e-3)
    stretched = plane(100) * np.array([1e3, *[1.0] * 7])
    each = fit(stats.Observations(stretched, scale=stretched.std(0)), stats.ProbabilisticPCA(2))
    plain = fit(stats.Observations(plane(100), scale=plane(100).std(0)), stats.ProbabilisticPCA(2))
    assert each.sigma == pytest.approx(plain.sigma)


def test_the_density_of_the_smoothed_law_integrates_to_one(chosen):
    x = np.linspace(-3, 3, 61)
    grid = np.stack(np.meshgrid(x, x, x, indexing="ij"), -1).reshape(-1, 3)
    mass = np.exp(np.asarray(chosen.log_density(grid), np.float64)).sum() * 0.1**3
    assert mass == pytest.approx(1.0, abs=0.02)


def test_kernel_density_agrees_with_its_definition():
    x = plane(40)
    law = fit(stats.Observations(x), stats.KernelDensity())
    width = x.std(0) * 40 ** (-1 / 12)
    at = plane(5, seed=1)
    wanted = [np.log(np.mean(scipy.stats.norm(row, width).pdf(x).prod(1))) for row in at]
    np.testing.assert_allclose(law.log_density(at), wanted, rtol=1e-4)
    drawn = np.asarray(law.sample(KEY, 20_000))
    np.testing.assert_allclose(drawn.std(0), np.sqrt(x.var(0) + width**2), rtol=0.03)


def test_the_empirical_law_draws_the_rows_and_has_no_density():
    x = plane(10)
    law = fit(stats.Observations(x), stats.Empirical())
    drawn = np.asarray(law.sample(KEY, 50))
    assert np.abs(drawn[:, None] - x[None]).max(-1).min(1).max() < 1e-5
    with pytest.raises(ValueError, match="has no density"):
        law.log_density(x)
    with pytest.raises(ValueError, match="no latent variable"):
        law.generate([[0.0]])
    with pytest.raises(ValueError, match=r"x must have shape \(any, 8\)"):
        law.log_density(np.ones((2, 3)))
    with pytest.raises(ValueError, match=r"z must have shape \(any, 2\)"):
        fit(stats.Observations(plane(50)), stats.ProbabilisticPCA(2)).generate([[1.0]])
    with pytest.raises(ValueError, match="no candidates"):
        law.table()


def test_a_loss_that_is_not_finite_is_raised():
    method = dataclasses.replace(TINY, sieve=Broken())
    with pytest.raises(SolverError, match="fit_distribution by PerturbedMLE"):
        fit(stats.Observations(circle(90)), method)


def test_a_law_can_be_compiled_and_mapped(chosen):
    x = circle(6)
    density = jax.jit(lambda x: chosen.log_density(x))(jnp.asarray(x, jnp.float32))
    np.testing.assert_allclose(density, chosen.log_density(x), atol=1e-4)
    keys = jax.random.split(KEY, 3)
    drawn = jax.vmap(lambda key: chosen.law.sample(key, 4))(keys)
    np.testing.assert_allclose(drawn[1], chosen.sample(keys[1], 4), atol=1e-6)


SHARDED = """
import json, jax, numpy as np
from perturbax import stats
x = np.random.default_rng(0).normal(size=(64, 1)) * np.array([1.0, 2.0, 0.0])
method = stats.PerturbedMLE(sigma=(0.1, 0.3), likelihood=stats.Quadrature(32), steps=20, batch_size=32)
fitted = stats.fit_distribution(stats.Observations(x), method, key=jax.random.key(0), progress=False)
print(json.dumps([jax.device_count(), np.asarray(fitted.generate([[0.2], [0.8]])).tolist()]))
"""


@pytest.mark.slow
def test_a_batch_over_four_devices_trains_the_same_generators():
    """All noises are in one program, and the batch is split."""
    found = {}
    for count in (1, 4):
        flags = {"XLA_FLAGS": f"--xla_force_host_platform_device_count={count}", "JAX_PLATFORMS": "cpu"}
        run = subprocess.run([sys.executable, "-c", SHARDED], env=os.environ | flags, capture_output=True, text=True)
        assert run.returncode == 0, run.stderr
        devices, found[count] = json.loads(run.stdout)
        assert devices == count
    np.testing.assert_allclose(found[4], found[1], rtol=1e-3, atol=1e-4)


@pytest.mark.slow
def test_the_default_method_finds_a_curve_in_ten_dimensions():
    random = np.random.default_rng(0)
    basis = np.linalg.qr(random.normal(size=(10, 2)))[0]
    x, fresh = (circle(n, seed)[:, :2] @ basis.T for n, seed in ((300, 1), (1000, 2)))
    fitted = fit(stats.Observations(x), stats.PerturbedMLE(steps=1500))
    drawn = np.asarray(fitted.sample(KEY, 1000))
    assert stats.wasserstein(drawn, fresh, order=1) < 0.25
    assert np.abs(drawn - drawn @ basis @ basis.T).max() < 0.1


def observations(**changed):
    return stats.Observations(**{"x": circle(20), **changed})


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: observations(x=np.full((3, 2), np.nan)), ValueError, "x must be finite"),
        (lambda: observations(x=np.ones(3)), ValueError, "x must have 2 axes"),
        (lambda: observations(x=np.ones((1, 3))), ValueError, "x must have two rows"),
        (lambda: observations(x=np.ones((4, 3))), ValueError, "x must vary"),
        (lambda: observations(validation=1.0), ValueError, "validation must be < 1"),
        (lambda: observations(validation=-0.1), ValueError, "validation must be"),
        (lambda: observations(validation=np.ones((4, 2))), ValueError, r"validation must have shape \(any, 3\)"),
        (lambda: observations(scale=0.0), ValueError, "scale must be > 0"),
        (lambda: observations(scale=[1.0, 2.0]), ValueError, "scale must be one number or one for each of 3"),
        (lambda: fit(observations(), stats.PerturbedMLE), TypeError, "did you mean PerturbedMLE"),
        (lambda: fit(circle(9), stats.Empirical()), TypeError, "problem must be"),
        (lambda: fit(observations(validation=0.0), QUICK), ValueError, "validation must set rows aside"),
        (lambda: fit(observations(), stats.ProbabilisticPCA(3)), ValueError, "dimension must be < 3"),
        (lambda: fit(observations(), stats.KernelDensity()), ValueError, "column 2 is constant"),
        (lambda: stats.PerturbedMLE(sigma=()), ValueError, "sigma must name"),
        (lambda: stats.PerturbedMLE(sigma=(0.1, -1.0)), ValueError, "sigma must be"),
        (lambda: stats.PerturbedMLE(sigma=0.0), ValueError, "sigma must be > 0 with noise"),
        (lambda: stats.PerturbedMLE(noise=stats.AnnealedNoise), TypeError, "did you mean AnnealedNoise"),
        (lambda: stats.PerturbedMLE(likelihood="quadrature"), TypeError, "likelihood must be"),
        (lambda: stats.PerturbedMLE(latent=2), TypeError, "latent must be"),
        (lambda: stats.PerturbedMLE(sieve=(64, 64)), TypeError, "sieve must be"),
        (lambda: stats.PerturbedMLE(restarts=0), ValueError, "restarts must be"),
        (lambda: stats.ReLUNetworks(()), ValueError, "hidden must name"),
        (lambda: stats.ReLUNetworks((0,)), ValueError, r"hidden\[0\] must be"),
        (lambda: stats.AnnealedNoise(share=0.0), ValueError, "share must be > 0"),
        (lambda: stats.UniformLatent(0), ValueError, "dimension must be"),
        (lambda: stats.Quadrature(1), ValueError, "points must be"),
        (lambda: stats.ImportanceWeighted(0), ValueError, "samples must be"),
    ],
)
def test_bad_input_is_refused_by_name(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_data_that_do_not_fit_the_likelihood_are_told():
    method = stats.PerturbedMLE(
        latent=stats.UniformLatent(3), sigma=0.0, noise=stats.NoiseOnce(), likelihood=stats.Quadrature(27), steps=2
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit(stats.Observations(np.concatenate([circle(20), circle(20)])), method)
    said = " ".join(str(warning.message) for warning in caught)
    assert "latent has 3 dimensions, more than the 2 of x" in said
    assert "x has repeated rows" in said
    assert "the likelihood is singular" in said


def test_a_generator_that_collapsed_is_told():
    with pytest.warns(UserWarning, match="collapsed to a point"):
        fit(stats.Observations(circle(90)), dataclasses.replace(TINY, sieve=Constant()))


def test_all_methods_are_tried_here():
    methods = {cls for cls in registered_methods().values() if issubclass(cls, stats.AbstractDistributionMethod)}
    assert methods == {stats.PerturbedMLE, stats.ProbabilisticPCA, stats.KernelDensity, stats.Empirical}
