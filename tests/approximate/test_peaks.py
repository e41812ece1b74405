"""Peaks of a chromatogram: rates that are known come back, errors are right, and doubtful traces are told."""

import jax.numpy as jnp
import numpy as np
import pytest

from perturbax import approximate, pde
from perturbax.core import SolverError, float64
from perturbax.systems import column

from ..diffusion.test_compilation import compilations

APPARATUS = column.GasColumn(1.0, column.ConstantFlow(1.0))
PULSE = column.Rectangle(1.0)
TIMES = np.linspace(0.0, 100.0, 101)
RATES = np.array([[80.0, 3.0], [60.0, 1.2]])


def signal(rates=RATES, height=(1.0, 2.0), times=TIMES, apparatus=APPARATUS, pulse=PULSE):
    kinetics = column.Linear(*rates.T)
    sample = column.Injection(apparatus, kinetics, pulse, height)
    return pde.simulate(sample, pde.LaplaceIntegral(), times).signal


def trace(y=None, peaks=2, **options):
    data = {"times": TIMES, "signal": signal() if y is None else y, "pulse": PULSE, "peaks": peaks} | options
    return approximate.DetectorTrace(APPARATUS, **data)


@pytest.fixture(scope="module")
def noisy():
    """A drift and noise of one per cent of the highest top, and what is fitted to them."""
    y = signal()
    y = y + 0.01 * y.max() * np.random.default_rng(0).normal(size=y.size) + 0.003 + 1e-5 * TIMES
    problem = trace(y)
    return problem, approximate.fit(problem, approximate.LaplaceFit())


def test_rates_come_back_from_a_trace_without_noise():
    fitted = approximate.fit(trace(signal() + 0.01 + 1e-4 * TIMES), approximate.LaplaceFit())
    np.testing.assert_allclose(fitted.values, RATES, rtol=1e-6)
    np.testing.assert_allclose(fitted.heights, [1.0, 2.0], rtol=1e-6)
    np.testing.assert_allclose(fitted.baseline, [0.01, 1e-4], rtol=1e-5)
    np.testing.assert_allclose(fitted.retention_times, 1.0 + RATES[:, 0] / RATES[:, 1], rtol=1e-6)
    assert fitted.warnings == ()


def test_errors_are_those_of_the_rates(noisy):
    _, fitted = noisy
    gaps = np.log(fitted.values / RATES) / fitted.errors
    assert np.abs(gaps).max() < 4.0
    assert np.abs(fitted.values / RATES - 1.0).max() < 0.1
    # Rates of one peak are known together much worse than their ratio, the retention time.
    assert 10.0 < fitted.condition < 1e5
    assert np.abs(fitted.retention_times / (1.0 + RATES[:, 0] / RATES[:, 1]) - 1.0).max() < 5e-3


def test_the_parts_of_a_solution_belong_together(noisy):
    problem, fitted = noisy
    line = fitted.baseline[0] + fitted.baseline[1] * problem.times
    np.testing.assert_allclose(fitted.curves.sum(0) + line, fitted.fitted, atol=1e-12)
    np.testing.assert_allclose(fitted.fitted + fitted.residual, problem.signal, atol=1e-12)
    # At a minimum no small change of a height, of the baseline or of a rate helps.
    assert np.abs(fitted.curves @ fitted.residual).max() < 1e-10
    assert abs(fitted.residual.sum()) < 1e-10
    np.testing.assert_allclose(fitted.areas, fitted.heights * PULSE.moments[0], rtol=2e-3)
    table = fitted.table()
    assert list(table["adsorption"]) == list(fitted.adsorption)
    assert {"plates", "area", "adsorption_error", "desorption_error"} <= set(table.columns)
    assert fitted.resolution == pytest.approx(
        (fitted.retention_times[1] - fitted.retention_times[0]) / (2.0 * fitted.deviations.sum())
    )


def test_the_order_of_times_does_not_matter(noisy):
    problem, fitted = noisy
    order = np.random.default_rng(1).permutation(TIMES.size)
    mixed = approximate.fit(trace(problem.signal[order], times=TIMES[order]), approximate.LaplaceFit())
    np.testing.assert_array_equal(mixed.values, fitted.values)


def test_other_data_compile_nothing(noisy):
    problem, fitted = noisy
    with compilations() as seen:
        again = approximate.fit(trace(problem.signal[::-1][::-1] * 1.01), approximate.LaplaceFit())
    np.testing.assert_allclose(again.values, fitted.values, rtol=1e-6)
    assert not seen


def test_gaussian_peaks_are_found_exactly_where_they_are():
    y = 3.0 * np.exp(-0.5 * ((TIMES - 30.2) / 3.0) ** 2) + np.exp(-0.5 * ((TIMES - 60.0) / 5.0) ** 2) + 0.1
    fitted = approximate.fit(trace(y), approximate.GaussianPeaks())
    np.testing.assert_allclose(fitted.values, [[30.2, 3.0], [60.0, 5.0]], rtol=1e-6)
    np.testing.assert_allclose(fitted.deviations**2, np.array([9.0, 25.0]) - 1.0 / 12.0, rtol=1e-6)


def test_a_modified_gaussian_is_a_gaussian_with_a_tail():
    values = np.array([[30.0, 2.0, 4.0]])
    with float64():
        fine = np.linspace(0.0, 200.0, 8001)
        shape = np.asarray(approximate.ModifiedGaussianPeaks().shapes(jnp.asarray(values), jnp.asarray(fine)))[0]
    area = np.trapezoid(shape, fine)
    mean = np.trapezoid(fine * shape, fine) / area
    assert mean == pytest.approx(34.0, rel=1e-6)
    assert np.trapezoid((fine - mean) ** 2 * shape, fine) / area == pytest.approx(20.0, rel=1e-6)


@pytest.mark.slow
def test_modified_gaussians_are_recovered():
    values = np.array([[25.0, 2.0, 3.0], [60.0, 3.0, 5.0]])
    with float64():
        shapes = np.asarray(approximate.ModifiedGaussianPeaks().shapes(jnp.asarray(values), jnp.asarray(TIMES)))
    fitted = approximate.fit(trace(np.array([1.0, 2.0]) @ shapes), approximate.ModifiedGaussianPeaks())
    np.testing.assert_allclose(fitted.values, values, rtol=1e-5)


@pytest.mark.slow
def test_finite_differences_find_what_the_closed_form_finds(noisy):
    problem, fitted = noisy
    method = approximate.FiniteDifferenceFit(cells=200, steps=400)
    np.testing.assert_allclose(approximate.fit(problem, method).values, fitted.values, rtol=1e-2)


def test_a_pulse_longer_than_the_peak_leaves_the_rates_unknown():
    wide, rates = column.Rectangle(20.0), np.array([[4e4, 2e3], [8e4, 1.6e3]])
    y = signal(rates, (1.0, 1.0), pulse=wide)
    y = y + 0.05 * np.random.default_rng(0).normal(size=y.size)
    fitted = approximate.fit(trace(y, pulse=wide, peaks=[31.0, 61.0]), approximate.LaplaceFit(), throw=False)
    assert any("is not known from this trace" in warning for warning in fitted.warnings)


def test_an_overloaded_column_is_told(noisy):
    problem, fitted = noisy
    crowded = approximate.fit(trace(problem.signal, capacity=[1e3, 1e3]), approximate.LaplaceFit())
    np.testing.assert_array_equal(crowded.values, fitted.values)
    assert "the column is overloaded" in crowded.warnings[-1]
    assert approximate.fit(trace(problem.signal, capacity=[1e5, 1e5]), approximate.LaplaceFit()).warnings == ()


def test_a_fit_that_ends_too_early_raises(noisy):
    problem, _ = noisy
    method = approximate.LaplaceFit(max_steps=2)
    with pytest.raises(SolverError, match="fit by LaplaceFit"):
        approximate.fit(problem, method)
    assert np.isfinite(approximate.fit(problem, method, throw=False).values).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"column": 1.0}, "column must be a systems.column.GasColumn"),
        ({"pulse": 1.0}, "pulse must be a pulse"),
        ({"signal": np.full(101, np.nan)}, "signal must be finite, got 101 NaN"),
        ({"signal": np.ones(7)}, r"signal must have shape \(101,\)"),
        ({"times": np.where(TIMES == 3.0, 4.0, TIMES)}, "times must differ, got 4 twice"),
        ({"times": TIMES - 10.0}, "times must be >= 0"),
        ({"peaks": [0.9, 30.0]}, "no component leaves before the gas"),
        ({"peaks": [30.0, 101.0]}, "the last time, 100, got 101"),
        ({"peaks": 7}, "peaks must be at most"),
        ({"peaks": 0}, "peaks must be an integer >= 1"),
        ({"dispersion": -1.0}, "dispersion"),
        ({"capacity": [1.0]}, r"capacity must have shape \(2,\)"),
        ({"capacity": [1.0, 0.0]}, "capacity must be > 0"),
    ],
)
def test_bad_traces_are_refused(without_type_checks, change, message):
    call = {"column": APPARATUS, "times": TIMES, "signal": signal(), "pulse": PULSE, "peaks": 2} | change
    with pytest.raises((TypeError, ValueError), match=message):
        approximate.DetectorTrace(**call)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: approximate.fit(None, approximate.LaplaceFit()), "problem must be what LaplaceFit approximates"),
        (lambda: approximate.fit(None, approximate.LaplaceFit), r"did you mean LaplaceFit\(\)"),
        (lambda: approximate.LaplaceFit(max_steps=0), "max_steps"),
        (lambda: approximate.LaplaceFit(nodes=1), "nodes"),
        (lambda: approximate.GaussianPeaks(tolerance=0.0), "tolerance"),
        (lambda: approximate.FiniteDifferenceFit(cells=1), "cells"),
        (lambda: approximate.FiniteDifferenceFit(scheme="upwind"), "scheme must be"),
    ],
)
def test_bad_calls_are_refused(without_type_checks, call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call()
