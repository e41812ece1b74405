"""The verb: transformations, keys, guidance, correctors, precision, devices, and models that fail."""

import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perturbax import core, diffusion
from perturbax.core import Result

PROCESS = diffusion.VPLinear()
KEY = jax.random.key(11)
METHOD = diffusion.DPMSolverPP(steps=6)
SDE = diffusion.DPMSolverPP(steps=6, stochastic=1.0)
X_T = np.random.default_rng(0).normal(size=(4, 6)).astype(np.float32)


@pytest.fixture(scope="module")
def problem(gaussian):
    return diffusion.Sampling(gaussian.noise, PROCESS, shape=(6,))


def conditional(x, t, c):
    """Noise prediction for data N(c, 1/4)."""
    alpha, sigma = PROCESS.alpha(t), PROCESS.sigma(t)
    c = c.reshape((-1,) + (1,) * (x.ndim - 1))
    return sigma * (x - alpha * c) / (0.25 * alpha**2 + sigma**2)


def counted(model):
    batches = []

    def counting(x, *rest):
        batches.append(x.shape[0])
        return model(x, *rest)

    return counting, batches


def test_jit_gives_the_same_samples(problem):
    eager = diffusion.sample(problem, SDE, key=KEY, num_samples=4)
    jitted = jax.jit(lambda key: diffusion.sample(problem, SDE, key=key, num_samples=4).x)(KEY)
    np.testing.assert_allclose(jitted, eager.x, atol=1e-5)


def test_vmap_over_keys_is_a_loop_over_keys(problem):
    keys = jax.random.split(KEY, 3)
    mapped = jax.vmap(lambda key: diffusion.sample(problem, SDE, key=key, num_samples=4).x)(keys)
    for i in range(3):
        np.testing.assert_allclose(mapped[i], diffusion.sample(problem, SDE, key=keys[i], num_samples=4).x, atol=1e-5)


def test_gradient_through_the_sampler(gaussian, problem):
    """The flow of the Gaussian is linear in the start, and its slope is known."""
    process = PROCESS
    gradient = jax.grad(lambda x: diffusion.sample(problem, METHOD, x_T=x).x.sum())(jnp.asarray(X_T))
    x = np.concatenate((np.zeros((1, 6)), np.eye(6)))
    columns = diffusion.sample(problem, METHOD, x_T=x).x
    np.testing.assert_allclose(gradient[0], (columns[1:] - columns[:1]).sum(axis=1), rtol=1e-3, atol=1e-5)

    def shift(mean):
        def model(x, t):
            alpha, sigma = process.alpha(t), process.sigma(t)
            return sigma * (x - alpha * mean) / (0.25 * alpha**2 + sigma**2)

        return diffusion.sample(diffusion.Sampling(model, process, shape=(6,)), METHOD, x_T=jnp.asarray(X_T)).x.mean()

    assert float(jax.grad(shift)(0.3)) == pytest.approx(1.0, abs=0.05)


def test_same_key_same_samples_and_another_key_others(problem):
    first, again = (diffusion.sample(problem, SDE, key=KEY, num_samples=4).x for _ in range(2))
    np.testing.assert_array_equal(first, again)
    other = diffusion.sample(problem, SDE, key=jax.random.key(12), num_samples=4).x
    assert np.all(np.abs(first - other).max(axis=1) > 1e-3)
    old = diffusion.sample(problem, SDE, key=jax.random.PRNGKey(11), num_samples=4).x
    np.testing.assert_array_equal(first, old)


def test_a_sample_does_not_depend_on_its_neighbours(problem):
    four = diffusion.sample(problem, SDE, key=KEY, num_samples=4).x
    seven = diffusion.sample(problem, SDE, key=KEY, num_samples=7).x
    np.testing.assert_allclose(seven[:4], four, atol=1e-6)


def test_foreign_arrays_get_the_same_noise(problem):
    jax_run = diffusion.sample(problem, SDE, key=KEY, x_T=jnp.asarray(X_T))
    numpy_run = diffusion.sample(problem, SDE, key=KEY, x_T=X_T)
    assert isinstance(numpy_run.x, np.ndarray)
    assert numpy_run.x.dtype == np.float32
    np.testing.assert_allclose(numpy_run.x, jax_run.x, atol=1e-4)


def test_lists_are_numpy(problem):
    x = diffusion.sample(problem, METHOD, x_T=X_T.tolist()).x
    assert isinstance(x, np.ndarray)
    np.testing.assert_allclose(x, diffusion.sample(problem, METHOD, x_T=X_T).x, atol=1e-5)


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16])
@pytest.mark.parametrize("place", [np.asarray, jnp.asarray], ids=["numpy", "jax"])
def test_half_precision_is_computed_in_float32(gaussian, problem, dtype, place):
    def half_network(x, t):
        assert x.dtype == jnp.float32
        return (gaussian.noise(x, t)).astype(dtype)

    start = place(jnp.asarray(X_T).astype(dtype))
    samples = diffusion.sample(diffusion.Sampling(half_network, PROCESS, shape=(6,)), METHOD, x_T=start)
    assert samples.x.dtype == jnp.float32
    np.testing.assert_allclose(samples.x, diffusion.sample(problem, METHOD, x_T=X_T).x, atol=0.1)


def test_float64_throughout(gaussian, problem):
    with core.float64():
        x = diffusion.sample(problem, METHOD, x_T=jnp.asarray(X_T, jnp.float64)).x
        assert x.dtype == jnp.float64
        x = np.asarray(x)
    np.testing.assert_allclose(x, diffusion.sample(problem, METHOD, x_T=X_T.astype(np.float64)).x, rtol=1e-10)


@pytest.mark.parametrize("place", [np.asarray, jnp.asarray], ids=["numpy", "jax"])
def test_guidance_is_one_call_on_a_doubled_batch(place):
    condition, nothing = place(np.full((1,), 2.0, np.float32)), place(np.zeros((1,), np.float32))
    runs = {}
    for scale in (0.0, 1.0, 3.0):
        model, batches = counted(conditional)
        guidance = diffusion.ClassifierFree(scale, nothing)
        guided = diffusion.Sampling(model, PROCESS, shape=(6,), condition=condition, guidance=guidance)
        samples = diffusion.sample(guided, METHOD, x_T=place(X_T))
        runs[scale] = np.asarray(samples.x)
        assert set(batches) == {4 if scale == 1.0 else 8}
        assert samples.stats["evaluations"] == 6
        if place is np.asarray:
            assert len(batches) == 6
    for scale, c in ((1.0, 2.0), (0.0, 0.0)):
        plain = diffusion.Sampling(conditional, PROCESS, shape=(6,), condition=place(np.full((4,), c, np.float32)))
        np.testing.assert_allclose(runs[scale], diffusion.sample(plain, METHOD, x_T=place(X_T)).x, atol=1e-5)
    # The noise predictions are those of Gaussians that differ in their means only, so guidance moves the mean on.
    np.testing.assert_allclose(runs[3.0] - runs[0.0], 3 * (runs[1.0] - runs[0.0]), atol=2e-4)


def test_traced_guidance_scale():
    def mean(scale):
        guidance = diffusion.ClassifierFree(scale, 0.0)
        problem = diffusion.Sampling(conditional, PROCESS, shape=(6,), condition=2.0, guidance=guidance)
        return diffusion.sample(problem, METHOD, x_T=jnp.asarray(X_T)).x.mean()

    assert float(jax.jit(mean)(3.0)) == pytest.approx(float(mean(3.0)), abs=1e-5)
    assert float(jax.grad(mean)(3.0)) == pytest.approx(2.0, abs=0.1)


def test_classifier_guidance_gives_the_tilted_gaussian():
    """Data N(0, 1) times exp(w a x0) is N(w a, 1); its classifier at time t is known."""
    slope = 0.7

    def log_prob(x, t):
        return slope * PROCESS.alpha(t) * x.sum(axis=-1)  # log E[exp(a x0) | x] up to a constant

    method = diffusion.DPMSolverPP(steps=40)
    for scale in (0.0, 1.0, 2.0):
        guidance = diffusion.ClassifierGuidance(scale, log_prob)
        problem = diffusion.Sampling(lambda x, t: PROCESS.sigma(t) * x, PROCESS, shape=(6,), guidance=guidance)
        x = diffusion.sample(problem, method, x_T=jnp.asarray(X_T)).x
        np.testing.assert_allclose(x, X_T + scale * slope, atol=0.02)


def test_condition_is_a_pytree_spread_over_the_batch():
    def model(x, t, c):
        assert c["mean"].shape == (4, 6)
        assert c["label"].shape == (4,)
        assert jnp.issubdtype(c["label"].dtype, jnp.integer)
        return conditional(x, t, c["label"]) + 0 * c["mean"]

    for place in (np.asarray, jnp.asarray):
        condition = {"mean": place(np.zeros((1, 6), np.float32)), "label": 1}
        problem = diffusion.Sampling(model, PROCESS, shape=(6,), condition=condition)
        assert diffusion.sample(problem, METHOD, x_T=place(X_T)).x.shape == (4, 6)


@pytest.mark.parametrize("place", [np.asarray, jnp.asarray], ids=["numpy", "jax"])
def test_correctors_act_at_every_evaluation_and_keep_the_range(gaussian, place):
    calls = []

    def corrector(data, time):
        calls.append(float(time) if place is np.asarray else time)
        return diffusion.Clip(0.3)(data, time)

    problem = diffusion.Sampling(gaussian.noise, PROCESS, shape=(6,), corrector=corrector)
    samples = diffusion.sample(problem, METHOD, x_T=place(X_T), trajectory=True)
    assert np.abs(samples.x).max() <= 0.3 + 1e-6
    assert np.abs(np.stack(list(samples.previews))).max() <= 0.3 + 1e-6
    if place is np.asarray:
        np.testing.assert_allclose(calls, samples.times)
    thresholded = diffusion.Sampling(
        lambda x, t: -5.0 * x, PROCESS, shape=(6,), corrector=diffusion.DynamicThreshold(ratio=0.9)
    )
    assert np.abs(diffusion.sample(thresholded, METHOD, x_T=place(X_T)).x).max() <= 1.0 + 1e-6
    assert np.abs(diffusion.sample(thresholded, diffusion.DPMSolver(steps=6), x_T=place(X_T)).x).max() <= 1.0 + 1e-6


def test_dynamic_threshold_is_the_quantile_of_each_sample():
    data = np.random.default_rng(0).normal(size=(3, 4, 5)) * np.array([0.1, 1.0, 4.0])[:, None, None]
    bound = np.maximum(np.quantile(np.abs(data).reshape(3, -1), 0.9, axis=1), 1.0)[:, None, None]
    for place in (np.asarray, jnp.asarray):
        np.testing.assert_allclose(
            diffusion.DynamicThreshold(0.9)(place(data), 0.5), np.clip(data, -bound, bound) / bound, rtol=1e-5
        )


def broken(x, t):
    return jnp.where(t < 0.5, jnp.nan, 1.0) * x


@pytest.mark.parametrize("place", [np.asarray, jnp.asarray], ids=["numpy", "jax"])
def test_a_model_that_gives_nan_is_named_with_stage_and_time(place):
    problem = diffusion.Sampling(broken, PROCESS, shape=(6,))
    plan = diffusion.plan(METHOD, PROCESS)
    stage = int(np.argmax(plan.times < 0.5))
    with pytest.raises(core.SolverError, match=rf"DPMSolverPP at stage {stage} of 6 \(time {plan.times[stage]:.6g}\)"):
        diffusion.sample(problem, METHOD, x_T=place(X_T))
    assert diffusion.sample(problem, METHOD, x_T=place(X_T), throw=False).result == Result.nonfinite


def test_nan_is_a_flag_under_jit():
    problem = diffusion.Sampling(broken, PROCESS, shape=(6,))
    result = jax.jit(lambda x: diffusion.sample(problem, METHOD, x_T=x).result)(jnp.asarray(X_T))
    assert result == Result.nonfinite


@pytest.mark.parametrize("place", [np.asarray, jnp.asarray], ids=["numpy", "jax"])
def test_a_result_that_overflows_is_not_called_successful(place):
    problem = diffusion.Sampling(lambda x, t: 0.0 * x + 3e38, PROCESS, shape=(6,))
    samples = diffusion.sample(problem, diffusion.DDIM(steps=2), x_T=place(X_T), throw=False)
    assert samples.result == Result.nonfinite


def test_a_model_that_raises_is_heard():
    def failing(x, t):
        raise ZeroDivisionError("inside the model")

    for place in (np.asarray, jnp.asarray):
        with pytest.raises(ZeroDivisionError, match="inside the model"):
            diffusion.sample(diffusion.Sampling(failing, PROCESS, shape=(6,)), METHOD, x_T=place(X_T))


def test_start_in_the_middle_of_the_way(problem):
    near = diffusion.Sampling(problem.model, PROCESS, shape=(6,), start=0.2)
    with pytest.raises(ValueError, match="x_T is needed to start at time"):
        diffusion.sample(near, METHOD, key=KEY)
    samples = diffusion.sample(near, METHOD, x_T=X_T, trajectory=True)
    assert samples.times[0] == 0.2
    adaptive = diffusion.sample(near, diffusion.AdaptiveDPMSolver(rtol=1e-3, atol=1e-4), x_T=jnp.asarray(X_T))
    fine = diffusion.sample(near, diffusion.DPMSolverPP(steps=60, grid=diffusion.LogSNR(final="eps")), x_T=X_T)
    np.testing.assert_allclose(adaptive.x, fine.x, atol=5e-3)


SHARDED = """
import jax, numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from perturbax import diffusion
assert jax.device_count() == 4
process = diffusion.VPLinear()
problem = diffusion.Sampling(lambda x, t: 0.5 * x, process, shape=(6,))
sharding = NamedSharding(Mesh(np.array(jax.devices()), ("batch",)), PartitionSpec("batch"))
for method in (diffusion.DPMSolverPP(steps=4), diffusion.DPMSolverPP(steps=4, stochastic=1.0)):
    key = jax.random.key(0)
    one = diffusion.sample(problem, method, key=key, num_samples=8)
    four = diffusion.sample(problem, method, key=key, num_samples=8, sharding=sharding)
    assert len(four.x.sharding.device_set) == 4, four.x.sharding
    np.testing.assert_allclose(four.x, one.x, atol=1e-6)
    x_T = np.zeros((8, 6), np.float32)
    given = diffusion.sample(problem, method, key=key, x_T=jax.numpy.asarray(x_T), sharding=sharding)
    assert len(given.x.sharding.device_set) == 4
try:
    diffusion.sample(problem, method, key=key, num_samples=3, sharding=sharding)
except ValueError as error:
    assert "sharding does not fit" in str(error), error
else:
    raise AssertionError("3 samples on 4 devices")
"""


@pytest.mark.slow
def test_four_devices_equal_one():
    environment = {**os.environ, "XLA_FLAGS": "--xla_force_host_platform_device_count=4"}
    run = subprocess.run([sys.executable, "-c", SHARDED], env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
