"""Where state-space layers start from: two routes to the same transfer function, and what is known of each matrix."""

import jax
import numpy as np
import pytest
from numpy.polynomial import legendre
from scipy.linalg import expm

from perturbax import linalg
from perturbax.nn import ssm

KEY = jax.random.key(0)
S = 1j * np.array([-90.0, -3.0, 0.0, 0.7, 40.0, 81.0])


def output(N):
    return np.random.default_rng(N).normal(size=N)


def test_the_impulse_response_of_legs_is_legendre_in_exp_minus_t():
    system, t = ssm.legs(7), 0.4
    known = [b * np.exp(-t) * legendre.legval(2 * np.exp(-t) - 1, np.eye(7)[n]) for n, b in enumerate(system.B)]
    np.testing.assert_allclose(expm(t * system.A) @ system.B, known, rtol=1e-10)


@pytest.mark.parametrize("hippo", [ssm.legt, ssm.fout])
def test_a_window_keeps_the_mean_of_the_last_unit_of_time(hippo):
    system, dt = hippo(41), 0.01
    step, x, seen = expm(dt * system.A), system.B, []
    for _ in range(200):
        seen.append(x[0])
        x = step @ x
    seen = np.array(seen)
    assert np.abs(seen[10:90].mean() - 1.0) < 0.01
    assert np.abs(seen[110:190].mean()) < 0.01
    assert np.linalg.eigvals(system.A).real.max() < 0.0


@pytest.mark.parametrize("N", [2, 7, 16])
def test_diagonal_plus_low_rank_is_the_dense_system(N):
    dense, low = ssm.legs(N).transfer(output(N), S), ssm.dplr(N).transfer(output(N), S)
    np.testing.assert_allclose(low, dense, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("N", [7, 16])
def test_one_of_each_pair_stands_for_both(N):
    system = ssm.legs(N)
    found = linalg.diagonalize(system.A, linalg.RandomPTD(0.1), key=KEY, stable=True)
    for modes in (ssm.diagonal(system, found), ssm.s4d_legs(N)):
        assert N // 2 <= modes.values.size <= (N + 3) // 2
        np.testing.assert_allclose(2.0 * (modes.outputs @ modes.inverse).real, np.eye(N), atol=1e-8)
    exact = ssm.StateSpace(system.A + found.perturbation, system.B)
    np.testing.assert_allclose(
        ssm.diagonal(system, found).transfer(output(N), S), exact.transfer(output(N), S), rtol=1e-8
    )


@pytest.mark.parametrize("N", [16, 64])
def test_s4d_has_spikes_of_two_over_pi_squared_times_n_squared(N):
    modes, C = ssm.s4d_legs(N), output(N)
    top = 1j * modes.values.imag.max()
    ratio = abs(modes.transfer(C, top) / ssm.dplr(N).transfer(C, top))
    assert ratio == pytest.approx(2 / np.pi**2 * N**2, rel=0.02)


def test_a_perturbed_matrix_has_no_spikes_and_its_error_is_linear_in_the_perturbation():
    system, C, exact = ssm.legs(16), output(16), ssm.dplr(16)
    spikes = np.abs(ssm.s4d_legs(16).values.imag)
    frequencies = np.concatenate([np.linspace(-100.0, 100.0, 201), spikes])
    errors = []
    for eps in (1e-3, 1e-2, 1e-1):
        found = linalg.diagonalize(system.A, linalg.RandomPTD(eps), key=KEY, stable=True)
        g, wanted = (a.transfer(C, 1j * frequencies) for a in (ssm.diagonal(system, found), exact))
        errors.append(np.abs(g - wanted).max() / ssm.hinf(exact, C, frequencies))
    assert errors[-1] < 0.1
    assert np.log(errors[-1] / errors[0]) / np.log(100.0) == pytest.approx(1.0, abs=0.1)
    assert ssm.hinf(ssm.s4d_legs(16), C, frequencies) > 3.0 * ssm.hinf(exact, C, frequencies)


def test_the_modes_that_are_given_by_hand():
    np.testing.assert_allclose(ssm.s4d_lin(6).values, -0.5 + 1j * np.pi * np.arange(3))
    np.testing.assert_allclose(ssm.s4d_inv(6).values.imag, 6 / np.pi * (6 / np.array([1.0, 3.0, 5.0]) - 1))
    assert ssm.s4d_lin(6).size == 6


def test_the_share_of_aliased_modes():
    assert ssm.s4d_lin(8).aliased(1.0) == 0.5
    assert ssm.s4d_lin(8).aliased(0.1) == 0.0


def test_bad_input_is_refused_by_name():
    system = ssm.legs(4)
    with pytest.raises(ValueError, match="N must be an integer >= 2"):
        ssm.legs(1)
    with pytest.raises(ValueError, match="N must be odd, got 4"):
        ssm.fout(4)
    for make in (ssm.s4d_lin, ssm.s4d_inv):
        with pytest.raises(ValueError, match="N must be even, got 5"):
            make(5)
    found = linalg.diagonalize(-system.A, linalg.RandomPTD(0.1), key=KEY)
    with pytest.raises(ValueError, match="values must have real parts < 0"):
        ssm.diagonal(system, found)
    with pytest.raises(ValueError, match=r"diagonalization.values must have shape \(8,\)"):
        ssm.diagonal(ssm.legs(8), found)
    with pytest.raises(ValueError, match="frequencies must be finite"):
        ssm.hinf(system, np.ones(4), [np.nan])
