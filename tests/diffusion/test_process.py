"""Processes: two routes to every scale, the inverse of the half log-SNR, the same numbers on the host and traced."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perturbax import core, diffusion

BETAS = np.linspace(1e-4, 2e-2, 1000)
TABLE = np.cumprod(1.0 - BETAS)
COSINE_TABLE = np.clip(np.cos(np.linspace(0.01, 0.4999 * np.pi, 1000)) ** 2, 1e-9, 1)

PROCESSES = {
    "VPLinear": diffusion.VPLinear(),
    "VPCosine": diffusion.VPCosine(),
    "Discrete": diffusion.Discrete(TABLE),
    "Discrete cosine": diffusion.Discrete(COSINE_TABLE),
    "VE": diffusion.VE(),
    "EDM": diffusion.EDM(),
    "FlowMatching": diffusion.FlowMatching(),
    "FlowMatching shifted": diffusion.FlowMatching(shift=3.0),
}
every_process = pytest.mark.parametrize("process", PROCESSES.values(), ids=PROCESSES.keys())
share = st.floats(0.0, 1.0)


def time_at(process, u):
    return process.t_min + u * (process.t_max - process.t_min)


@every_process
@given(u=share)
def test_time_is_the_inverse_of_half_log_snr(process, u):
    t = time_at(process, u)
    assert process.time_of_half_log_snr(process.half_log_snr(t)) == pytest.approx(t, rel=1e-9, abs=1e-12)


@every_process
@given(u=share, v=share)
def test_half_log_snr_decreases(process, u, v):
    s, t = sorted((time_at(process, u), time_at(process, v)))
    if t - s > 1e-9 * process.t_max:
        assert process.half_log_snr(s) > process.half_log_snr(t)


@every_process
@given(u=share)
def test_scales_agree_with_each_other(process, u):
    t = time_at(process, u)
    alpha, sigma = process.alpha(t), process.sigma(t)
    assert np.log(alpha / sigma) == pytest.approx(process.half_log_snr(t), abs=1e-9)
    assert process.sigma_bar(t) == pytest.approx(sigma / alpha, rel=1e-9)
    if isinstance(process, diffusion.VPLinear | diffusion.VPCosine | diffusion.Discrete):
        assert alpha**2 + sigma**2 == pytest.approx(1.0, abs=1e-12)
    if isinstance(process, diffusion.FlowMatching):
        assert alpha + sigma == pytest.approx(1.0, abs=1e-12)
    if isinstance(process, diffusion.VE | diffusion.EDM):
        assert alpha == 1.0


@every_process
def test_host_computes_in_float64_and_tracers_in_their_dtype(process):
    times = np.linspace(process.t_min, process.t_max, 65)
    host = process.half_log_snr(times.astype(np.float32).astype(np.float64))
    assert host.dtype == np.float64
    assert type(process.alpha(0.5)) in (np.float64, float)
    traced = jax.jit(process.half_log_snr)(jnp.asarray(times, jnp.float32))
    assert traced.dtype == jnp.float32
    np.testing.assert_allclose(traced, host, atol=3e-5)
    back = jax.jit(process.time_of_half_log_snr)(jnp.asarray(host, jnp.float32))
    np.testing.assert_allclose(back, times, rtol=2e-5, atol=1e-6 * process.t_max)
    with core.float64():
        exact = jax.jit(process.half_log_snr)(jnp.asarray(times))
        assert exact.dtype == jnp.float64
    np.testing.assert_allclose(exact, process.half_log_snr(times), atol=1e-10)


@every_process
def test_derivative_of_the_inverse_is_the_inverse_derivative(process):
    with core.float64():
        t = jnp.asarray(time_at(process, 0.3701))
        forward = jax.grad(process.half_log_snr)(t)
        backward = jax.grad(process.time_of_half_log_snr)(process.half_log_snr(t))
    assert float(forward) * float(backward) == pytest.approx(1.0, rel=1e-6)
    assert float(forward) < 0


@every_process
def test_passes_through_jit_as_an_argument(process):
    value = eqx.filter_jit(lambda p: p.alpha(p.time_of_half_log_snr(jnp.asarray(0.1))))(process)
    assert float(value) == pytest.approx(float(process.alpha(process.time_of_half_log_snr(0.1))), rel=1e-5)
    times = eqx.filter_jit(lambda p: diffusion.LogSNR().times(p, 3))(process)
    np.testing.assert_array_equal(np.asarray(times), diffusion.LogSNR().times(process, 3).astype(times.dtype))


def test_known_values():
    linear = diffusion.VPLinear()
    assert linear.alpha(1.0) == pytest.approx(np.exp(-0.25 * 19.9 - 0.05))
    assert linear.alpha(0.0) == 1.0
    cosine = diffusion.VPCosine(s=0.0)
    assert cosine.alpha(0.5) == pytest.approx(np.cos(np.pi / 4))
    assert diffusion.VE().sigma(np.array([0.0, 1.0])).tolist() == pytest.approx([0.01, 50.0])
    assert diffusion.EDM().prior_std == 80.0
    assert diffusion.EDM().time_of_half_log_snr(-np.log(7.0)) == pytest.approx(7.0)


def test_limits_are_finite_where_they_exist():
    assert diffusion.FlowMatching(t_max=1.0).half_log_snr(1.0) == -np.inf
    assert diffusion.FlowMatching(t_max=1.0).alpha(1.0) == 0.0
    assert diffusion.VE(t_min=0.0).sigma(0.0) == pytest.approx(0.01)
    assert diffusion.VPLinear().time_of_half_log_snr(40.0) == pytest.approx(0.0, abs=1e-30)


def test_discrete_table_at_its_entries_and_between():
    process = diffusion.Discrete(TABLE)
    n = np.array([0, 1, 499, 998, 999])
    times = (n + 1) / 1000
    np.testing.assert_allclose(process.alpha(times) ** 2, TABLE[n], rtol=1e-13)
    np.testing.assert_allclose(process.model_time(times), n, atol=1e-9)
    between = process.log_alpha(500.5 / 1000)
    assert between == pytest.approx(0.25 * (np.log(TABLE[499]) + np.log(TABLE[500])))
    assert process.log_alpha(0.0) == pytest.approx(np.log(TABLE[0]) - 0.5 * np.log(TABLE[1]))
    np.testing.assert_array_equal(process.alphas_cumprod, TABLE)


def test_discrete_rounds_only_when_asked():
    assert diffusion.Discrete(TABLE).model_time(0.4006) == pytest.approx(399.6)
    assert diffusion.Discrete(TABLE, round_time=True).model_time(0.4006) == 400.0
    assert float(diffusion.Discrete(TABLE, round_time=True).model_time(jnp.asarray(0.4006))) == 400.0


def test_discrete_drops_the_tail_without_renumbering():
    process = diffusion.Discrete(COSINE_TABLE)
    half_log_snr = 0.5 * np.log(COSINE_TABLE / (1 - COSINE_TABLE))
    kept = int(np.sum(half_log_snr >= -5.1))
    assert kept < 1000
    assert process.t_max == kept / 1000
    assert process.model_time(process.t_max) == pytest.approx(kept - 1)
    assert process.half_log_snr(process.t_max) >= -5.1


def test_discrete_agrees_with_the_continuous_process():
    discrete, continuous = diffusion.Discrete(TABLE), diffusion.VPLinear()
    times = np.linspace(0.05, 1.0, 20)
    np.testing.assert_allclose(discrete.half_log_snr(times), continuous.half_log_snr(times), rtol=0.01, atol=0.01)


def test_flow_shift_moves_time_only():
    plain, shifted = diffusion.FlowMatching(), diffusion.FlowMatching(shift=3.0)
    t = np.linspace(0.01, 0.99, 7)
    np.testing.assert_allclose(shifted.sigma(t), plain.sigma(3 * t / (1 + 2 * t)))
    np.testing.assert_allclose(shifted.model_time(t), shifted.sigma(t))


@pytest.mark.parametrize(
    ("build", "name"),
    [
        (lambda: diffusion.VPLinear(beta_min=-1.0), "beta_min"),
        (lambda: diffusion.VPLinear(beta_max=0.05), "beta_max"),
        (lambda: diffusion.VPLinear(t_min=0.0), "t_min"),
        (lambda: diffusion.VPLinear(t_min=0.5, t_max=0.4), "t_min"),
        (lambda: diffusion.VPLinear(t_max=np.inf), "t_max"),
        (lambda: diffusion.VPCosine(s=-0.1), "s must"),
        (lambda: diffusion.VPCosine(t_max=1.0), "t_max"),
        (lambda: diffusion.VE(sigma_min=0.0), "sigma_min"),
        (lambda: diffusion.VE(sigma_min=2.0, sigma_max=1.0), "sigma_max"),
        (lambda: diffusion.EDM(t_min=0.0), "t_min"),
        (lambda: diffusion.EDM(t_max=np.nan), "t_max"),
        (lambda: diffusion.FlowMatching(shift=0.0), "shift"),
        (lambda: diffusion.FlowMatching(t_max=1.5), "t_max"),
        (lambda: diffusion.Discrete(TABLE[::-1]), "alphas_cumprod"),
        (lambda: diffusion.Discrete([0.5]), "alphas_cumprod"),
        (lambda: diffusion.Discrete([1.0, 0.5]), "alphas_cumprod"),
        (lambda: diffusion.Discrete([0.5, np.nan]), "alphas_cumprod"),
        (lambda: diffusion.Discrete([[0.9, 0.5]]), "alphas_cumprod"),
        (lambda: diffusion.Discrete([0.9, 1e-9]), "alphas_cumprod"),
    ],
)
def test_bad_settings_are_refused_by_name(build, name):
    with pytest.raises(ValueError, match=name):
        build()
