"""PoissonFlow: the kernel is a Student-t, its limits are EDM and PFGM, and its exact denoiser is the best one."""

import math
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from perturbax import core, data, diffusion

POINTS = np.random.default_rng(0).normal(size=(20, 6))
START = np.random.default_rng(1).normal(size=(8, 6))
KEYS = jax.random.split(jax.random.key(0), 40_000)


def draws(process, size=2):
    return np.asarray(jax.jit(jax.vmap(lambda key: process.noise(key, (size,), jnp.float32)))(KEYS), np.float64)


@pytest.mark.filterwarnings("ignore:D=")
@pytest.mark.parametrize("D", [0.7, 128.0])
def test_a_coordinate_of_the_noise_is_student_t(D):
    assert stats.kstest(draws(diffusion.PoissonFlow(D))[:, 0], "t", args=(D,)).pvalue > 0.01


def test_the_squared_norm_has_the_variance_of_the_kernel_and_shares_one_scale():
    z = draws(diffusion.PoissonFlow(8.0), 4)
    assert np.square(z).sum(1).mean() == pytest.approx(4 * 8 / 6, rel=0.02)
    # Coordinates are uncorrelated but not independent: E z_1^2 z_2^2 = (D / (D - 2)) (D / (D - 4)) and not its first
    # factor squared.
    assert (z[:, 0] ** 2 * z[:, 1] ** 2).mean() == pytest.approx(8 / 6 * 2, rel=0.1)


def test_clip_bounds_the_scale_of_the_noise():
    free, bounded = (diffusion.PoissonFlow(1.0, clip=clip).noise for clip in (1e6, 3.0))
    for key in KEYS[:5]:
        z = free(key, (2,), jnp.float32)
        wide = jnp.abs(z / jax.random.normal(key, (2,), jnp.float32)).max()
        np.testing.assert_allclose(bounded(key, (2,), jnp.float32), z * min(1.0, 3.0 / wide), rtol=1e-5)


def test_infinitely_many_dimensions_are_edm_bit_for_bit():
    edm, flow = diffusion.EDM(), diffusion.PoissonFlow(math.inf)
    key = jax.random.key(3)
    x = jnp.ones((4, 6))
    np.testing.assert_array_equal(edm.perturb(key, x, 2.0), flow.perturb(key, x, 2.0))
    solutions = [
        diffusion.sample(
            diffusion.Sampling(diffusion.ideal_denoiser(POINTS, process), process, (6,), diffusion.Data()),
            diffusion.Heun(15),
            key=key,
            num_samples=4,
        ).x
        for process in (edm, flow)
    ]
    np.testing.assert_array_equal(*solutions)


def test_many_dimensions_have_the_flow_of_edm():
    with core.float64():
        ends = [
            diffusion.sample(
                diffusion.Sampling(diffusion.ideal_denoiser(POINTS, process), process, (6,), diffusion.Data()),
                diffusion.Heun(35),
                x_T=jnp.asarray(80.0 * START),
            ).x
            for process in (diffusion.EDM(), diffusion.PoissonFlow(1e6))
        ]
    rms = np.sqrt(np.square(ends[0] - ends[1]).mean(1))
    assert np.median(rms) <= 1e-3


def test_the_start_of_a_sampler_is_the_noise_of_the_process():
    process = diffusion.PoissonFlow(3.0, t_max=5.0)
    problem = diffusion.Sampling(lambda x, t: x, process, (1,), diffusion.Data())
    solution = diffusion.sample(problem, diffusion.Euler(2), key=jax.random.key(0), num_samples=4000, trajectory=True)
    assert stats.kstest(np.asarray(solution.states[0])[:, 0] / 5.0, "t", args=(3.0,)).pvalue > 0.01


def test_perturb_is_data_and_noise_at_one_time_or_at_one_per_sample():
    process, key = diffusion.VPLinear(), jax.random.key(0)
    x, times = np.ones((3, 2), np.float32), np.array([0.2, 0.5, 0.9])
    each = process.perturb(key, x, times)
    for i, t in enumerate(times):
        np.testing.assert_allclose(each[i], process.perturb(key, x, t)[i], rtol=1e-6)
    np.testing.assert_array_equal(process.perturb(key, x, 0.5)[:2], process.perturb(key, x[:2], 0.5))


@pytest.mark.parametrize("D", [1.0, 8.0, 1e6, math.inf])
def test_the_ideal_denoiser_is_the_posterior_mean_of_the_kernel(D):
    x, sigma = START[0], 0.8
    squared = np.square(x - POINTS).sum(1)
    log_kernel = -squared / (2 * sigma**2) if math.isinf(D) else -(6 + D) / 2 * np.log(squared + D * sigma**2)
    weights = np.exp(log_kernel - log_kernel.max())
    with core.float64():
        got = data.ideal_denoiser(POINTS, degrees=D)(x, sigma)
    np.testing.assert_allclose(got, weights @ POINTS / weights.sum(), atol=1e-8)


@pytest.mark.parametrize("sigma", [1e-3, 1e3])
@pytest.mark.parametrize("D", [0.5, 8.0, 1e6])
def test_the_ideal_denoiser_is_finite_in_float32_at_a_point_and_far_away(D, sigma):
    denoiser = data.ideal_denoiser(POINTS.astype(np.float32), degrees=D)
    for x in (POINTS[:3], 1e4 * POINTS[:3]):
        assert np.isfinite(denoiser(x.astype(np.float32), sigma)).all()


@pytest.mark.parametrize("D", [0.0, -1.0, math.nan])
def test_no_positive_number_of_dimensions_is_refused(D):
    for make in (diffusion.PoissonFlow, diffusion.PFGMPP):
        with pytest.raises(ValueError, match="D must be a number > 0"):
            make(D)
    with pytest.raises(ValueError, match="degrees must be a number > 0"):
        data.ideal_denoiser(POINTS, degrees=D)


def test_infinite_variance_in_float32_warns_and_says_what_to_do():
    with pytest.warns(UserWarning, match="infinite variance: compute in float64, or bound it with clip"):
        diffusion.PoissonFlow(2.0)
    with warnings.catch_warnings(), core.float64():
        warnings.simplefilter("error")
        diffusion.PoissonFlow(2.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        diffusion.PoissonFlow(1.0, clip=100.0)
        diffusion.PoissonFlow(2.5)


def test_a_disturbance_is_noise_that_the_sampler_is_not_told_of():
    process = diffusion.EDM()
    calm, stirred, none = (
        diffusion.plan(diffusion.Heun(9, churn=churn), process)
        for churn in (None, diffusion.Disturbance(0.3), diffusion.Disturbance(0.0))
    )
    np.testing.assert_array_equal(calm.times, stirred.times)
    assert stirred.stochastic
    assert not none.stochastic
    np.testing.assert_allclose(stirred.draw[0], 0.3 * 80.0)
    with pytest.raises(ValueError, match="strength must be a number >= 0"):
        diffusion.Disturbance(-1.0)
