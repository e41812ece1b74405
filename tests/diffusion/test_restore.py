"""Inverse problems: exactness where it is known, equal routes, cost, foreign networks, and what is refused."""

import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest

from perturbax import core, diffusion, systems
from perturbax.stats import GaussianMixture

KEY = jax.random.key(0)
PROCESS = diffusion.VPLinear()
SHAPE = (4, 4)
RENOISE = diffusion.Renoise(steps=12)


@pytest.fixture(autouse=True, scope="module")
def without_type_checks():
    """So that the door itself is seen."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


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


def test_enough_conjugate_gradients_are_the_direct_solution(problem):
    x_0 = jax.random.normal(KEY, (64, *SHAPE))
    found = diffusion.Proximal(gamma=3.0, steps=20, tolerance=0.0).correct(problem, x_0, 0.5)
    matrix = jax.vmap(problem.normal)(jnp.eye(16).reshape(-1, *SHAPE)).reshape(16, 16)
    right = (x_0 + 3.0 * problem.adjoint(problem.y)).reshape(-1, 16)
    direct = jnp.linalg.solve(jnp.eye(16) + 3.0 * matrix, right.T).T
    np.testing.assert_allclose(found.reshape(-1, 16), direct, atol=1e-4)


def test_projection_meets_the_measurements_and_moves_nothing_else(problem):
    x_0 = jax.random.normal(KEY, (64, *SHAPE))
    projected = diffusion.Projected().correct(problem, x_0, 0.5)
    back = problem.pseudo_inverse(problem.y)
    np.testing.assert_allclose(problem.pseudo_inverse(problem.forward(projected)), back, atol=1e-3)
    moved = projected - x_0
    np.testing.assert_allclose(problem.pseudo_inverse(problem.forward(moved)), moved, atol=1e-3)


def test_without_new_noise_and_measurements_the_sampler_is_ddim(prior):
    start = jax.random.normal(KEY, (8, *SHAPE))
    grid = diffusion.TimeUniform()
    plain = diffusion.sample(prior, diffusion.DDIM(steps=12, grid=grid), x_T=start).x
    np.testing.assert_allclose(diffusion.sample(prior, diffusion.Renoise(12, 0.0, grid), x_T=start).x, plain, atol=1e-5)
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
    assert found.stats == {"evaluations": 12, "network_gradients": 0}
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


def test_draws_of_the_exact_posterior_have_its_mean(prior, mixture):
    y = np.full((4000, 3), 0.3)
    problem = diffusion.InverseProblem(prior, lambda x: x.reshape(-1)[:3], y, noise_std=0.1)
    mean = diffusion.restore(problem, diffusion.ExactPosterior(mixture), key=KEY).x[0]
    draws = diffusion.restore(problem, diffusion.ExactPosterior(mixture, draw=True), key=KEY).x
    np.testing.assert_allclose(draws.mean(0), mean, atol=0.05)
    assert float(draws.std(0).max()) > 0.1


def test_dds_is_nearer_to_the_posterior_mean_than_the_pseudo_inverse_and_several_are_nearer_still(problem, mixture):
    mean = diffusion.restore(problem, diffusion.ExactPosterior(mixture), key=KEY).x
    dds = diffusion.DDS(diffusion.Proximal(gamma=20.0), diffusion.Renoise(steps=20))
    one, several = (diffusion.restore(problem, dds, key=KEY, samples=n) for n in (None, 4))
    blank = diffusion.restore(problem, diffusion.Tikhonov(), key=KEY).x

    def distance(x):
        return float(jnp.sqrt(jnp.mean((jnp.asarray(x) - mean) ** 2)))

    assert distance(several.mean) < distance(one.x) < distance(blank)
    assert several.x.shape == (4, 64, *SHAPE)
    assert several.residual.shape == (4, 64)
    np.testing.assert_allclose(one.residual, problem.residual(one.x), rtol=1e-5)


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


def test_a_network_that_fails_is_told_and_all_samples_are_counted(prior, problem):
    broken = diffusion.Sampling(lambda x, t: jnp.nan * x, PROCESS, shape=SHAPE, prediction=diffusion.Data())
    hopeless = diffusion.InverseProblem(broken, problem.operator, problem.y, 0.05)
    for method in (diffusion.DPS(steps=4), diffusion.PiGDM(steps=4), diffusion.DDS(sampler=diffusion.Renoise(steps=4))):
        with pytest.raises(core.SolverError, match="NaN"):
            diffusion.restore(hopeless, method, key=KEY)
    several = diffusion.restore(problem, diffusion.DPS(steps=4), key=KEY, samples=3)
    assert several.stats == {"evaluations": 12, "network_gradients": 12}


def test_noise_that_is_not_declared_is_told(prior):
    operator = systems.Inpainting(np.ones(SHAPE, bool))
    problem = diffusion.InverseProblem(
        prior, lambda x: jnp.stack([x, x]), jnp.stack([jnp.ones((1, *SHAPE)), -jnp.ones((1, *SHAPE))], 1)
    )
    with pytest.warns(UserWarning, match="noise_std"):
        diffusion.restore(problem, diffusion.Tikhonov(), key=KEY)
    assert operator.normal(jnp.ones(SHAPE)).sum() == 16


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
        (lambda p: diffusion.Renoise(eta=1.5), ValueError, "eta must be"),
        (
            lambda p: diffusion.restore(
                diffusion.InverseProblem(p, lambda x: x, np.ones((1, 4, 4))),
                diffusion.DDS(diffusion.Proximal(None)),
                key=KEY,
            ),
            ValueError,
            "gamma must be given",
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
