"""The sampler of DDS: its two conventions of noise, and that it means the same in every process."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perturbax import diffusion

KEY = jax.random.key(0)
VP = diffusion.VPLinear()
GRID = diffusion.TimeUniform()


def normal_data(process):
    """The exact data prediction of data N(1, 1/4)."""

    def denoise(x, t):
        alpha, sigma = process.alpha(t), process.sigma(t)
        return 1.0 + 0.25 * alpha / (0.25 * alpha**2 + sigma**2) * (x - alpha)

    return denoise


def prior(process, model=None, corrector=None):
    model = normal_data(process) if model is None else model
    return diffusion.Sampling(model, process, (3,), diffusion.Data(), corrector=corrector)


@pytest.mark.parametrize("eta", [0.0, 0.6])
def test_with_ancestral_noise_and_no_corrector_it_is_ddim(eta):
    ours = diffusion.sample(
        prior(VP), diffusion.Renoise(12, diffusion.AncestralNoise(eta), GRID), key=KEY, num_samples=4
    )
    ddim = diffusion.sample(prior(VP), diffusion.DDIM(12, eta, GRID), key=KEY, num_samples=4)
    np.testing.assert_allclose(ours.x, ddim.x, atol=2e-5)


@pytest.mark.parametrize("noise", [diffusion.MixedNoise(0.7), diffusion.AncestralNoise(0.7)])
def test_old_and_new_noise_add_up_and_the_old_one_is_from_before_the_correction(noise):
    target = jnp.full((2, 3), 0.3)
    problem = prior(VP, corrector=lambda x_0, time: 0.0 * x_0 + target)
    done = diffusion.sample(problem, diffusion.Renoise(6, noise, GRID), key=KEY, num_samples=2, trajectory=True)
    times = done.times
    for k in range(2):
        s, t = times[k], times[k + 1]
        e = (done.states[k] - VP.alpha(s) * normal_data(VP)(done.states[k], s)) / VP.sigma(s)
        left = done.states[k + 1] - VP.alpha(t) * target
        if isinstance(noise, diffusion.MixedNoise):
            fresh = 0.7 * VP.sigma(t)
        else:
            fresh = 0.7 * VP.sigma(t) / VP.sigma(s) * np.sqrt(1 - VP.alpha(s) ** 2 / VP.alpha(t) ** 2)
        z = (left - np.sqrt(VP.sigma(t) ** 2 - fresh**2) * e) / fresh
        # z is the same standard normal whatever the convention, so it can be told from a wrong e by its independence.
        other = diffusion.sample(
            prior(VP, corrector=lambda x_0, time: 0.0 * x_0 - 5.0 * target),
            diffusion.Renoise(6, noise, GRID),
            key=KEY,
            num_samples=2,
            trajectory=True,
        )
        e_2 = (other.states[k] - VP.alpha(s) * normal_data(VP)(other.states[k], s)) / VP.sigma(s)
        left_2 = other.states[k + 1] + 5.0 * VP.alpha(t) * target
        z_2 = (left_2 - np.sqrt(VP.sigma(t) ** 2 - fresh**2) * e_2) / fresh
        np.testing.assert_allclose(z, z_2, atol=2e-3)


@pytest.mark.slow
def test_variance_preserving_and_exploding_processes_give_the_same_restorations():
    times = np.linspace(1.0, 0.01, 9)
    levels = [float(VP.sigma_bar(t)) for t in times]
    exploding = diffusion.EDM(t_min=levels[-1], t_max=levels[0])
    y = np.array([[0.5, -0.5], [1.5, 0.2]], np.float32)
    x_T = jax.random.normal(KEY, (2, 3))
    found = []
    for process, at, start in ((VP, times, x_T), (exploding, levels, x_T / VP.alpha(1.0))):
        problem = diffusion.InverseProblem(prior(process), lambda x: jnp.stack([x[0] + x[1], x[2]]), y, 0.1)
        sampler = diffusion.Renoise(9, diffusion.MixedNoise(0.5), diffusion.Explicit(at))
        method = diffusion.DDS(diffusion.Proximal(gamma=20.0), sampler)
        found.append(diffusion.restore(problem, method, key=KEY, x_T=start).x)
    np.testing.assert_allclose(found[0], found[1], atol=1e-4)


def test_another_object_in_the_place_of_the_noise_is_refused(without_type_checks):
    with pytest.raises(TypeError, match="noise must be"):
        diffusion.Renoise(12, 0.85)
    with pytest.raises(ValueError, match="eta must be"):
        diffusion.AncestralNoise(-0.1)
