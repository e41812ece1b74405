"""Networks of torch through `sample`, through pipelines of diffusers, and against diffusers' own schedulers."""

import copy
import inspect
import sys
import textwrap

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perturbax import diffusion
from perturbax.interop.diffusers import PlanScheduler

torch = pytest.importorskip("torch", reason="needs the extra bench")
diffusers = pytest.importorskip("diffusers", reason="needs the extra bench")
pytestmark = pytest.mark.slow

TABLE = np.cumprod(1 - np.linspace(1e-4, 2e-2, 1000))
DISCRETE = diffusion.Discrete(TABLE)
MEANS = np.random.default_rng(7).standard_normal((5, 8)).astype(np.float32)
SPREAD = 0.7


def denoised(xp, x, level, shift=0.0):
    """`E[x_0 | x]` of a Gaussian mixture for `x = x_0 + level z`, with the operations of torch or JAX."""
    means = xp.asarray(MEANS) + shift
    variance = SPREAD**2 + level**2
    difference = x[:, None, :] - means[None]
    logits = -0.5 * (difference**2).sum(-1) / variance
    weights = xp.exp(logits - xp.amax(logits, 1)[:, None])
    weights = weights / weights.sum(1)[:, None]
    return (weights[:, :, None] * (means[None] + SPREAD**2 / variance * difference)).sum(1)


def noise_prediction(xp, x, alpha, sigma, shift=0.0):
    return (x - alpha * denoised(xp, x / alpha, sigma / alpha, shift)) / sigma


def scales(n):
    """`alpha` and `sigma` at the (fractional) index of the table, as Python floats or JAX arrays."""
    t = (n + 1.0) / 1000
    return DISCRETE.alpha(t), DISCRETE.sigma(t)


def start(batch=16):
    return np.random.default_rng(0).standard_normal((batch, 8)).astype(np.float32)


class TestSample:
    """`diffusion.sample` with torch arrays."""

    @pytest.mark.parametrize(
        "method",
        [diffusion.DPMSolverPP(steps=12), diffusion.DPMSolver(steps=12), diffusion.Heun(steps=13)],
        ids=lambda method: type(method).__name__,
    )
    def test_equals_jax(self, method):
        def network(xp):
            return lambda x, n: noise_prediction(xp, x, *scales(n))

        torch_problem = diffusion.Sampling(network(torch), DISCRETE, shape=(8,))
        jax_problem = diffusion.Sampling(network(jnp), DISCRETE, shape=(8,))
        x = diffusion.sample(torch_problem, method, x_T=torch.tensor(start())).x
        assert isinstance(x, torch.Tensor)
        assert x.dtype == torch.float32
        expected = diffusion.sample(jax_problem, method, x_T=jnp.asarray(start())).x
        np.testing.assert_allclose(x, expected, atol=1e-5)

    def test_equals_jax_with_a_trained_kind_of_network(self):
        weights = [
            np.random.default_rng(i).standard_normal(s).astype(np.float32) for i, s in enumerate([(9, 32), (32, 8)])
        ]
        first, second = (torch.nn.Linear(*w.shape, bias=False) for w in weights)
        with torch.no_grad():
            first.weight.copy_(torch.tensor(weights[0].T))
            second.weight.copy_(torch.tensor(weights[1].T * 0.1))

            def torch_network(x, t):
                time = torch.full((x.shape[0], 1), float(t))
                return second(torch.tanh(first(torch.cat((x, time), 1))))

            def jax_network(x, t):
                time = jnp.full((x.shape[0], 1), t)
                return jnp.tanh(jnp.concatenate((x, time), 1) @ weights[0]) @ (weights[1] * 0.1)

            method, process = diffusion.DPMSolverPP(steps=15), diffusion.VPLinear()
            problem = diffusion.Sampling(torch_network, process, shape=(8,), prediction=diffusion.Velocity())
            x = diffusion.sample(problem, method, x_T=torch.tensor(start())).x
        problem = diffusion.Sampling(jax_network, process, shape=(8,), prediction=diffusion.Velocity())
        np.testing.assert_allclose(x, diffusion.sample(problem, method, x_T=jnp.asarray(start())).x, atol=1e-5)

    def test_one_key_is_one_noise_in_every_framework(self):
        method, process = diffusion.DPMSolverPP(steps=8, stochastic=1.0), diffusion.VPLinear()
        problem = diffusion.Sampling(lambda x, t: 0.3 * x, process, shape=(8,), prediction=diffusion.Data())
        key = jax.random.key(3)
        results = [
            np.asarray(diffusion.sample(problem, method, key=key, x_T=x).x)
            for x in (jnp.asarray(start()), start(), torch.tensor(start()))
        ]
        np.testing.assert_allclose(results[1], results[0], atol=1e-5)
        np.testing.assert_allclose(results[2], results[0], atol=1e-5)
        other = diffusion.sample(problem, method, key=jax.random.key(4), x_T=torch.tensor(start())).x
        assert np.abs(np.asarray(other) - results[2]).max() > 0.01

    @pytest.mark.parametrize("corrector", [None, diffusion.DynamicThreshold(0.9, 0.8), diffusion.Clip(0.8)])
    def test_guidance_and_correctors_equal_jax(self, corrector):
        calls = []

        def network(xp):
            def model(x, n, shift):
                calls.append(x.shape[0])
                alpha, sigma = scales(n)
                return (x - alpha * (denoised(xp, x / alpha, sigma / alpha) + shift)) / sigma

            return model

        def problem(xp):
            condition, unconditional = (
                xp.asarray(np.full((16, 1), 0.3, np.float32)),
                xp.asarray(np.zeros((16, 1), np.float32)),
            )
            return diffusion.Sampling(
                network(xp),
                DISCRETE,
                shape=(8,),
                condition=condition,
                guidance=diffusion.ClassifierFree(3.0, unconditional),
                corrector=corrector,
            )

        method = diffusion.DPMSolverPP(steps=10)
        x = diffusion.sample(problem(torch), method, x_T=torch.tensor(start())).x
        assert calls == [32] * 10, "guidance is one call on a doubled batch"
        expected = diffusion.sample(problem(jnp), method, x_T=jnp.asarray(start())).x
        np.testing.assert_allclose(x, expected, atol=2e-5)

    def test_a_network_that_breaks_down_is_named_with_its_stage(self):
        problem = diffusion.Sampling(lambda x, t: x * float("nan"), diffusion.VPLinear(), shape=(8,))
        with pytest.raises(RuntimeError, match="stage 0 of 4"):
            diffusion.sample(problem, diffusion.DDIM(steps=4), x_T=torch.tensor(start()))


def drive(scheduler, indices, x, rescaled, sigmas=None, generator=None):
    """Run a scheduler of diffusers on the exact model at the given (fractional) indices of the table.

    `sigmas` overrides the noise levels that the scheduler would choose, `rescaled` says that its state is `x / alpha`.
    """
    scheduler.set_timesteps(
        len(indices) if not isinstance(scheduler, diffusers.HeunDiscreteScheduler) else (len(indices) + 1) // 2
    )
    if sigmas is not None:
        scheduler.sigmas = torch.tensor(np.asarray(sigmas, np.float32))
        scheduler.timesteps = torch.tensor(np.asarray(indices, np.float32))
        scheduler.set_begin_index(0)
    options = {} if generator is None else {"generator": generator}
    for n, t in zip(indices, scheduler.timesteps, strict=True):
        alpha, sigma = (float(value) for value in scales(n))
        state = alpha * x if rescaled else x
        x = scheduler.step(noise_prediction(torch, state, alpha, sigma), t, x, **options).prev_sample
    return x


def ours(method, x, generator=None):
    scheduler = PlanScheduler(diffusion.plan(method, DISCRETE))
    for t in scheduler.timesteps:
        alpha, sigma = (float(value) for value in scales(float(t)))
        x = scheduler.step(noise_prediction(torch, x, alpha, sigma), t, x, generator=generator).prev_sample
    return x


def correct_third_order_sde(monkeypatch):
    """Give diffusers' third-order SDE step its right weight.

    With `z = -2h` the weight of the second difference is `-alpha ((e^z - 1 - z) / z^2 - 1/2)`, which vanishes with `h`.
    Version 0.42.1 has `-1/2` with the other sign, so that its samples are wrong by the size of the data.
    """
    name = "multistep_dpm_solver_third_order_update"
    source = textwrap.dedent(inspect.getsource(getattr(diffusers.DPMSolverMultistepScheduler, name)))
    wrong = "- 2.0 * h) / (2.0 * h) ** 2 - 0.5"
    if wrong in source:
        scope = dict(vars(sys.modules[diffusers.DPMSolverMultistepScheduler.__module__]))
        exec(source.replace(wrong, wrong.replace("- 0.5", "+ 0.5")), scope)
        monkeypatch.setattr(diffusers.DPMSolverMultistepScheduler, name, scope[name])


def grid_of(intervals, final):
    times = diffusion.Karras().times(DISCRETE, intervals)
    return diffusion.Explicit(times, final=final), 1000 * times - 1, np.asarray(DISCRETE.sigma_bar(times))


class TestPeers:
    """The same exact model and noise levels through our plans and through diffusers' schedulers."""

    @pytest.mark.parametrize("steps", [9, 20])
    @pytest.mark.parametrize("algorithm", ["dpmsolver++", "sde-dpmsolver++", "dpmsolver"])
    @pytest.mark.parametrize(("order", "solver_type"), [(1, "midpoint"), (2, "midpoint"), (2, "heun"), (3, "heun")])
    def test_multistep(self, order, solver_type, algorithm, steps, monkeypatch):
        if (order, algorithm) == (3, "sde-dpmsolver++"):
            correct_third_order_sde(monkeypatch)
        data = algorithm != "dpmsolver"
        peer = diffusers.DPMSolverMultistepScheduler(
            beta_schedule="linear",
            beta_start=1e-4,
            beta_end=2e-2,
            solver_order=order,
            algorithm_type=algorithm,
            solver_type=solver_type,
            final_sigmas_type="zero" if data else "sigma_min",
        )
        grid, indices, levels = grid_of(steps - 1 if data else steps, "zero" if data else "eps")
        if data:
            levels = np.append(levels, 0.0)
        else:
            indices = indices[:-1]
        solver = diffusion.DPMSolverPP if data else diffusion.DPMSolver
        method = solver(
            steps=steps,
            order=order,
            stepping=diffusion.Multistep(),
            grid=grid,
            # Our midpoint weights are for second-order steps; diffusers starts its third-order solver with this type.
            solver_type="taylor" if solver_type == "heun" else "midpoint",
            stochastic=1.0 if algorithm.startswith("sde") else 0.0,
        )
        x = torch.tensor(start())
        expected = drive(peer, indices, x, False, levels, torch.Generator().manual_seed(0))
        np.testing.assert_allclose(ours(method, x, torch.Generator().manual_seed(0)), expected, atol=1e-4)

    @pytest.mark.parametrize("algorithm", ["dpmsolver++", "dpmsolver"])
    @pytest.mark.parametrize(
        ("order", "solver_type", "steps"),
        [(2, "midpoint", 11), (2, "heun", 11), (3, "heun", 11), (3, "heun", 12), (3, "heun", 13)],
    )
    def test_singlestep(self, order, solver_type, steps, algorithm):
        peer = diffusers.DPMSolverSinglestepScheduler(
            beta_schedule="linear",
            beta_start=1e-4,
            beta_end=2e-2,
            solver_order=order,
            algorithm_type=algorithm,
            solver_type=solver_type,
            lower_order_final=True,
            final_sigmas_type="sigma_min",
        )
        grid, indices, levels = grid_of(steps, "eps")
        solver = diffusion.DPMSolverPP if algorithm == "dpmsolver++" else diffusion.DPMSolver
        method = solver(
            steps=steps,
            order=order,
            stepping=diffusion.Singlestep(),
            grid=grid,
            solver_type="taylor" if solver_type == "heun" else "midpoint",
        )
        x = torch.tensor(start())
        np.testing.assert_allclose(ours(method, x), drive(peer, indices[:-1], x, False, levels), atol=1e-4)

    @pytest.mark.parametrize("eta", [0.0, 1.0])
    def test_ddim(self, eta):
        peer = diffusers.DDIMScheduler(beta_start=1e-4, beta_end=2e-2, clip_sample=False)
        indices = np.arange(950, -1, -50)
        method = diffusion.DDIM(steps=20, eta=eta, grid=diffusion.Explicit((indices + 1) / 1000, final="zero"))
        x, generator = torch.tensor(start()), torch.Generator().manual_seed(0)
        peer.set_timesteps(20)
        expected = x
        for t in peer.timesteps:
            alpha, sigma = (float(value) for value in scales(float(t)))
            output = noise_prediction(torch, expected, alpha, sigma)
            expected = peer.step(output, t, expected, eta=eta, generator=generator).prev_sample
        np.testing.assert_allclose(ours(method, x, torch.Generator().manual_seed(0)), expected, atol=1e-4)

    def test_euler(self):
        peer = diffusers.EulerDiscreteScheduler(beta_start=1e-4, beta_end=2e-2)
        grid, indices, levels = grid_of(19, "zero")
        x, alpha = torch.tensor(start()), float(DISCRETE.alpha(DISCRETE.t_max))
        expected = drive(peer, indices, x / alpha, True, np.append(levels, 0.0))
        np.testing.assert_allclose(ours(diffusion.Euler(steps=20, grid=grid), x), expected, atol=1e-4)

    def test_heun(self):
        peer = diffusers.HeunDiscreteScheduler(beta_schedule="linear", beta_start=1e-4, beta_end=2e-2)
        grid, indices, levels = grid_of(9, "zero")
        twice = np.concatenate((indices[:1], np.repeat(indices[1:], 2)))
        levels = np.concatenate((levels[:1], np.repeat(levels[1:], 2), [0.0]))
        x, alpha = torch.tensor(start()), float(DISCRETE.alpha(DISCRETE.t_max))
        expected = drive(peer, twice, x / alpha, True, levels)
        method = diffusion.Heun(steps=19, grid=grid)
        np.testing.assert_array_equal(
            np.round(PlanScheduler(diffusion.plan(method, DISCRETE)).timesteps, 2),
            np.round(twice, 2).astype(np.float32),
        )
        np.testing.assert_allclose(ours(method, x), expected, atol=1e-4)


@pytest.fixture(scope="module")
def unet():
    """A random UNet of a few thousand weights, large enough outputs to matter."""
    torch.manual_seed(0)
    network = diffusers.UNet2DModel(
        sample_size=8,
        in_channels=1,
        out_channels=1,
        layers_per_block=1,
        block_out_channels=(8, 16),
        norm_num_groups=4,
        down_block_types=("DownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "UpBlock2D"),
    )
    return network.eval()


class TestPipelines:
    """Pipelines of diffusers, unchanged, with a plan in the place of their scheduler."""

    @pytest.mark.parametrize(
        "method",
        [diffusion.DPMSolverPP(steps=6), diffusion.Heun(steps=7), diffusion.DPMSolver(steps=6)],
        ids=lambda method: type(method).__name__,
    )
    def test_ddpm_pipeline_equals_sample(self, unet, method):
        pipeline = diffusers.DDPMPipeline(unet, PlanScheduler(diffusion.plan(method, DISCRETE)))
        pipeline.set_progress_bar_config(disable=True)
        images = pipeline(
            batch_size=2, num_inference_steps=method.steps, generator=torch.Generator().manual_seed(1), output_type="np"
        ).images
        x_T = torch.randn((2, 1, 8, 8), generator=torch.Generator().manual_seed(1))
        problem = diffusion.Sampling(lambda x, t: unet(x, t).sample, DISCRETE, shape=(1, 8, 8))
        with torch.no_grad():
            expected = diffusion.sample(problem, method, x_T=x_T).x
        expected = (expected / 2 + 0.5).clamp(0, 1).permute(0, 2, 3, 1)
        assert expected.std() > 0.05
        np.testing.assert_allclose(images, expected, atol=1e-5)

    def test_ddim_pipeline_with_the_scheduler_put_in_its_place(self, unet):
        plan = diffusion.plan(diffusion.DPMSolverPP(steps=6, stochastic=1.0), DISCRETE)
        pipeline = diffusers.DDIMPipeline(unet, diffusers.DDIMScheduler())
        pipeline.scheduler = PlanScheduler(plan)
        pipeline.set_progress_bar_config(disable=True)
        same = [
            pipeline(num_inference_steps=6, generator=torch.Generator().manual_seed(1), output_type="np").images
            for _ in range(2)
        ]
        np.testing.assert_array_equal(*same)
        assert same[0].shape == (1, 8, 8, 1)

    def test_a_generator_for_each_image(self, unet):
        plan = diffusion.plan(diffusion.DPMSolverPP(steps=5, stochastic=1.0), DISCRETE)
        pipeline = diffusers.DDPMPipeline(unet, PlanScheduler(plan))
        pipeline.set_progress_bar_config(disable=True)

        def images(*seeds):
            generators = [torch.Generator().manual_seed(seed) for seed in seeds]
            return pipeline(len(seeds), generators, num_inference_steps=5, output_type="np").images

        np.testing.assert_allclose(images(1, 2)[1:], images(2), atol=1e-5)

    def test_image_to_image_pipeline(self):
        """Stable Diffusion image-to-image, tiny and random: guidance, added noise and announced begin."""
        pytest.importorskip("transformers", reason="diffusers hides this pipeline without transformers")
        pipeline = tiny_stable_diffusion(
            diffusers.StableDiffusionImg2ImgPipeline,
            diffusion.plan(diffusion.DPMSolverPP(steps=4), DISCRETE, start=0.6),
        )
        image = np.full((1, 16, 16, 3), 0.5, np.float32)
        embeddings = torch.zeros((1, 4, 32))

        def run(strength):
            return pipeline(
                image=image,
                prompt_embeds=embeddings,
                negative_prompt_embeds=embeddings - 1.0,
                strength=strength,
                num_inference_steps=4,
                guidance_scale=3.0,
                generator=torch.Generator().manual_seed(0),
                output_type="np",
            ).images

        assert np.isfinite(run(1.0)).all()
        with pytest.raises(ValueError, match="cannot be entered in the middle"):
            run(0.5)

    def test_half_precision_pipeline(self, unet):
        plan = diffusion.plan(diffusion.DPMSolverPP(steps=5), DISCRETE)
        pipeline = diffusers.DDPMPipeline(copy.deepcopy(unet).to(torch.bfloat16), PlanScheduler(plan))
        pipeline.set_progress_bar_config(disable=True)
        image = pipeline(1, torch.Generator().manual_seed(1), num_inference_steps=5, output_type="pt").images
        assert image.dtype == torch.bfloat16
        assert torch.isfinite(image).all()


def tiny_stable_diffusion(pipeline, plan):
    torch.manual_seed(0)
    unet = diffusers.UNet2DConditionModel(
        sample_size=8,
        in_channels=4,
        out_channels=4,
        layers_per_block=1,
        block_out_channels=(8, 16),
        norm_num_groups=4,
        cross_attention_dim=32,
        attention_head_dim=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
    )
    vae = diffusers.AutoencoderKL(
        block_out_channels=(8, 8),
        norm_num_groups=4,
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
    )
    result = pipeline(
        vae=vae,
        text_encoder=None,
        tokenizer=None,
        unet=unet,
        scheduler=PlanScheduler(plan),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    result.set_progress_bar_config(disable=True)
    return result
