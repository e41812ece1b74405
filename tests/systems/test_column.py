"""Gas columns: Goldstein's function against the noncentral chi-square law, inversion, moments, pulses and flows."""

import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import ncx2

from perturbax.core import float64
from perturbax.systems import column

PULSES = [column.Rectangle(2.0), column.Gaussian(0.5), column.ExponentialTail(1.0, 0.5)]
APPARATUS = column.GasColumn(1.0, column.ConstantFlow(1.0))


def settled(*values):
    return [jnp.asarray(np.asarray(value, np.float64)) for value in values]


@pytest.fixture(scope="module")
def steps_and_plugs():
    """On X up to 200 and T from X/3 to 3 X: the step, the plug of width 2 by it, and the plug by the circle."""
    X = np.array([1.0, 30.0, 100.0, 200.0])[:, None]
    T = X * np.linspace(1 / 3, 3.0, 40)
    Da, w = 0.01, 2.0
    with float64():
        x, t, one, da = settled(X, T, np.ones_like(X), np.full_like(X, Da))
        step = jax.jit(column.step_response, static_argnums=2)(x, t, 64)
        plug = step - jax.jit(column.step_response, static_argnums=2)(x, t - w, 64)
        circle = jax.jit(column.invert_on_circle, static_argnums=(5, 6))(
            x, da, 0.0 * x, one, t + da * x, column.Rectangle(w), 256
        )
    return X, T, np.asarray(step), np.asarray(plug), np.asarray(circle)


def test_a_step_is_the_noncentral_chi_square_law(steps_and_plugs):
    X, T, step, _, _ = steps_and_plugs
    np.testing.assert_allclose(step, ncx2.sf(2 * X, 2, 2 * T), atol=1e-12)


def test_a_plug_inverted_on_the_circle_is_a_difference_of_steps(steps_and_plugs):
    _, T, _, plug, circle = steps_and_plugs
    np.testing.assert_allclose(circle[T >= 2.0], plug[T >= 2.0], atol=1e-12)


def test_the_impulse_response_is_the_derivative_and_has_the_moments_of_the_kinetics():
    X = 30.0
    with float64():
        T = jnp.linspace(0.0, 4.0 * X, 4001)
        impulse = np.asarray(jax.jit(column.impulse_response)(jnp.full_like(T, X), T))
        slope = jax.jit(jax.vmap(jax.grad(column.step_response, argnums=1), (None, 0)))(jnp.asarray(X), T[1::400])
        np.testing.assert_allclose(impulse[1::400], slope, atol=1e-12)
        T = np.asarray(T)
    area = np.trapezoid(impulse, T)
    mean = np.trapezoid(T * impulse, T)
    assert area + np.exp(-X) == pytest.approx(1.0, rel=1e-8)
    assert mean == pytest.approx(X, rel=1e-8)
    assert np.trapezoid((T - mean) ** 2 * impulse, T) == pytest.approx(2.0 * X, rel=1e-6)


def test_dispersion_adds_to_the_variance_as_the_moments_say():
    X, Da, spread = 100.0, 0.01, 0.01
    with float64():
        t = np.linspace(0.0, 300.0, 1201)[1:]
        numbers = settled(*np.full((4, 1, 1), [[[X]], [[Da]], [[spread]], [[1.0]]]), t[None])
        # On the early times the circle means nothing: they hold nothing of the peak either.
        value = np.asarray(column.invert_on_circle(*numbers, column.Gaussian(0.1), 256))[0]
    value, t = value[t > 10.0], t[t > 10.0]
    area, centre, variance = column.Gaussian(0.1).moments
    assert np.trapezoid(value, t) == pytest.approx(area, rel=1e-6)
    mean = np.trapezoid(t * value, t) / area
    assert mean == pytest.approx(X * (1.0 + Da) + centre, rel=1e-6)
    expected = X * (2.0 + 2.0 * spread * (1.0 + Da) ** 2) + variance
    assert np.trapezoid((t - mean) ** 2 * value, t) / area == pytest.approx(expected, rel=1e-4)


def test_nothing_arrives_before_the_gas_and_derivatives_stay_finite():
    T = jnp.array([-1.0, 0.0, 1e-6, 2.0])
    both = jax.jit(jax.vmap(jax.value_and_grad(column.step_response, argnums=1), (None, 0)))
    value, slope = both(jnp.array(3.0), T)
    np.testing.assert_allclose(value[:3], [0.0, np.exp(-3.0), np.exp(-3.0)], rtol=1e-4)
    assert np.isfinite(slope).all()
    assert column.impulse_response(3.0, -1.0) == 0.0


def test_steps_are_good_in_float32_and_the_circle_refuses_it():
    X, T = np.float32(200.0), np.linspace(100.0, 300.0, 9, dtype=np.float32)
    np.testing.assert_allclose(jax.jit(column.step_response)(X, T), ncx2.sf(400.0, 2, 2 * T.astype(float)), atol=1e-5)
    one = jnp.ones((1, 1))
    with pytest.raises(TypeError, match="t must be float64"):
        column.invert_on_circle(one, one, one, one, one, column.Rectangle(1.0), 32)


@pytest.mark.parametrize("pulse", PULSES)
def test_a_pulse_is_the_sum_of_its_steps(pulse):
    with float64():
        t = np.linspace(-1.0, 20.0, 4201)
        value = np.asarray(pulse(jnp.asarray(t)))
        area, mean, variance = pulse.moments
        s = 0.3 + 0.4j
        transform = complex(pulse.transform(s))
    parts = [np.trapezoid(value * t**k, t) for k in range(3)]
    np.testing.assert_allclose(parts[0], area, rtol=5e-3)
    np.testing.assert_allclose(parts[1] / parts[0], mean, rtol=5e-3)
    np.testing.assert_allclose(parts[2] / parts[0] - mean**2, variance, rtol=3e-2)
    times, heights = pulse.steps(64)
    # Every step has the transform exp(-s t) / s.
    assert transform == pytest.approx((heights * np.exp(-s * times)).sum() / s, rel=1e-7)
    assert list(pulse.edges) == sorted(pulse.edges)


def test_the_hold_up_is_the_time_of_the_gas():
    flow = column.CompressibleFlow(0.5, 2.5e5, 1e5)
    with float64():
        time = quad(lambda x: 30.0 / float(flow.velocity(x)), 0.0, 1.0)[0]
        assert float(flow.velocity(0.0) / flow.velocity(1.0)) == pytest.approx(flow.expansion)
    assert flow.hold_up(30.0) == pytest.approx(time)


def test_a_component_is_told_by_three_numbers():
    sample = column.Injection(
        column.GasColumn(2.0, column.ConstantFlow(0.5), 3.0), column.Linear([2.0], [0.1]), PULSES[0], 1.0, 1e-3
    )
    assert sample.dimensionless_length.tolist() == [24.0]
    assert sample.damkohler[0] == pytest.approx(0.1 / 6.0)
    assert sample.inverse_peclet[0] == pytest.approx(1e-3 * 6.0 / 0.25)
    assert sample.retention_times[0] == pytest.approx(4.0 * (1.0 + 60.0))


def test_competition_is_predicted_at_the_inlet():
    kinetics = column.Langmuir([2.0, 3.0], [0.5, 0.1], [100.0, 200.0])
    load = [k_a * 4.0 / k_d * (1.0 - np.exp(-2.0 * k_d)) for k_a, k_d in ((2.0, 0.5), (3.0, 0.1))]
    sample = column.Injection(APPARATUS, kinetics, column.Rectangle(2.0), 4.0)
    assert sample.competition() == pytest.approx(load[0] / 100.0 + load[1] / 200.0)
    assert column.Injection(APPARATUS, column.Linear([2.0], [0.5]), PULSES[0]).competition() == 0.0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: column.GasColumn(0.0, column.ConstantFlow(1.0)), "length must be a number > 0"),
        (lambda: column.GasColumn(1.0, 2.0), "flow must be a flow"),
        (lambda: column.GasColumn(1.0, column.ConstantFlow(1.0), -1.0), "phase_ratio"),
        (lambda: column.ConstantFlow(np.nan), "speed"),
        (lambda: column.CompressibleFlow(1.0, 1e5, 2e5), "inlet_pressure must be a number > 200000"),
        (lambda: column.SorptionFlow(1.0, 1e5, 0.0), "temperature"),
        (lambda: column.Rectangle(-1.0), "width"),
        (lambda: column.Gaussian(0.0), "deviation"),
        (lambda: column.ExponentialTail(1.0, 0.0), "decay"),
        (lambda: column.Linear([1.0, -1.0], [1.0, 1.0]), "adsorption must be > 0, got -1"),
        (lambda: column.Linear([1.0, 1.0], [1.0, 1.0, 1.0]), "desorption must be one number or one for each of 2"),
        (lambda: column.Langmuir([1.0], [1.0], [np.inf]), "capacity must be finite"),
        (lambda: column.Injection(APPARATUS, None, PULSES[0]), "kinetics must be"),
        (lambda: column.Injection(APPARATUS, column.Linear([1.0], [1.0]), 1.0), "pulse must be"),
        (lambda: column.Injection(APPARATUS, column.Linear([1.0], [1.0]), PULSES[0], 0.0), "concentration must be > 0"),
        (lambda: column.Injection(APPARATUS, column.Linear([1.0], [1.0]), PULSES[0], 1.0, -1.0), "dispersion must be"),
        (lambda: column.Injection(APPARATUS, column.Linear([1.0], [1.0]), PULSES[0], inlet=0), "inlet must be"),
    ],
)
def test_bad_input_is_told_by_name(without_type_checks, make, message):
    with pytest.raises((TypeError, ValueError), match=message):
        make()


SPLIT = """
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from perturbax import core
from perturbax.systems import column

core.enable_compilation_cache()
assert jax.device_count() == 4
X = jnp.linspace(20.0, 400.0, 64)
T = jnp.linspace(1.0, 800.0, 100)
curves = jax.jit(jax.vmap(column.step_response, (0, None)))
rows = NamedSharding(Mesh(np.array(jax.devices()), ("curves",)), PartitionSpec("curves"))
four = curves(jax.device_put(X, rows), T)
assert len(four.sharding.device_set) == 4 and not four.sharding.is_fully_replicated
np.testing.assert_allclose(four, curves(X, T), atol=1e-6)
"""


@pytest.mark.slow
def test_curves_on_four_devices_are_those_on_one():
    environment = {**os.environ, "XLA_FLAGS": "--xla_force_host_platform_device_count=4", "JAX_PLATFORMS": "cpu"}
    run = subprocess.run([sys.executable, "-c", SPLIT], env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


@pytest.mark.slow
def test_the_circle_agrees_with_arbitrary_precision_where_there_is_dispersion():
    mpmath = pytest.importorskip("mpmath")
    X, Da, spread = 100.0, 0.01, 0.01
    t = np.array([60.0, 101.0, 150.0])

    def transform(s):
        h = Da * s + s / (s + 1)
        return (1 - mpmath.exp(-2 * s)) / s * mpmath.exp(-2 * X * h / (1 + mpmath.sqrt(1 + 4 * spread * h)))

    exact = [float(mpmath.invertlaplace(transform, time, method="talbot", degree=80)) for time in t]
    with float64():
        numbers = settled(*np.full((4, 1, 1), [[[X]], [[Da]], [[spread]], [[1.0]]]), t[None])
        found = np.asarray(column.invert_on_circle(*numbers, column.Rectangle(2.0), 256))[0]
    np.testing.assert_allclose(found, exact, atol=1e-11)
