"""A plan as a diffusers scheduler, on NumPy arrays: the same numbers as the compiled executor, and what is refused."""

import dataclasses
import subprocess
import sys

import jax.numpy as jnp
import numpy as np
import pytest

from perturbax import diffusion
from perturbax.interop.diffusers import PlanScheduler

BETAS = np.linspace(1e-4, 2e-2, 1000)
DISCRETE = diffusion.Discrete(np.cumprod(1 - BETAS))
PLANNED = [
    diffusion.DDIM(steps=7),
    diffusion.DPMSolver(steps=8),
    diffusion.DPMSolver(steps=9, order=2, stepping=diffusion.Multistep()),
    diffusion.DPMSolverPP(steps=7),
    diffusion.DPMSolverPP(steps=7, order=3, stepping=diffusion.Multistep(third="exact")),
    diffusion.DPMSolverPP(steps=8, order=2, stepping=diffusion.FixedSinglestep()),
    diffusion.Euler(steps=6),
    diffusion.Heun(steps=9),
]


def network(x, t):
    """A smooth function of state and time that both NumPy and JAX evaluate."""
    return 0.95 * x / (1.0 + 0.02 * x**2) + 0.0001 * t


def run(scheduler, x, model=network, **options):
    scheduler.set_timesteps(len(scheduler.timesteps))
    for t in scheduler.timesteps:
        x = scheduler.step(model(scheduler.scale_model_input(x, t), float(t)), t, x, **options).prev_sample
    return x


def start(shape=(3, 2, 4, 4)):
    return np.random.default_rng(0).standard_normal(shape)


@pytest.mark.parametrize("method", PLANNED, ids=lambda method: f"{type(method).__name__}{method.steps}")
def test_steps_give_what_the_compiled_executor_gives(method):
    x = start().astype(np.float32)
    problem = diffusion.Sampling(network, DISCRETE, shape=x.shape[1:])
    expected = diffusion.sample(problem, method, x_T=jnp.asarray(x)).x
    scheduler = PlanScheduler(diffusion.plan(method, DISCRETE))
    assert len(scheduler.timesteps) == diffusion.plan(method, DISCRETE).evaluations
    np.testing.assert_allclose(run(scheduler, x), expected, rtol=3e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "prediction", "process"),
    [
        ("epsilon", diffusion.Epsilon(), DISCRETE),
        ("sample", diffusion.Data(), diffusion.EDM()),
        ("v_prediction", diffusion.Velocity(), DISCRETE),
        ("flow_prediction", diffusion.Flow(), diffusion.FlowMatching(shift=3.0)),
    ],
)
def test_every_prediction_type_gives_what_sample_gives(name, prediction, process):
    x = start() * process.prior_std
    method = diffusion.DPMSolverPP(steps=6)
    problem = diffusion.Sampling(lambda x, t: 0.3 * x, process, shape=x.shape[1:], prediction=prediction)
    expected = diffusion.sample(problem, method, x_T=x).x
    scheduler = PlanScheduler(diffusion.plan(method, process), prediction_type=name)
    np.testing.assert_allclose(run(scheduler, x, lambda x, t: 0.3 * x), expected, rtol=1e-12)


def test_flow_networks_are_given_a_thousand_times_the_noise_level():
    process = diffusion.FlowMatching()
    plan = diffusion.plan(diffusion.Euler(steps=4, grid=diffusion.TimeUniform()), process)
    np.testing.assert_allclose(
        PlanScheduler(plan, prediction_type="flow_prediction").timesteps, 1000 * plan.model_times, rtol=1e-6
    )
    np.testing.assert_allclose(
        PlanScheduler(plan, prediction_type="flow_prediction", time_scale=1.0).timesteps, plan.model_times, rtol=1e-6
    )


def test_the_corrector_acts_on_every_data_prediction():
    x = 5.0 * start()
    method = diffusion.DPMSolverPP(steps=6)
    problem = diffusion.Sampling(network, DISCRETE, shape=x.shape[1:], corrector=diffusion.Clip(0.5))
    scheduler = PlanScheduler(diffusion.plan(method, DISCRETE), corrector=diffusion.Clip(0.5))
    result = run(scheduler, x)
    np.testing.assert_allclose(result, diffusion.sample(problem, method, x_T=x).x, rtol=1e-6, atol=1e-8)
    assert np.abs(result).max() <= 0.5


def test_the_data_prediction_comes_with_the_next_state():
    plan = diffusion.plan(diffusion.DDIM(steps=5), DISCRETE)
    scheduler, x = PlanScheduler(plan), start()
    output = network(x, float(plan.model_times[0]))
    step = scheduler.step(output, scheduler.timesteps[0], x)
    np.testing.assert_allclose(step.pred_original_sample, (x - plan.sigmas[0] * output) / plan.alphas[0])
    scheduler.set_timesteps()
    as_tuple = scheduler.step(output, scheduler.timesteps[0], x, return_dict=False)
    assert type(as_tuple) is tuple
    np.testing.assert_array_equal(as_tuple[0], step.prev_sample)


def test_noise_follows_the_generator_and_the_plan():
    plan = diffusion.plan(diffusion.DPMSolverPP(steps=6, stochastic=1.0), DISCRETE)
    x = start()
    first, second, other = (run(PlanScheduler(plan), x, generator=np.random.default_rng(s)) for s in (1, 1, 2))
    np.testing.assert_array_equal(first, second)
    assert np.abs(first - other).max() > 0.01
    each = [np.random.default_rng(s) for s in (1, 2, 3)]
    alone = run(PlanScheduler(plan), x[1:2], generator=np.random.default_rng(2))
    np.testing.assert_allclose(run(PlanScheduler(plan), x, generator=each)[1:2], alone)


def test_stochastic_plans_reach_the_variance_of_the_data():
    """With the exact model of N(0, 1/4) the sampler's law is Gaussian with the variance that its coefficients imply."""
    process = diffusion.VPLinear()

    def exact(x, t):
        alpha, sigma = process.alpha(t), process.sigma(t)
        return sigma * x / (0.25 * alpha**2 + sigma**2)

    plan = diffusion.plan(diffusion.DPMSolverPP(steps=60, stochastic=1.0), process)
    x = run(PlanScheduler(plan), start((20000, 1)), exact, generator=np.random.default_rng(0))
    assert x.std() == pytest.approx(0.5, abs=0.015)


def test_half_precision_states_are_combined_in_single_precision():
    plan = diffusion.plan(diffusion.DPMSolverPP(steps=6), DISCRETE)
    half, single, x = PlanScheduler(plan), PlanScheduler(plan), start().astype(np.float16)
    for t in half.timesteps:
        output = network(x, float(t)).astype(np.float16)
        following = single.step(output.astype(np.float32), t, x.astype(np.float32)).prev_sample
        x = half.step(output, t, x).prev_sample
        assert x.dtype == np.float16
        np.testing.assert_array_equal(x, following.astype(np.float16))


def test_added_noise_has_the_scales_of_the_timestep():
    plan = diffusion.plan(diffusion.Heun(steps=5), DISCRETE)
    scheduler = PlanScheduler(plan)
    data, noise = start(), start()[::-1]
    noisy = scheduler.add_noise(data, noise, scheduler.timesteps[np.array([0, 3, 1])])
    for i, k in enumerate((0, 3, 1)):
        np.testing.assert_allclose(noisy[i], plan.alphas[k] * data[i] + plan.sigmas[k] * noise[i])
    np.testing.assert_array_equal(scheduler.scale_noise(data, scheduler.timesteps[:1], noise)[0], noisy[0])
    with pytest.raises(ValueError, match=r"timesteps must be timesteps of the plan, got 3\.5"):
        scheduler.add_noise(data, noise, [3.5])


def test_reads_like_a_scheduler():
    plan = diffusion.plan(diffusion.DDIM(steps=5), DISCRETE)
    scheduler = PlanScheduler(plan, num_train_timesteps=500)
    assert (len(scheduler), scheduler.order, scheduler.num_inference_steps, scheduler.step_index) == (500, 1, 5, 0)
    assert scheduler.config.prediction_type == scheduler.config.get("prediction_type") == "epsilon"
    assert not hasattr(scheduler.config, "clip_sample")
    assert scheduler.init_noise_sigma == plan.prior_std
    assert scheduler.timesteps[0] == 999.0


def test_importing_the_module_loads_no_framework():
    source = "import perturbax.interop.diffusers, sys; sys.exit(any(m in sys.modules for m in ('torch', 'diffusers')))"
    assert subprocess.run([sys.executable, "-c", source], check=False).returncode == 0


def test_refuses_what_a_plan_cannot_do():
    plan = diffusion.plan(diffusion.DPMSolverPP(steps=5), DISCRETE)
    x = start()
    with pytest.raises(TypeError, match="plan must be a plan"):
        PlanScheduler(diffusion.DPMSolverPP(steps=5))
    with pytest.raises(ValueError, match="begins with 2 and ends with 1"):
        PlanScheduler(dataclasses.replace(plan, starts=2))
    with pytest.raises(ValueError, match="adds noise before"):
        PlanScheduler(diffusion.plan(diffusion.Euler(steps=5, churn=diffusion.Churn(high=1e3)), diffusion.EDM()))
    with pytest.raises(ValueError, match="prediction_type must be 'epsilon' or"):
        PlanScheduler(plan, prediction_type="noise")
    with pytest.raises(ValueError, match="which this plan does not satisfy"):
        PlanScheduler(plan, prediction_type="flow_prediction")
    with pytest.raises(ValueError, match="num_train_timesteps must be"):
        PlanScheduler(plan, num_train_timesteps=0)
    with pytest.raises(ValueError, match="time_scale must be"):
        PlanScheduler(plan, time_scale=0.0)
    scheduler = PlanScheduler(plan)
    with pytest.raises(ValueError, match="num_inference_steps must be 5"):
        scheduler.set_timesteps(50)
    with pytest.raises(ValueError, match="begin_index must be 0, got 2"):
        scheduler.set_begin_index(2)
    with pytest.raises(ValueError, match="cannot be entered in the middle"):
        scheduler.step(x, scheduler.timesteps[2], x)
    with pytest.raises(TypeError, match="no option 's_churn'"):
        scheduler.step(x, scheduler.timesteps[0], x, s_churn=1.0)
    with pytest.raises(ValueError, match=r"eta must be 0 or absent, got 0\.5"):
        scheduler.step(x, scheduler.timesteps[0], x, eta=0.5)
    with pytest.raises(ValueError, match="not finite at step 0"):
        scheduler.step(np.full_like(x, np.nan), scheduler.timesteps[0], x)
    with pytest.raises(ValueError, match="return the shape of its input"):
        scheduler.step(x[:, :1], scheduler.timesteps[0], x)
    run(scheduler, x)
    with pytest.raises(ValueError, match="all 5 steps of the plan have been taken"):
        scheduler.step(x, scheduler.timesteps[-1], x)
    noisy = PlanScheduler(diffusion.plan(diffusion.DPMSolverPP(steps=5, stochastic=1.0), DISCRETE))
    with pytest.raises(ValueError, match="generator must be one or a list of 3"):
        run(noisy, x, generator=[np.random.default_rng(0)])
