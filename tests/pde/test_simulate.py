"""What leaves a column: closed forms against the full equations, orders, conservation, warnings and the door."""

import numpy as np
import pytest

from perturbax import pde
from perturbax.core import SolverError
from perturbax.systems import column

from ..diffusion.test_compilation import compilations

APPARATUS = column.GasColumn(1.0, column.ConstantFlow(1.0))
KINETICS = column.Linear([30.0, 60.0], [1.0, 1.5])
TIMES = np.linspace(0.0, 100.0, 101)


def sample(kinetics=KINETICS, pulse=None, apparatus=APPARATUS, **options):
    return column.Injection(apparatus, kinetics, pulse or column.Rectangle(2.0), **options)


def gap(found, exact):
    """The largest relative error of a component in the mean square."""
    rows = np.linalg.norm(found.concentration - exact.concentration, axis=1)
    return float((rows / np.linalg.norm(exact.concentration, axis=1)).max())


@pytest.fixture(scope="module")
def closed():
    return pde.simulate(sample(), pde.LaplaceIntegral(), TIMES)


@pytest.fixture(scope="module")
def full():
    return pde.simulate(sample(), pde.FiniteDifference(cells=100, steps=400), TIMES)


def test_the_full_equations_agree_with_the_closed_form(closed, full):
    assert gap(full, closed) < 3e-3
    np.testing.assert_allclose(full.retention_times, sample().retention_times, rtol=1e-3)
    assert full.warnings == closed.warnings == ()


def test_the_full_equations_conserve_matter(full):
    assert np.abs(full.balance).max() < 1e-10


def test_the_inversion_without_dispersion_is_the_closed_form(closed):
    found = pde.simulate(sample(), pde.LaplaceInversion(), TIMES)
    np.testing.assert_allclose(found.concentration, closed.concentration, atol=1e-10)
    assert found.stats["without_dispersion"] == 4


def test_adaptive_quadrature_agrees_with_the_circle():
    problem = sample(column.Linear([30.0], [1.0]), column.Gaussian(0.3), dispersion=1e-3)
    times = np.array([10.0, 28.0, 45.0])
    one, two = (
        pde.simulate(problem, method, times) for method in (pde.BromwichInversion(1e-9), pde.LaplaceInversion())
    )
    np.testing.assert_allclose(one.concentration, two.concentration, atol=1e-8)


@pytest.mark.parametrize(
    ("scheme", "low", "high"),
    [
        pytest.param(column.Upwind(), 1.7, 2.1, marks=pytest.mark.slow),
        pytest.param(column.Central(), 2.0**1.8, 4.3, marks=pytest.mark.slow),
        (column.UpwindBiased(), 2.0**2.8, 9.0),
    ],
)
def test_the_error_of_a_scheme_falls_with_its_order(scheme, low, high):
    problem = sample(column.Linear([20.0], [0.4]), column.Gaussian(0.8))
    times = np.linspace(0.0, 150.0, 31)
    exact = pde.simulate(problem, pde.LaplaceIntegral(), times)
    coarse, fine = (gap(pde.simulate(problem, pde.FiniteDifference(n, scheme, 1500), times), exact) for n in (40, 80))
    assert low <= coarse / fine <= high


@pytest.mark.slow
def test_an_expanding_gas_changes_only_the_hold_up():
    flow = column.CompressibleFlow(1.5, 2e5, 1e5)
    problem = sample(apparatus=column.GasColumn(1.0, flow))
    full, closed = (
        pde.simulate(problem, method, TIMES) for method in (pde.FiniteDifference(200, steps=400), pde.LaplaceIntegral())
    )
    assert gap(full, closed) < 3e-3
    assert np.abs(full.balance).max() < 1e-10
    for method in (pde.LaplaceInversion(), pde.BromwichInversion()):
        with pytest.raises(ValueError, match="flow must be uniform"):
            pde.simulate(problem, method, TIMES)


def test_competition_is_followed_by_the_full_equations_and_flagged_by_the_others(closed):
    crowded = column.Langmuir([30.0, 60.0], [1.0, 1.5], 400.0 * np.ones(2))
    full = pde.simulate(sample(crowded), pde.FiniteDifference(100, steps=400), TIMES)
    linear = pde.simulate(sample(crowded), pde.LaplaceIntegral(), TIMES)
    np.testing.assert_array_equal(linear.concentration, closed.concentration)
    assert gap(linear, full) > 0.05
    assert full.warnings == ()
    assert "of the sites are taken" in linear.warnings[0]
    # Free sites make loads smaller than those without competition.
    assert 0.5 * linear.competition < full.competition < linear.competition
    assert np.abs(full.balance).max() < 1e-10


def test_much_sample_slows_the_gas():
    problem = sample(apparatus=column.GasColumn(1.0, column.SorptionFlow(1.0, 1e5, 373.0)), concentration=4.0)
    full = pde.simulate(problem, pde.FiniteDifference(100, steps=400), TIMES)
    linear = pde.simulate(problem, pde.LaplaceIntegral(), TIMES)
    assert "does not slow the gas" in linear.warnings[0]
    assert (np.abs(full.retention_times / linear.retention_times - 1.0) > 1e-3).any()


def test_dispersion_is_flagged_where_it_is_left_out():
    found = pde.simulate(sample(dispersion=2e-3), pde.LaplaceIntegral(), TIMES)
    assert "dispersion adds 13% to the variance" in found.warnings[0]
    assert pde.simulate(sample(dispersion=2e-3), pde.LaplaceInversion(), TIMES).warnings == ()


@pytest.mark.slow
def test_the_condition_at_the_inlet_matters_as_much_as_dispersion_does():
    method = pde.FiniteDifference(100, steps=400)
    given, mixed = (
        pde.simulate(sample(dispersion=2e-3, inlet=inlet), method, TIMES)
        for inlet in (column.Dirichlet(), column.Danckwerts())
    )
    assert 1e-4 < gap(given, mixed) < 0.1
    assert np.abs(given.balance).max() < 1e-10
    exact = pde.simulate(sample(dispersion=2e-3), pde.LaplaceInversion(), TIMES)
    assert gap(given, exact) < 0.01


def test_a_plate_model_has_the_width_of_its_plates():
    times = np.linspace(0.0, 80.0, 2001)
    found = pde.simulate(sample(pulse=column.Rectangle(0.1)), pde.PlateModel(100.0), times)
    np.testing.assert_allclose(found.retention_times, sample().retention_times, rtol=1e-4)
    np.testing.assert_allclose(found.deviations, found.retention_times / 10.0, rtol=1e-3)


def test_another_sample_in_another_column_compiles_nothing(closed, full):
    apparatus = column.GasColumn(1.1, column.ConstantFlow(1.05), 0.9)
    other = sample(column.Linear([35.0, 65.0], [1.1, 1.6]), apparatus=apparatus, dispersion=1e-5)
    with compilations() as seen:
        pde.simulate(other, pde.LaplaceIntegral(), TIMES)
        pde.simulate(other, pde.FiniteDifference(cells=100, steps=400), TIMES)
    assert not seen


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"problem": None}, "problem must be a systems.column.Injection"),
        ({"method": pde.LaplaceIntegral}, "did you mean LaplaceIntegral()"),
        ({"times": [0.0, np.nan]}, "times must be finite"),
        ({"times": [1.0, 0.5]}, "times must increase"),
        ({"times": [-1.0, 0.5]}, "times must increase from 0"),
        ({"times": [[1.0]]}, "times must have 1 axes"),
    ],
)
def test_bad_input_is_told_by_name(without_type_checks, change, message):
    call = {"problem": sample(), "method": pde.LaplaceIntegral(), "times": TIMES} | change
    with pytest.raises((TypeError, ValueError), match=message):
        pde.simulate(**call)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: pde.FiniteDifference(cells=2), "cells"),
        (lambda: pde.FiniteDifference(scheme="central"), "scheme must be"),
        (lambda: pde.FiniteDifference(steps=0), "steps"),
        (lambda: pde.LaplaceInversion(terms=33), "terms must be even"),
        (lambda: pde.LaplaceIntegral(nodes=2), "nodes"),
        (lambda: pde.PlateModel(0.5), "plates"),
        (lambda: pde.BromwichInversion(tolerance=0.0), "tolerance"),
    ],
)
def test_bad_methods_are_refused(without_type_checks, make, message):
    with pytest.raises((TypeError, ValueError), match=message):
        make()


def test_a_quadrature_that_ends_too_early_raises():
    method = pde.BromwichInversion(tolerance=1e-14, limit=1)
    with pytest.raises(SolverError, match="BromwichInversion"):
        pde.simulate(sample(column.Linear([30.0], [1.0])), method, TIMES[::50])
    found = pde.simulate(sample(column.Linear([30.0], [1.0])), method, TIMES[::50], throw=False)
    assert np.isfinite(found.concentration).all()


def test_a_pulse_with_a_pole_needs_the_axis():
    with pytest.raises(ValueError, match="pulse must have a transform without poles"):
        pde.simulate(sample(pulse=column.ExponentialTail(1.0, 0.5)), pde.LaplaceInversion(), TIMES)
