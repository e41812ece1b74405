"""Regions of absolute stability: recurrences read off plans against closed forms."""

import numpy as np
import pytest

from perturbax import core, diffusion
from perturbax.diffusion import GHVB, PLMS, HeavyBall, HeavyBallPP, Nesterov, stability

NOWHERE = np.zeros(1)
ADAMS_BASHFORTH = {1: -2.0, 2: -1.0, 3: -6 / 11, 4: -0.3}


def interval(method):
    return stability(method, NOWHERE).real_interval


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        (diffusion.DDIM(), -2.0),
        (diffusion.Heun(), -1.0),  # -2 a step, which takes two evaluations
        *((PLMS(order=q), end) for q, end in ADAMS_BASHFORTH.items()),
        (PLMS(order=3, coefficients="variable"), ADAMS_BASHFORTH[3]),
        *((HeavyBall(order=q, beta=b), end * (2 - b) / b) for q, end in ADAMS_BASHFORTH.items() for b in (0.5, 0.8)),
        *((GHVB(order=b), -2 * (2 - b) / b) for b in (0.3, 0.8)),
        *((GHVB(order=1 + b), -(2 - b)) for b in (0.3, 0.8)),
        *((GHVB(order=2 + b), -6 * (2 - b) / (12 - b)) for b in (0.3, 0.8)),
        *((GHVB(order=3 + b), -3 * (2 - b) / (11 - b)) for b in (0.3, 0.8)),
        (GHVB(order=3.5, coefficients="variable"), -3 * 1.5 / 10.5),
        (diffusion.DPMSolverPP(), -1.0),
        (HeavyBallPP(beta=0.8), -1.5),
    ],
    ids=repr,
)
def test_real_interval_is_that_of_the_closed_form(method, expected):
    assert interval(method) == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize(("beta", "expected"), [(0.5, -0.45), (0.8, -0.321)])
def test_nesterov_widens_less_than_heavy_ball(beta, expected):
    assert interval(Nesterov(order=4, beta=beta)) == pytest.approx(expected, abs=1e-3)


def test_heun_is_stable_where_its_polynomial_is():
    z = np.array([-1.0 + 0.5j, -0.5 + 0.9j, -0.2 + 0.1j, 0.3])
    expected = np.abs(1 + 2 * z + (2 * z) ** 2 / 2) ** 0.5  # a step of 2 h in two evaluations
    np.testing.assert_allclose(stability(diffusion.Heun(), z).spectral_radius, expected, rtol=1e-3)


def test_leapfrog_is_stable_nowhere_on_the_real_axis():
    z = np.array([-0.1, -1.0])
    found = stability(diffusion.BDIA(gamma=1.0), z)
    assert found.real_interval == 0.0
    np.testing.assert_allclose(found.spectral_radius, -z + np.sqrt(1 + z**2), rtol=1e-3)


def test_momentum_does_not_widen_the_region_everywhere():
    """Heavy ball gives the imaginary axis away, and a fractional index lies between its two neighbours."""
    axis = 0.2j * np.ones(1)
    assert stability(PLMS(order=4), axis).stable.all()
    assert not stability(HeavyBall(order=4, beta=0.8), axis).stable.any()
    assert interval(PLMS(order=2)) < interval(GHVB(order=2.5)) < interval(PLMS(order=3))


def test_guidance_shrinks_the_region():
    whole, shrunk = (stability(PLMS(order=2), -0.4 * np.ones(1), guidance=w) for w in (1.0, 8.0))
    assert shrunk.real_interval == pytest.approx(whole.real_interval / 8.0)
    assert whole.stable.all()
    assert not shrunk.stable.any()


def test_the_default_points_are_a_grid_symmetric_about_the_real_axis():
    found = stability(PLMS(order=1))
    assert found.z.shape == found.stable.shape == (121, 161)
    np.testing.assert_array_equal(found.stable, found.stable[::-1])
    inside = np.abs(1 + found.z) < 0.999
    assert found.stable[inside].all()
    assert not found.stable[np.abs(1 + found.z) > 1.001].any()


def test_a_real_trajectory_grows_as_predicted():
    """The far end of the machinery: a sampler that runs on the test equation itself."""
    process = diffusion.EDM(t_min=100.0, t_max=300.0)
    for z in (-0.4, -0.9):
        problem = diffusion.Sampling(lambda x, t, z=z: -z * x, process, shape=(1,))
        method = GHVB(steps=200, order=2.5, grid=diffusion.TimeUniform(final="eps"))
        with core.float64():
            states = diffusion.sample(problem, method, x_T=np.ones((1, 1)), trajectory=True, throw=False).states
        growth = abs(states[-1] / states[-101]).item() ** 0.01
        assert growth == pytest.approx(stability(method, np.array([z])).spectral_radius[0], rel=1e-2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: stability(diffusion.AdaptiveDPMSolver()), "AdaptiveDPMSolver"),
        (lambda: stability(diffusion.DDPM()), "method must be deterministic, but DDPM"),
        (lambda: stability(PLMS(), [np.nan]), "z must be finite"),
        (lambda: stability(PLMS(), guidance=0.0), "guidance must"),
    ],
)
def test_what_has_no_region_is_refused(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call()
