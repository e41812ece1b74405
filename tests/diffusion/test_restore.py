"""Inverse problems: exactness where it is known, equal routes, cost, foreign networks, and what is refused."""

import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import lineax
import numpy as np
import pytest

from perturbax import diffusion, systems
from perturbax.core import Result, SolverError
from perturbax.stats import GaussianMixture

KEY = jax.random.key(0)
PROCESS = diffusion.VPLinear()
SHAPE = (4, 4)
RENOISE = diffusion.Renoise(steps=12)


pytestmark = pytest.mark.usefixtures("without_type_checks")


@pytest.fixture(scope="module")
def mixture():
    random = np.random.default_rng(0)
    roots = random.normal(size=(2, 16, 16)) / 4
    return GaussianMixture(
        [0.5, 0.5], random.normal(size=(2, 16)), roots @ roots.transpose(0, 2, 1) + 0.05 * np.eye(16)
    )


@pytest.fixture(scope="module")
def prior(mixture):
    def denoise(x, t):
        flat = mixture.denoise(x.reshape(x.shape[0], -1), PROCESS.alpha(t), PROCESS.sigma(t))
        return flat.reshape(x.shape)

    return diffusion.Sampling(denoise, PROCESS, shape=SHAPE, prediction=diffusion.Data())


@pytest.fixture(scope="module")
def problem(prior, mixture):
    operator = systems.MRI(systems.column_mask(KEY, SHAPE, acceleration=2), systems.coil_maps(3, SHAPE))
    truth = mixture.sample(jax.random.key(3), 64).reshape(-1, *SHAPE)
    noise = 0.05 * jax.random.normal(jax.random.key(4), (2, 64, 3, *SHAPE))
    return diffusion.InverseProblem(prior, operator, jax.vmap(operator)(truth) + noise[0] + 1j * noise[1], 0.05)


@pytest.mark.slow
def test_without_new_noise_and_measurements_the_sampler_is_ddim(prior):
    start = jax.random.normal(KEY, (8, *SHAPE))
    grid = diffusion.TimeUniform()
    plain = diffusion.sample(prior, diffusion.DDIM(steps=12, grid=grid), x_T=start).x
    np.testing.assert_allclose(
        diffusion.sample(prior, diffusion.Renoise(12, diffusion.MixedNoise(0.0), grid), x_T=start).x, plain, atol=1e-5
    )
    blind = diffusion.InverseProblem(prior, lambda x: 0.0 * x, jnp.zeros((8, *SHAPE)), 1.0)
    guided = diffusion.restore(blind, diffusion.DPS(steps=12, eta=0.0), key=KEY, x_T=start).x
    np.testing.assert_allclose(guided, plain, atol=1e-4)
    pigdm = diffusion.restore(blind, diffusion.PiGDM(steps=12, eta=0.0), key=KEY, x_T=start).x
    np.testing.assert_allclose(pigdm, plain, atol=1e-4)


def test_dds_differentiates_no_network(problem):
    @jax.custom_vjp
    def identity(x):
        return x

    def refuse(*_):
        raise AssertionError("the network was differentiated")

    identity.defvjp(refuse, refuse)
    prior = problem.prior
    guarded = diffusion.Sampling(
        lambda x, t: identity(prior.model(x, t)), PROCESS, shape=SHAPE, prediction=diffusion.Data()
    )
    watched = diffusion.InverseProblem(guarded, problem.operator, problem.y, 0.05)
    found = diffusion.restore(watched, diffusion.DDS(diffusion.Proximal(), RENOISE), key=KEY)
    assert found.stats["evaluations"] == 12
    assert found.stats["network_gradients"] == 0
    assert found.stats["operator_applications"].tolist() == [12 * 6] * 64
    with pytest.raises(AssertionError, match="differentiated"):
        diffusion.restore(watched, diffusion.DPS(steps=12), key=KEY)


def test_the_exact_posterior_is_that_of_conditioning_on_coordinates(prior, mixture):
    seen = np.array([0, 3, 7])
    y = np.array([[0.5, -0.2, 0.1]])
    problem = diffusion.InverseProblem(prior, lambda x: x.reshape(-1)[seen], y)
    found = diffusion.restore(problem, diffusion.ExactPosterior(mixture), key=KEY).x.reshape(16)
    np.testing.assert_allclose(found[seen], y[0], atol=1e-3)
    rest = np.setdiff1d(np.arange(16), seen)
    np.testing.assert_allclose(found[rest], mixture.condition(seen, y[0]).mean, atol=2e-3)


@pytest.mark.slow
def test_draws_of_the_exact_posterior_have_its_mean(prior, mixture):
    y = np.full((4000, 3), 0.3)
    problem = diffusion.InverseProblem(prior, lambda x: x.reshape(-1)[:3], y, noise_std=0.1)
    mean = diffusion.restore(problem, diffusion.ExactPosterior(mixture), key=KEY).x[0]
    draws = diffusion.restore(problem, diffusion.ExactPosterior(mixture, draw=True), key=KEY).x
    np.testing.assert_allclose(draws.mean(0), mean, atol=0.05)
    assert float(draws.std(0).max()) > 0.1


@pytest.mark.slow
def test_dds_is_nearer_to_the_posterior_mean_than_the_pseudo_inverse_and_several_are_nearer_still(problem, mixture):
    mean = diffusion.restore(problem, diffusion.ExactPosterior(mixture), key=KEY).x
    dds = diffusion.DDS(diffusion.Proximal(gamma=20.0), diffusion.Renoise(steps=20))
    one, several = (diffusion.restore(problem, dds, key=KEY, num_samples=n) for n in (None, 4))
    blank = diffusion.restore(problem, diffusion.Tikhonov(), key=KEY).x

    def distance(x):
        return float(jnp.sqrt(jnp.mean((jnp.asarray(x) - mean) ** 2)))

    assert distance(several.mean) < distance(one.x) < distance(blank)
    assert several.x.shape == (4, 64, *SHAPE)
    assert several.residual.shape == (4, 64)
    np.testing.assert_allclose(one.residual, problem.residual(one.x), rtol=1e-5)


@pytest.mark.slow
def test_any_sampler_and_any_network_can_do_dds(problem):
    sampler = diffusion.DPMSolverPP(steps=8)
    by_jax = diffusion.restore(problem, diffusion.DDS(sampler=sampler), key=KEY, x_T=jnp.ones((64, *SHAPE)))

    def numpy_model(x, t):
        assert isinstance(x, np.ndarray)
        return np.asarray(problem.prior.model(jnp.asarray(x), t))

    foreign = diffusion.Sampling(numpy_model, PROCESS, shape=SHAPE, prediction=diffusion.Data())
    other = diffusion.InverseProblem(foreign, problem.operator, problem.y, 0.05)
    by_numpy = diffusion.restore(other, diffusion.DDS(sampler=sampler), key=KEY, x_T=np.ones((64, *SHAPE), np.float32))
    assert isinstance(by_numpy.x, np.ndarray)
    np.testing.assert_allclose(by_numpy.x, by_jax.x, atol=2e-3)
    with pytest.raises(TypeError, match="x_T as a JAX array"):
        diffusion.restore(other, diffusion.DPS(steps=8), key=KEY, x_T=np.ones((64, *SHAPE), np.float32))


def test_noise_that_is_not_declared_is_told(prior):
    contradiction = jnp.stack([jnp.ones((1, *SHAPE)), -jnp.ones((1, *SHAPE))], 1)
    problem = diffusion.InverseProblem(prior, lambda x: jnp.stack([x, x]), contradiction)
    with pytest.warns(UserWarning, match="noise_std"):
        diffusion.restore(problem, diffusion.Tikhonov(), key=KEY)


@pytest.mark.parametrize(
    "method",
    [diffusion.DDS(diffusion.Proximal(), RENOISE), pytest.param(diffusion.PiGDM(steps=12), marks=pytest.mark.slow)],
)
def test_several_samples_are_one_batch_whose_first_is_the_single_one(problem, method):
    one = diffusion.restore(problem, method, key=KEY, trajectory=True)
    three = diffusion.restore(problem, method, key=KEY, num_samples=3, trajectory=True)
    np.testing.assert_allclose(three.x[0], one.x, atol=1e-4)
    assert float(jnp.abs(three.x[1] - three.x[0]).max()) > 1e-2
    assert three.stats["evaluations"] == 36
    assert three.stats["network_gradients"] == 3 * one.stats["network_gradients"]
    assert three.stats["operator_applications"].shape == (3, 64)
    np.testing.assert_array_equal(three.stats["operator_applications"][0], one.stats["operator_applications"])
    assert three.residuals.shape == (12, 3, 64)
    assert one.residuals.shape == (12, 64)
    if isinstance(method, diffusion.DDS):  # the last data prediction is the result
        np.testing.assert_allclose(one.residuals[-1], one.residual, rtol=1e-4)


@pytest.mark.slow
def test_a_condition_of_each_measurement_goes_with_it():
    def model(x, t, label):
        return jnp.broadcast_to(label[:, None].astype(jnp.float32), x.shape)

    prior = diffusion.Sampling(model, PROCESS, (2,), diffusion.Data(), condition=np.array([1, 2, 3]))
    problem = diffusion.InverseProblem(prior, lambda x: x[:1], np.zeros((3, 1)), 1.0)
    found = diffusion.restore(problem, diffusion.DDS(diffusion.Proximal(), RENOISE), key=KEY, num_samples=2)
    np.testing.assert_allclose(found.x[..., 1], [[1, 2, 3]] * 2, atol=1e-5)


def test_another_weight_or_noise_compiles_nothing_again(prior):
    traced = []

    def model(x, t):
        traced.append(1)
        return prior.model(x, t)

    watched = diffusion.Sampling(model, PROCESS, shape=SHAPE, prediction=diffusion.Data())
    operator = systems.Inpainting(np.eye(4, dtype=bool))

    def both(noise_std, gamma, zeta):
        problem = diffusion.InverseProblem(watched, operator, np.ones((2, *SHAPE)), noise_std)
        for method in (diffusion.DDS(diffusion.Proximal(gamma), RENOISE), diffusion.DPS(steps=12, zeta=zeta)):
            diffusion.restore(problem, method, key=KEY)

    both(0.1, 5.0, 0.3)
    first = len(traced)
    both(0.2, 50.0, 1.0)
    assert len(traced) == first > 0


@pytest.mark.slow
def test_a_model_of_two_channels_restores_complex_images():
    shape = (2, *SHAPE)
    prior = diffusion.Sampling(lambda x, t: PROCESS.alpha(t) * x, PROCESS, shape, diffusion.Data())  # data N(0, I)
    complex_ = systems.MRI(np.ones(SHAPE, bool), systems.coil_maps(2, SHAPE), complex_image=True)
    image = jax.random.normal(KEY, (1, *shape))
    operator = systems.TwoChannel(complex_)
    problem = diffusion.InverseProblem(prior, operator, jax.vmap(operator)(image))
    found = diffusion.restore(problem, diffusion.DDS(sampler=RENOISE), key=KEY)
    np.testing.assert_allclose(found.x, image, atol=1e-3)
    flat = diffusion.Sampling(lambda x, t: x, PROCESS, SHAPE, diffusion.Data())
    with pytest.raises(TypeError, match="TwoChannel"):
        diffusion.InverseProblem(flat, complex_, jax.vmap(complex_)(image[:, 0]))


@pytest.mark.slow
def test_an_operator_of_lineax_serves():
    matrix = lineax.MatrixLinearOperator(jnp.array([[1.0, 2.0, 0.0], [0.0, 1.0, -1.0]]))
    prior = diffusion.Sampling(lambda x, t: PROCESS.alpha(t) * x, PROCESS, (3,), diffusion.Data())
    problem = diffusion.InverseProblem(prior, matrix.mv, np.array([[1.0, 2.0]]))
    found = diffusion.restore(problem, diffusion.DDS(sampler=RENOISE), key=KEY)
    np.testing.assert_allclose(matrix.mv(found.x[0]), [1.0, 2.0], atol=1e-3)


def test_a_network_that_gives_nan_is_told():
    prior = diffusion.Sampling(lambda x, t: x * jnp.nan, PROCESS, (2,), diffusion.Data())
    problem = diffusion.InverseProblem(prior, lambda x: x[:1], np.ones((1, 1)), 0.1)
    for method in (diffusion.DDS(diffusion.Proximal(), RENOISE), diffusion.DPS(steps=12), diffusion.PiGDM(steps=12)):
        with pytest.raises(SolverError, match=type(method).__name__):
            diffusion.restore(problem, method, key=KEY)
        assert diffusion.restore(problem, method, key=KEY, throw=False).result == Result.nonfinite


_SHARDED = """
import jax, numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from perturbax import diffusion, systems
assert jax.device_count() == 4
process = diffusion.VPLinear()
model = diffusion.Slicewise(lambda x, t: process.alpha(t) * x)
prior = diffusion.Sampling(model, process, (8, 4, 4), diffusion.Data())
operator = systems.Stack(systems.Subsampling(2, (4, 4)), depth=8)
y = np.random.default_rng(0).normal(size=(2, 8, 2, 2)).astype(np.float32)
problem = diffusion.InverseProblem(prior, operator, y, 0.1)
method = diffusion.DDS(diffusion.SliceVariation(weight=0.1), diffusion.Renoise(steps=6))
key = jax.random.key(0)
sharding = NamedSharding(Mesh(np.array(jax.devices()), ("slices",)), PartitionSpec(None, "slices"))
one = diffusion.restore(problem, method, key=key)
four = diffusion.restore(problem, method, key=key, sharding=sharding)
assert len(four.x.sharding.device_set) == 4, four.x.sharding
np.testing.assert_allclose(four.x, one.x, atol=1e-5)
"""


@pytest.mark.slow
def test_volumes_are_sharded_over_devices_by_slice():
    environment = {**os.environ, "XLA_FLAGS": "--xla_force_host_platform_device_count=4", "JAX_PLATFORMS": "cpu"}
    subprocess.run([sys.executable, "-c", _SHARDED], check=True, env=environment, timeout=240)


class Wrong:
    def __call__(self, x):
        return x[:2]

    def adjoint(self, y):
        return jnp.zeros(SHAPE).at[2:].set(y)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda p: diffusion.InverseProblem(p, lambda x: x, np.full((1, 4, 4), np.nan)),
            ValueError,
            "y must be finite",
        ),
        (lambda p: diffusion.InverseProblem(p, lambda x: x, np.ones((1, 3, 4))), ValueError, "y must have shape"),
        (lambda p: diffusion.InverseProblem(p, lambda x: x, np.ones((1, 4, 4)), -1.0), ValueError, "noise_std must be"),
        (lambda p: diffusion.InverseProblem(p, lambda x: x, 1j * np.ones((1, 4, 4))), TypeError, "y is complex"),
        (
            lambda p: diffusion.InverseProblem(p, lambda x: x @ jnp.ones(9), np.ones((1, 4))),
            ValueError,
            "operator must take",
        ),
        (lambda p: diffusion.InverseProblem(p, Wrong(), np.ones((1, 2, 4))), ValueError, "operator.adjoint is not"),
        (lambda p: diffusion.InverseProblem(p, 3, np.ones((1, 4, 4))), TypeError, "operator must be callable"),
        (lambda p: diffusion.DDS(consistency=diffusion.Noiseless), TypeError, "consistency must be"),
        (lambda p: diffusion.DDS(sampler="ddim"), TypeError, "sampler must be"),
        (
            lambda p: diffusion.InverseProblem(
                diffusion.Sampling(p.model, PROCESS, SHAPE, corrector=diffusion.Clip()), lambda x: x, np.ones((1, 4, 4))
            ),
            ValueError,
            "prior must have no corrector",
        ),
        (lambda p: diffusion.Proximal(gamma=-1.0), ValueError, "gamma must be"),
        (lambda p: diffusion.MixedNoise(1.5), ValueError, "eta must be"),
        (
            lambda p: diffusion.restore(
                diffusion.InverseProblem(p, lambda x: x, np.ones((1, 4, 4))),
                diffusion.DDS(diffusion.Proximal(diffusion.PosteriorWeight())),
                key=KEY,
            ),
            ValueError,
            "gamma must be a number",
        ),
        (
            lambda p: diffusion.restore(
                diffusion.InverseProblem(p, lambda x: x, np.ones((1, 4, 4))),
                diffusion.DDS(),
                key=KEY,
                x_T=jnp.ones((2, 4, 4)),
            ),
            ValueError,
            "x_T must have one start",
        ),
        (
            lambda p: diffusion.restore(
                diffusion.InverseProblem(p, lambda x: x, np.ones((1, 4, 4))),
                diffusion.ExactPosterior(GaussianMixture([1.0], [[0.0]], [[1.0]])),
                key=KEY,
            ),
            ValueError,
            "mixture has 1 dimensions",
        ),
    ],
)
def test_bad_input_is_refused_by_name(prior, call, error, message):
    with pytest.raises(error, match=message):
        call(prior)
