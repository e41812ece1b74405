"""Classical approximations on an interval, against known errors and their own optimality."""

import itertools

import jax.numpy as jnp
import numpy as np
import pytest

from perturbax import approximate
from perturbax.approximate._program import horner
from perturbax.core import MissingRuleError

EXP2 = approximate.Target(jnp.exp2, 0.0, 1.0)


pytestmark = pytest.mark.usefixtures("without_type_checks")


def error(method, target=EXP2):
    return approximate.fit(target, method).error


@pytest.mark.parametrize(("degree", "best"), [(2, 1.73e-3), (3, 7.48e-5), (4, 2.59e-6), (5, 7.50e-8)])
def test_remez_reaches_the_errors_of_the_specification(degree, best):
    found = approximate.fit(EXP2, approximate.Remez(degree))
    assert found.error == pytest.approx(best, rel=0.01)
    assert found.stats["operations"] == 2 * degree
    assert found.error == pytest.approx(found.stats["levelled"], rel=2e-3)


def test_remez_stops_where_the_rounding_of_residuals_does_not_let_it_level_further():
    target = approximate.Target(jnp.exp2, 0.0, 1.0, unit=approximate.ULPError())
    errors = [error(approximate.Remez(degree), target) for degree in (6, 7, 8, 9)]
    # Each degree gains the same factor, of about 50.
    assert all(20.0 < before / after < 80.0 for before, after in itertools.pairwise(errors))


def test_the_error_of_remez_alternates():
    found = approximate.fit(approximate.Target(jnp.sin, -1.0, 2.0, approximate.AbsoluteError()), approximate.Remez(4))
    x = np.linspace(-1.0, 2.0, 20001)
    left = found.function(x) - np.sin(x)
    touched = np.sign(left[np.abs(left) > 0.999 * np.abs(left).max()])
    assert 1 + np.count_nonzero(np.diff(touched)) == 6


def test_the_methods_are_ordered_at_equal_cost():
    errors = [error(m) for m in (approximate.Taylor(4), approximate.Chebyshev(4), approximate.Remez(4))]
    assert errors == sorted(errors, reverse=True)
    assert error(approximate.Pade(1, 1)) > 1.5 * error(approximate.RationalMinimax(1, 1))


def test_expansions_are_exact_where_they_should_be():
    cubic = approximate.Target(lambda x: 1.0 + x - 2.0 * x**3, 0.0, 0.5)
    assert error(approximate.Taylor(3), cubic) < 1e-14
    assert error(approximate.Remez(3), cubic) < 1e-13
    quotient = approximate.Target(lambda x: (1.0 + x) / (2.0 + x), 0.0, 1.0)
    assert error(approximate.Pade(1, 1), quotient) < 1e-13
    assert error(approximate.RationalMinimax(1, 1), quotient) < 1e-13


def test_functions_that_jax_cannot_differentiate_are_refused():
    host = approximate.Target(lambda x: np.exp2(np.asarray(x)), 0.0, 1.0)
    assert error(approximate.Remez(3), host) == pytest.approx(7.48e-5, rel=0.01)
    with pytest.raises(TypeError, match="fn must be a function in JAX to be expanded"):
        approximate.fit(host, approximate.Taylor(3))
    with pytest.raises(TypeError, match="fn must be a function in JAX to be proved about"):
        approximate.certify(horner([1.0, 1.0]), host, cells=8)


@pytest.mark.parametrize(
    ("fn", "lower", "upper"),
    [
        (jnp.exp2, 0.0, 1.0),
        (lambda x: jnp.log2(x), 1.1, 2.0),
        (lambda x: 1.0 / (1.0 + x**2), -1.0, 2.0),
        (lambda x: jnp.tanh(x) + jnp.sqrt(x + 2.0), 0.1, 2.0),
        (lambda x: 2.0**x * jnp.exp(-x * x), 0.0, 1.0),
    ],
)
def test_a_certificate_bounds_the_error_everywhere(fn, lower, upper):
    target = approximate.Target(fn, lower, upper)
    program = approximate.fit(target, approximate.Remez(3)).function
    proved = approximate.certify(program, target, cells=2**12)
    assert target.errors(program, np.random.default_rng(0).uniform(lower, upper, 20000)).max() <= proved.bound
    assert proved.bound < 1.03 * proved.sampled


def test_more_cells_make_a_certificate_tighter():
    program = approximate.fit(EXP2, approximate.Remez(3)).function
    bounds = [approximate.certify(program, EXP2, cells=n).bound for n in (16, 64, 256)]
    assert bounds[0] > bounds[1] > bounds[2] > 7.4e-5


def test_a_pole_is_not_certified():
    program = approximate.RationalMinimax(1, 1)
    assert program.numerator == 1
    pole = approximate.fit(approximate.Target(lambda x: 1.0 / (x - 3.0), 0.0, 1.0), program).function
    wide = approximate.Target(jnp.exp2, 0.0, 4.0)
    assert approximate.certify(pole, wide, cells=64).bound == np.inf


def test_the_unit_of_a_certificate_is_the_targets():
    target = approximate.Target(jnp.exp2, 0.0, 1.0, approximate.ULPError())
    program = approximate.fit(EXP2, approximate.Remez(5)).function
    proved = approximate.certify(program, target)
    assert target.error_of(program) <= proved.bound < 1.1 * target.error_of(program)


def test_a_primitive_without_a_rule_is_named():
    target = approximate.Target(jnp.cos, 0.0, 1.0)
    with pytest.raises(MissingRuleError, match="'cos'"):
        approximate.certify(horner([1.0, 1.0]), target, cells=8)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: approximate.Remez(-1), "degree must be"),
        (lambda: approximate.Remez(tolerance=0.0), "tolerance must be"),
        (lambda: approximate.Pade(1, 0), "denominator must be"),
        (lambda: approximate.RationalMinimax(11, 1), "numerator must be"),
        (lambda: approximate.Taylor(centre=np.inf), "centre must be"),
        (
            lambda: approximate.fit(approximate.ScatteredData([0.0, 1.0], [0.0, 1.0]), approximate.Remez(1)),
            "problem must",
        ),
        (lambda: approximate.certify(horner([1.0]), "exp2"), "target must be"),
        (lambda: approximate.certify(horner([1.0]), EXP2, cells=0), "cells must be"),
    ],
)
def test_bad_arguments_are_refused(make, message):
    with pytest.raises((ValueError, TypeError), match=message):
        make()
