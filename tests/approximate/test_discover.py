"""Searches for programs: they start from nothing, find what is known, and are what their key makes them."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perturbax import approximate
from perturbax.approximate._evaluation import Evaluation
from perturbax.approximate._moves import empty

KEY = jax.random.key(0)
EXP2 = approximate.Target(jnp.exp2, 0.0, 1.0, points=64)
QUICK = approximate.Evolution(max_operations=3, generations=12, children=32, tuner=approximate.Lawson(6, 20))


pytestmark = pytest.mark.usefixtures("without_type_checks")


@pytest.fixture(scope="module")
def front():
    return approximate.discover(EXP2, QUICK, key=KEY, progress=False)


def test_evolution_starts_from_empty_code(front):
    assert front.stats["first_operations"] == 0
    assert front.stats["programs"] == 32 * 13
    assert front.stats["evaluations"] == 32 * 13 * 12


def test_the_front_falls_with_the_operations(front):
    assert (np.diff(front.operations) > 0).all()
    assert (np.diff(front.training_error) < 0.0).all()
    assert [program.operations for program in front.programs] == front.operations.tolist()
    assert front.error[-1] < 0.05
    assert (np.diff(front.history, axis=0) <= 0.0).all()
    assert front.best(3) is front.programs[int(np.argmin(front.error))]
    assert front.table()["latex"].str.contains("x").any()


def test_errors_are_those_of_the_programs(front):
    np.testing.assert_allclose([EXP2.error_of(program) for program in front.programs], front.error)
    np.testing.assert_allclose(front.training_error, front.error, rtol=0.05)


def test_the_same_key_gives_the_same_front(front):
    again = approximate.discover(EXP2, QUICK, key=KEY, progress=False)
    np.testing.assert_array_equal(again.error, front.error)
    other = approximate.discover(EXP2, QUICK, key=jax.random.key(1), progress=False)
    assert not np.array_equal(other.history, front.history)


def test_only_the_named_operations_are_used():
    method = dataclasses.replace(QUICK, operations=("add", "mul"), generations=4)
    found = approximate.discover(EXP2, method, key=KEY, progress=False)
    assert {row[0] for program in found.programs for row in program.code.tolist()} <= {0, 2}


def test_random_search_costs_the_same_and_selects_nothing():
    method = approximate.RandomProgramSearch(max_operations=3, generations=12, children=32, tuner=QUICK.tuner)
    found = approximate.discover(EXP2, method, key=KEY, progress=False)
    assert found.stats["programs"] == 32 * 12
    assert found.error[-1] < 0.2


def test_programs_with_a_pole_are_counted_and_left_out():
    evaluate = Evaluation(EXP2, QUICK.tuner, 3)
    pole = empty(None)._replace(code=[(3, 0, 0)], output=1)  # x / x at 0
    _, errors = evaluate([pole] * 32)
    assert np.isinf(errors).all()
    assert evaluate.rejected == 32


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: approximate.Evolution(operations=("sin",)), "operations must be"),
        (lambda: approximate.Evolution(operations=()), "operations must be a tuple"),
        (lambda: approximate.Evolution(max_operations=0), "max_operations must be"),
        (lambda: approximate.Evolution(population=1), "population must be"),
        (lambda: approximate.Evolution(weights=(0.0, 1.0, 1.0, 1.0)), "weights must let programs grow"),
        (lambda: approximate.Evolution(weights=(1.0,)), "weights must be those of"),
        (lambda: approximate.Evolution(exponents=(1.0, 0.0)), "exponents must be ascending"),
        (lambda: approximate.Evolution(tuner="cma"), "tuner must be"),
        (lambda: approximate.RandomProgramSearch(attempts=0), "attempts must be"),
        (lambda: approximate.discover("exp2", QUICK, key=KEY), "target must be"),
        (lambda: approximate.discover(EXP2, "search", key=KEY), "method must be"),
        (lambda: approximate.discover(EXP2, QUICK, key=0), "key must be"),
    ],
)
def test_bad_arguments_are_refused(make, message):
    with pytest.raises((ValueError, TypeError), match=message):
        make()
