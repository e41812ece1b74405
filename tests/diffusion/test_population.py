"""Many plans at once are the plans one by one, in one program for all coefficients."""

import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perturbax import core, diffusion
from perturbax.diffusion import USF, SolverSchedule, known_schedules, run_stack, stack_plans, stack_schedules
from perturbax.diffusion._denoise import Denoiser
from perturbax.diffusion._evolution import DECISIONS, Space, random_schedule

from .test_compilation import compilations

PROCESS = diffusion.VPLinear()
X_T = np.random.default_rng(0).normal(size=(3, 6))
LOW, HIGH = (float(PROCESS.half_log_snr(t)) for t in (PROCESS.t_max, PROCESS.t_min))


def random_ones(count, final="eps", evaluations=5):
    space = Space(evaluations, LOW, HIGH, final, DECISIONS)
    return [random_schedule(space, np.random.default_rng(seed)) for seed in range(count)]


def run(gaussian, stack):
    with core.float64():
        rows = jax.tree.map(jnp.asarray, stack.rows(diffusion.Epsilon(), ("direct",)))
        return np.asarray(run_stack(stack.plans, Denoiser(gaussian.noise, None, None), rows, jnp.asarray(X_T), None))


def one_by_one(gaussian, methods):
    problem = diffusion.Sampling(gaussian.noise, PROCESS, shape=(6,))
    return np.stack([diffusion.sample(problem, method, x_T=X_T).x for method in methods])


@pytest.mark.parametrize("final", ["eps", "zero"])
def test_compiled_together_is_compiled_alone(gaussian, final):
    schedules = [*list(known_schedules(5, PROCESS, final).values())[::7], *random_ones(8, final)]
    # Shorter ones are filled up.
    schedules += [*random_ones(2, final, 3), SolverSchedule(np.linspace(LOW, HIGH, 7), [1, 2, 3, 4, 4, 4], final=final)]
    stack = stack_schedules(schedules, PROCESS)
    assert stack.evaluations.tolist() == [schedule.evaluations for schedule in schedules]
    alone = one_by_one(gaussian, [USF(schedule) for schedule in schedules])
    scale = np.maximum(1.0, np.abs(alone))
    np.testing.assert_allclose(run(gaussian, stack) / scale, alone / scale, atol=1e-10)


def test_plans_of_any_deterministic_sampler_are_stacked(gaussian):
    methods = [
        diffusion.DDIM(steps=4), diffusion.Heun(steps=7), diffusion.DPMSolverPP(steps=9, order=3),
        diffusion.GHVB(steps=5), USF(SolverSchedule(np.linspace(LOW, HIGH, 5), 2, correctors="implicit")),
    ]  # fmt: skip
    stack = stack_plans([diffusion.plan(method, PROCESS) for method in methods])
    assert len(stack) == 5
    assert stack.evaluations.tolist() == [4, 7, 9, 5, 7]
    np.testing.assert_allclose(run(gaussian, stack), one_by_one(gaussian, methods), atol=1e-10)


def test_other_schedules_of_the_same_shape_do_not_compile(gaussian):
    run(gaussian, stack_schedules(random_ones(4), PROCESS, steps=6))
    with compilations() as seen:
        run(gaussian, stack_schedules(random_ones(8)[4:], PROCESS, steps=6))
    assert seen == []


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: stack_plans([]), "at least one plan"),
        (lambda: stack_plans([diffusion.plan(diffusion.DDPM(steps=4), PROCESS)]), "deterministic"),
        (lambda: stack_schedules([], PROCESS), "at least one schedule"),
        (lambda: stack_schedules([*random_ones(1), *random_ones(1, "zero")], PROCESS), "the same final"),
        (
            lambda: stack_schedules([SolverSchedule([LOW, 0.0, HIGH], correctors="implicit")], PROCESS),
            "no implicit corrector",
        ),
        (lambda: stack_schedules([SolverSchedule([LOW, HIGH + 1.0])], PROCESS), "half_log_snr must lie in"),
    ],
)
def test_bad_input(make, message):
    with pytest.raises((TypeError, ValueError), match=message):
        make()


SPREAD = """
import jax, numpy as np
from perturbax import diffusion
assert jax.device_count() == 4
process = diffusion.VPLinear()
exact = lambda x, t: process.sigma(t) * x / (0.25 * process.alpha(t) ** 2 + process.sigma(t) ** 2)
problem = diffusion.Sampling(exact, process, shape=(6,))
def find(devices):
    return diffusion.search(
        problem, diffusion.Evolution(steps=3, budget=80), key=jax.random.key(0), samples=4, validation=4, test=4,
        devices=devices,
    )
one, four = find(jax.devices()[:1]), find(jax.devices())
np.testing.assert_allclose(one.scores, four.scores, rtol=1e-4)
"""


@pytest.mark.slow
def test_four_devices_find_what_one_finds():
    environment = {**os.environ, "XLA_FLAGS": "--xla_force_host_platform_device_count=4"}
    run = subprocess.run([sys.executable, "-c", SPREAD], env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
