"""The noise of a path: the cipher of JAX, normals, and a sample's noise its own whatever it is drawn with."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from jax.extend.random import threefry_2x32

from perturbax import core, diffusion
from perturbax.diffusion._noise import _on_circle, path_keys, path_noise, threefry

KEY = jax.random.key(7)
PROCESS = diffusion.VPLinear()
SDE = diffusion.DPMSolverPP(steps=6, stochastic=1.0)


def problem(shape=(5,), model=lambda x, t: 0.3 * x):
    return diffusion.Sampling(model, PROCESS, shape=shape)


def test_the_cipher_is_that_of_jax():
    key, words = jax.random.bits(KEY, (2,)), jax.random.bits(jax.random.key(1), (2, 1000))
    wanted = threefry_2x32(key, words.ravel()).reshape(2, 1000)
    np.testing.assert_array_equal(jnp.stack(threefry(key[0], key[1], words[0], words[1])), wanted)


def test_a_word_is_a_point_on_the_circle_at_its_angle():
    words = np.concatenate((jax.random.bits(KEY, (10_000,)), [0, 2**30, 2**31, 2**32 - 1])).astype(np.uint32)
    cosine, sine = (np.asarray(part, np.float64) for part in _on_circle(jnp.asarray(words)))
    bits = words.astype(np.uint64)
    angle = ((bits >> 1) % 2**29) / 2**29 * np.pi / 2 - np.pi / 4
    # The two highest bits: a quarter turn, a half turn.
    angle = angle + np.pi / 2 * (bits >> 31) + np.pi * ((bits >> 30) % 2)
    np.testing.assert_allclose(cosine, np.cos(angle), atol=5e-7)
    np.testing.assert_allclose(sine, np.sin(angle), atol=5e-7)


def test_the_noise_is_standard_normal_and_uncorrelated():
    stages, batch, dims = 40, 50, 101
    keys = path_keys(KEY, 0, batch)
    z = np.stack([path_noise(keys, k, (batch, dims)) for k in range(stages)]).astype(np.float64)
    assert scipy.stats.kstest(z.ravel(), "norm").pvalue > 1e-3
    assert abs(scipy.stats.kurtosis(z.ravel())) < 6 * np.sqrt(24 / z.size)
    assert (
        scipy.stats.kstest(
            np.abs(z).max(axis=(1, 2)), lambda x: (2 * scipy.stats.norm.cdf(x) - 1) ** (batch * dims)
        ).pvalue
        > 1e-3
    )
    # Neighbours: within a pair, across pairs, samples and stages; and their squares.
    for y in (z, z**2 - 1):
        spread = y.var()
        for one, other in (
            (y[..., 0:-1:2], y[..., 1::2]),
            (y[..., 1:-1:2], y[..., 2::2]),
            (y[:, :-1], y[:, 1:]),
            (y[:-1], y[1:]),
        ):
            assert abs(np.mean(one * other)) / spread < 4.5 / np.sqrt(one.size)


@pytest.mark.parametrize("shape", [(3,), (2, 3, 5), (), (1,)])
def test_a_sample_has_its_own_noise_whatever_it_is_drawn_with(shape):
    many = path_noise(path_keys(KEY, 0, 8), 2, (8, *shape))
    assert many.shape == (8, *shape)
    np.testing.assert_array_equal(path_noise(path_keys(KEY, 0, 3), 2, (3, *shape)), many[:3])
    np.testing.assert_array_equal(path_noise(path_keys(KEY, 5, 3), 2, (3, *shape)), many[5:])
    assert len(np.unique(np.asarray(many))) == many.size


@pytest.mark.parametrize("impl", ["threefry2x32", "rbg", "unsafe_rbg"])
def test_keys_of_every_kind_decide_the_noise(impl):
    first, again, other = (path_keys(jax.random.key(seed, impl=impl), 0, 4) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.any(np.asarray(first) == np.asarray(other))


def test_batches_with_an_offset_are_the_samples_of_one_batch():
    whole = diffusion.sample(problem(), SDE, key=KEY, num_samples=7).x
    parts = [diffusion.sample(problem(), SDE, key=KEY, num_samples=n, offset=first).x for first, n in ((0, 3), (3, 4))]
    np.testing.assert_allclose(np.concatenate(parts), whole, atol=1e-6)
    for bad in (-1, 2**32):
        with pytest.raises(ValueError, match="offset must be an integer"):
            diffusion.sample(problem(), SDE, key=KEY, offset=bad)


def test_an_offset_starts_the_same_in_every_executor():
    start = np.asarray(jax.random.normal(KEY, (3, 5)))
    by_numpy = diffusion.sample(problem(), SDE, key=KEY, x_T=start, offset=9).x
    by_jax = diffusion.sample(problem(), SDE, key=KEY, x_T=jnp.asarray(start), offset=9).x
    np.testing.assert_allclose(by_jax, by_numpy, rtol=1e-5, atol=1e-5)
    assert np.abs(by_numpy - diffusion.sample(problem(), SDE, key=KEY, x_T=start).x).max() > 0.1


def test_float64_has_the_noise_of_float32():
    with core.float64():
        start = jnp.ones((3, 5))
        assert start.dtype == jnp.float64
        fine = diffusion.sample(problem(), SDE, key=KEY, x_T=start).x
    coarse = diffusion.sample(problem(), SDE, key=KEY, x_T=jnp.ones((3, 5), jnp.float32)).x
    assert fine.dtype == jnp.float64
    np.testing.assert_allclose(fine, coarse, rtol=1e-5, atol=1e-5)


def test_an_offset_of_a_deterministic_run_moves_the_start_only():
    method = diffusion.DDIM(steps=4)
    whole = diffusion.sample(problem(), method, key=KEY, num_samples=5).x
    np.testing.assert_allclose(diffusion.sample(problem(), method, key=KEY, offset=4).x, whole[4:], atol=1e-6)
