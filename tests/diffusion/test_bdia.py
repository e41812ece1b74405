"""BDIA and its baselines as samplers: the published recursion, orders, costs. Inversion has tests of its own."""

import numpy as np
import pytest

from perturbax import diffusion
from perturbax.diffusion import BDIA, BELM, DDIM, EDICT, HeunIncrement, MidpointIncrement

EPS = diffusion.LogSNR(final="eps")
PROCESS = diffusion.VPLinear()
X_T = np.random.default_rng(0).normal(size=(8, 6))


def draw(gaussian, method):
    problem = diffusion.Sampling(gaussian.noise, gaussian.process, shape=(6,))
    return diffusion.sample(problem, method, x_T=X_T).x


def error(gaussian, method):
    return np.sqrt(np.mean((draw(gaussian, method) - gaussian.flow(X_T, PROCESS.t_max, PROCESS.t_min)) ** 2))


@pytest.mark.parametrize("gamma", [0.3, 1.0])
def test_the_recursion_is_that_of_the_paper(gaussian, gamma):
    """Zhang et al. 2023, equation 15, written out in the paper's letters."""
    times = EPS.times(PROCESS, 9)
    alpha, sigma = np.asarray(PROCESS.alpha(times)), np.asarray(PROCESS.sigma(times))

    def reached(j, i, z, e):
        return alpha[j] * (z - sigma[i] * e) / alpha[i] + sigma[j] * e

    before, z = X_T, reached(1, 0, X_T, gaussian.noise(X_T, times[0]))
    for i in range(1, 9):
        e = gaussian.noise(z, times[i])
        before, z = z, gamma * (before - reached(i - 1, i, z, e)) + reached(i + 1, i, z, e)
    np.testing.assert_allclose(draw(gaussian, BDIA(steps=9, gamma=gamma, grid=EPS)), z, rtol=1e-9)


def test_without_the_backward_part_it_is_the_integrator(gaussian):
    for increment, plain in (
        (diffusion.DDIMIncrement(), DDIM(steps=12, grid=EPS)),
        (MidpointIncrement(), diffusion.DPMSolverPP(steps=12, stepping=diffusion.FixedSinglestep(), grid=EPS)),
    ):
        ours = draw(gaussian, BDIA(steps=12, gamma=0.0, increment=increment, grid=EPS))
        np.testing.assert_allclose(ours, draw(gaussian, plain), rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize(
    ("make", "low", "high"),
    [
        (lambda n: BDIA(steps=n, gamma=1.0, grid=EPS), 1.8, 2.1),
        (lambda n: BDIA(steps=n, gamma=0.5, grid=EPS), 0.9, 1.15),
        (lambda n: BELM(steps=n, grid=EPS), 1.8, 2.1),
        (lambda n: BDIA(steps=n, gamma=0.5, increment=HeunIncrement("heun"), grid=EPS), 1.8, 2.2),
    ],
)
def test_order_of_convergence(gaussian, make, low, high):
    rate = np.log(error(gaussian, make(80)) / error(gaussian, make(160))) / np.log(2)
    assert low <= rate <= high


@pytest.mark.parametrize("gamma", [0.25, 0.5, 0.75])
def test_the_error_is_ddims_by_the_factor_of_the_theory(gaussian, gamma):
    ratio = error(gaussian, BDIA(steps=160, gamma=gamma, grid=EPS)) / error(gaussian, DDIM(steps=160, grid=EPS))
    assert ratio == pytest.approx((1 - gamma) / (1 + gamma), rel=0.1)


@pytest.mark.parametrize(
    ("method", "evaluations", "steps"),
    [
        (BDIA(steps=12, grid=EPS), 12, 12),
        (BELM(steps=12, grid=EPS), 12, 12),
        (EDICT(steps=12, grid=EPS), 12, 6),
        (BDIA(steps=12, increment=HeunIncrement(), grid=EPS), 12, 6),
        (BDIA(steps=12, increment=MidpointIncrement(), grid=EPS), 12, 6),
        (BDIA(steps=12, increment=HeunIncrement("heun"), grid=EPS), 11, 4),
    ],
    ids=repr,
)
def test_what_a_step_costs(method, evaluations, steps):
    """Both directions of a step share the evaluation at its start; the first step has no backward part."""
    assert diffusion.plan(method, PROCESS).evaluations == evaluations
    assert len(method.nodes(method.path(PROCESS))) - 1 == steps


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: BDIA(gamma=1.5), "gamma must be"),
        (lambda: BDIA(gamma=-0.1), "gamma must be"),
        (lambda: BDIA(steps=1, increment=HeunIncrement()), "steps must be"),
        (lambda: HeunIncrement("midpoint"), "backward"),
        (lambda: EDICT(mixing=0.0), "mixing must be in"),
        (lambda: diffusion.FixedPointDDIM(iterations=0), "iterations must be"),
    ],
)
def test_parameters_out_of_range_are_refused(make, message):
    with pytest.raises((TypeError, ValueError), match=message):
        make()
