"""DPM-OT and annealed Langevin dynamics: starts, costs, laws, and foreign models."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perturbax import diffusion

PROCESS = diffusion.VPLinear()
KEY = jax.random.key(0)


def exact(x, t):
    """Noise prediction for data N(0, 1/4)."""
    return PROCESS.sigma(t) * x / (0.25 * PROCESS.alpha(t) ** 2 + PROCESS.sigma(t) ** 2)


PROBLEM = diffusion.Sampling(exact, PROCESS, shape=(3, 2))
INNER = diffusion.DPMSolverPP(steps=4)


def double(z):
    return 2.0 * z


def test_it_is_the_inner_sampler_from_the_mapped_noise():
    noise = jax.random.normal(KEY, (5, 3, 2))
    method = diffusion.DPMOT(double, start_time=0.3, inner=INNER)
    found = diffusion.sample(PROBLEM, method, x_T=noise)
    late = diffusion.Sampling(exact, PROCESS, shape=(3, 2), start=0.3)
    wanted = diffusion.sample(late, INNER, x_T=2.0 * noise)
    np.testing.assert_array_equal(found.x, wanted.x)
    assert found.stats["evaluations"] == 4


def test_drawn_noise_is_standard_normal_and_does_not_depend_on_the_batch():
    seen = []
    method = diffusion.DPMOT(lambda z: (seen.append(np.asarray(z)), z)[1], start_time=0.3, inner=INNER)
    few = diffusion.sample(PROBLEM, method, key=KEY, num_samples=3).x
    many = diffusion.sample(PROBLEM, method, key=KEY, num_samples=2000).x
    np.testing.assert_array_equal(few, many[:3])
    assert seen[1].shape == (2000, 6)
    assert seen[1].std() == pytest.approx(1.0, abs=0.02)


def test_a_numpy_model_and_map():
    def numpy_exact(x, t):
        return np.asarray(exact(x, t))

    method = diffusion.DPMOT(double, start_time=0.3, inner=INNER)
    noise = np.asarray(jax.random.normal(KEY, (5, 3, 2)))
    problem = diffusion.Sampling(numpy_exact, PROCESS, shape=(3, 2))
    foreign = diffusion.sample(problem, method, x_T=noise).x
    assert isinstance(foreign, np.ndarray)
    np.testing.assert_allclose(foreign, diffusion.sample(PROBLEM, method, x_T=jnp.asarray(noise)).x, atol=1e-5)


def test_a_torch_model_and_a_numpy_map():
    torch = pytest.importorskip("torch")
    sent = []

    def numpy_map(z):
        sent.append(type(z))
        return 2.0 * z

    method = diffusion.DPMOT(numpy_map, start_time=0.3, inner=INNER)
    problem = diffusion.Sampling(lambda x, t: 0.5 * x, PROCESS, shape=(3, 2))
    found = diffusion.sample(problem, method, x_T=torch.ones(2, 3, 2)).x
    assert isinstance(found, torch.Tensor)
    assert sent == [np.ndarray]


def test_it_can_be_jitted_and_keeps_trajectories():
    method = diffusion.DPMOT(double, start_time=0.3, inner=INNER)
    noise = jax.random.normal(KEY, (5, 3, 2))
    plain = diffusion.sample(PROBLEM, method, x_T=noise, trajectory=True)
    inside = jax.jit(lambda z: diffusion.sample(PROBLEM, method, x_T=z).x)(noise)
    np.testing.assert_allclose(plain.x, inside, atol=1e-6)
    np.testing.assert_array_equal(plain.states[0], 2.0 * noise)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: diffusion.DPMOT(double, 0.0, INNER), "start_time must be"),
        (lambda: diffusion.DPMOT(double, float("nan"), INNER), "start_time must be"),
        (lambda: diffusion.sample(PROBLEM, diffusion.DPMOT(double, 5.0, INNER), key=KEY), "start must be"),
        (lambda: diffusion.sample(PROBLEM, diffusion.DPMOT(double, 0.3, INNER)), "key is needed"),
        (
            lambda: diffusion.sample(PROBLEM, diffusion.DPMOT(lambda z: z[:, :2], 0.3, INNER), key=KEY),
            "map must return",
        ),
        (
            lambda: diffusion.sample(
                diffusion.Sampling(exact, PROCESS, shape=(2,), start=0.5), diffusion.DPMOT(double, 0.3, INNER), key=KEY
            ),
            "start must be left out",
        ),
        (
            lambda: diffusion.sample(
                PROBLEM, diffusion.DPMOT(double, 0.3, INNER), x_T=jnp.zeros((2, 3, 2)), num_samples=3
            ),
            "num_samples must be left out",
        ),
    ],
)
def test_bad_input_is_refused_by_name(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_langevin_steps_keep_the_law_of_the_data():
    """With many steps at a level the law is that of the data; with few, as in the paper, it lags behind."""

    def spread(method):
        return float(diffusion.sample(PROBLEM, method, key=KEY, num_samples=1000).x.std())

    short, long = diffusion.AnnealedLangevin(steps=251), diffusion.AnnealedLangevin(steps=2001, each=40)
    assert spread(long) == pytest.approx(0.5, abs=0.03)
    assert spread(short) > 0.5 + 3 * abs(spread(long) - 0.5)
    assert diffusion.plan(short, PROCESS).evaluations == 251
