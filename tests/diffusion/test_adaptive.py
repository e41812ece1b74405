"""Samplers with step-size control: exact counts, tolerances that are reached, budgets that are kept."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perturbax import core, diffusion
from perturbax.core import Result

PROCESS = diffusion.VPLinear()
X_T = jnp.asarray(np.random.default_rng(0).normal(size=(4, 6)), jnp.float32)
METHODS = [
    diffusion.AdaptiveDPMSolver(order=2),
    diffusion.AdaptiveDPMSolver(order=3),
    diffusion.AdaptiveDPMSolver(order=3, data=True),
    diffusion.RungeKutta(rtol=1e-3, atol=1e-3),
]
every_method = pytest.mark.parametrize("method", METHODS, ids=["12", "23", "23 data", "RK45"])


@every_method
def test_evaluations_are_the_real_calls(method):
    """With a network rough enough that steps are rejected."""
    calls = []

    def model(x, t):
        jax.debug.callback(lambda t: calls.append(float(t)), t)
        return jnp.sin(9.0 * x) + 0.1 * x

    samples = diffusion.sample(diffusion.Sampling(model, PROCESS, shape=(6,)), method, x_T=X_T)
    jax.effects_barrier()
    assert len(calls) == int(samples.stats["evaluations"])
    assert int(samples.stats["rejected"]) > 0
    assert int(samples.stats["accepted"]) > 0


@pytest.mark.parametrize("method", METHODS[1::2], ids=["23", "RK45"])
def test_a_spent_budget_is_reported_and_kept(gaussian, method):
    problem = diffusion.Sampling(gaussian.noise, PROCESS, shape=(6,))
    tight = dataclasses.replace(method, max_evaluations=20)
    samples = diffusion.sample(problem, tight, x_T=X_T, throw=False)
    assert samples.result == Result.max_evaluations
    assert int(samples.stats["evaluations"]) <= 20
    with pytest.raises(core.SolverError, match=rf"{type(method).__name__} at time 0\.\d+.*budget"):
        diffusion.sample(problem, tight, x_T=X_T)


@pytest.mark.parametrize(
    ("method", "where"),
    [(METHODS[0], 0.4), (METHODS[1], 2.0), (METHODS[3], 0.4), (METHODS[3], 2.0)],
    ids=["12 late", "23 everywhere", "RK45 late", "RK45 everywhere"],
)
def test_nan_is_told_from_a_spent_budget(method, where):
    problem = diffusion.Sampling(lambda x, t: jnp.where(t < where, jnp.nan, 1.0) * x, PROCESS, shape=(6,))
    samples = diffusion.sample(problem, method, x_T=X_T, throw=False)
    assert samples.result == Result.nonfinite
    assert int(samples.stats["evaluations"]) < 500
    with pytest.raises(core.SolverError, match=rf"{type(method).__name__} at time .*NaN"):
        diffusion.sample(problem, method, x_T=X_T)


def test_error_follows_the_tolerance(gaussian):
    problem = diffusion.Sampling(gaussian.noise, PROCESS, shape=(6,))
    exact = gaussian.flow(np.asarray(X_T, np.float64), 1.0, PROCESS.t_min)
    for loose, tight in (
        (diffusion.AdaptiveDPMSolver(), diffusion.AdaptiveDPMSolver(rtol=1e-3, atol=1e-4)),
        (
            diffusion.AdaptiveDPMSolver(order=2, data=True),
            diffusion.AdaptiveDPMSolver(order=2, data=True, rtol=1e-3, atol=1e-4),
        ),
        (diffusion.RungeKutta(rtol=1e-2, atol=1e-2), diffusion.RungeKutta()),
    ):
        runs = [diffusion.sample(problem, method, x_T=X_T) for method in (loose, tight)]
        errors = [np.abs(np.asarray(run.x) - exact).max() for run in runs]
        assert errors[1] < min(5e-3, errors[0])
        assert errors[0] < 0.3
        assert int(runs[1].stats["evaluations"]) > int(runs[0].stats["evaluations"])


def test_under_jit_and_with_a_discrete_process(gaussian_under):
    process = diffusion.Discrete(np.cumprod(1.0 - np.linspace(1e-4, 2e-2, 1000)))
    gaussian = gaussian_under(process)
    problem = diffusion.Sampling(gaussian.noise, process, shape=(6,))
    method = diffusion.AdaptiveDPMSolver(rtol=1e-2, atol=1e-3)
    x = jax.jit(lambda x: diffusion.sample(problem, method, x_T=x).x)(X_T)
    exact = gaussian.flow(np.asarray(X_T, np.float64), process.t_max, process.t_min)
    np.testing.assert_allclose(x, exact, atol=0.03)


def test_what_an_adaptive_method_cannot_do_is_said():
    problem = diffusion.Sampling(lambda x, t: x, PROCESS, shape=(6,))
    for settings, error, name in (
        ({"trajectory": True}, ValueError, "trajectory"),
        ({"callback": print}, ValueError, "callback"),
        ({"x_T": np.zeros((1, 6))}, TypeError, "x_T"),
    ):
        with pytest.raises(error, match=name):
            diffusion.sample(problem, METHODS[0], **{"x_T": X_T, **settings})
    with pytest.raises(TypeError, match="method"):
        diffusion.plan(METHODS[0], PROCESS)
    pure_noise = diffusion.Sampling(lambda x, t: x, diffusion.FlowMatching(t_max=1.0), shape=(6,))
    for method in METHODS[1:]:
        with pytest.raises(ValueError, match="start must be where alpha > 0"):
            diffusion.sample(pure_noise, method, x_T=X_T)
