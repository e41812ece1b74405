"""The verb: one answer for all forms of a problem, linear systems as a simulation meets them, and bad input."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perturbax import linalg, optimize
from perturbax.core import float64

from .conftest import GRID

KEY = jax.random.key(3)
CHEB = optimize.ChebCB((0.0, 1.0), grid=GRID, terms=3)
TSALLIS = optimize.TsallisINF(grid=GRID)
SIZE = 5
STENCIL = linalg.Poisson(np.ones((SIZE, SIZE), bool), open_sides=True)
RIGHTS = np.random.default_rng(0).normal(size=(6, SIZE, SIZE))
RIGHTS[2] = 0.0
SHIFTS = np.linspace(0.0, 1.0, 6)


def system(t, x):
    rights, shifts = jnp.asarray(RIGHTS), jnp.asarray(SHIFTS)
    return linalg.LinearSystem(linalg.Shifted(STENCIL, shifts[t]), rights[t], x0=0.1 * x)


def sor(omega):
    return linalg.Stationary(linalg.SOR(omega), tol=1e-8, max_steps=60, history=False)


def sequence(**changed):
    given = {"system": system, "solver": sor, "length": 6, "x0": np.zeros((SIZE, SIZE)), "contexts": SHIFTS}
    return optimize.LinearSequence(**{**given, **changed})


@pytest.fixture(scope="module")
def learned(table):
    return optimize.tune(table, CHEB, key=KEY)


def test_a_function_and_a_table_of_the_same_costs_give_the_same_choices(table, learned):
    def solve(t, value):
        assert isinstance(t, int)
        return table.costs[t, GRID.index(value)]

    problem = optimize.SolverSequence(solve, 200, table.contexts)
    found = optimize.tune(problem, CHEB, key=KEY)
    np.testing.assert_array_equal(found.values, learned.values)
    np.testing.assert_array_equal(found.costs, learned.costs)
    assert found.stats["evaluations"] == 200
    best = optimize.tune(problem, optimize.BestInHindsight(grid=GRID), key=KEY)
    assert best.total == np.asarray(table.costs).sum(0).min()


def test_a_resumed_run_is_the_run_that_never_stopped(table, learned):
    halves = [
        optimize.CostTable(table.costs[part], GRID, table.contexts[part]) for part in (slice(100), slice(100, 200))
    ]
    first = optimize.tune(halves[0], CHEB, key=KEY)
    second = optimize.tune(halves[1], CHEB, key=KEY, resume=first)
    np.testing.assert_array_equal(np.concatenate([first.values, second.values]), learned.values)
    assert second.rounds == 200
    with pytest.raises(ValueError, match="resume must be of the same method"):
        optimize.tune(halves[1], TSALLIS, key=KEY, resume=first)
    with pytest.raises(ValueError, match="resume must be None for BestInHindsight"):
        optimize.tune(halves[1], optimize.BestInHindsight(grid=GRID), key=KEY, resume=first)
    with pytest.raises(ValueError, match="resume must be of the same method"):
        optimize.tune(halves[1], optimize.ChebCB((0.0, 1.0), grid=GRID, terms=4), key=KEY, resume=first)


def test_keys_may_be_a_batch(table):
    keys = jax.random.split(KEY, 3)
    with float64():
        batch = jax.vmap(lambda key: optimize.tune(table, TSALLIS, key=key).costs)(keys)
    for key, costs in zip(keys, batch, strict=True):
        np.testing.assert_array_equal(costs, optimize.tune(table, TSALLIS, key=key).costs)


def test_the_loop_is_compiled_once(table):
    from perturbax.optimize import _tune

    optimize.tune(table, TSALLIS, key=KEY)
    before = _tune._learn_compiled._cached._cache_size()
    for seed in range(3):
        optimize.tune(table, optimize.TsallisINF(grid=GRID), key=jax.random.key(seed))
    assert _tune._learn_compiled._cached._cache_size() == before


def test_linear_systems_are_solved_in_turn_from_the_last_solution():
    omega = 1.4
    tuning = optimize.tune(sequence(), optimize.Fixed(omega), key=KEY)
    x, wanted = np.zeros((SIZE, SIZE)), []
    for t in range(6):
        operator = linalg.Shifted(STENCIL, SHIFTS[t])
        solved = linalg.solve(linalg.LinearSystem(operator, RIGHTS[t], x0=0.1 * x), sor(omega))
        x = np.asarray(solved.x)
        wanted.append(max(int(solved.iterations), 1))
    assert tuning.costs.tolist() == wanted
    assert tuning.costs[2] == 1.0
    assert tuning.converged.all()
    assert not jax.config.read("jax_enable_x64")


def test_a_zero_right_side_teaches_nothing():
    tuning = optimize.tune(sequence(), optimize.UCB1(grid=GRID), key=KEY)
    assert tuning.state.plays.sum() == 5.0


def test_a_solve_that_fails_costs_its_cap_and_the_sequence_goes_on():
    tuning = optimize.tune(sequence(), optimize.Fixed(1.99), key=KEY)
    assert tuning.stats["failed"] == 5
    assert tuning.costs.tolist() == [60.0, 60.0, 1.0, 60.0, 60.0, 60.0]
    diverging = np.array([[1.0, 3.0], [3.0, 1.0]])
    problem = optimize.LinearSequence(
        lambda t, x: linalg.LinearSystem(diverging, jnp.ones(2), x0=x), sor, 2, np.zeros(2)
    )
    tuning = optimize.tune(problem, optimize.Fixed(1.5), key=KEY)
    assert tuning.costs.tolist() == [60.0, 60.0]
    assert not tuning.converged.any()


def test_a_table_is_measured_in_batches_of_like_contexts():
    def cold(t, x):
        return linalg.LinearSystem(linalg.Shifted(STENCIL, jnp.asarray(SHIFTS)[t]), jnp.asarray(RIGHTS)[t])

    problem = sequence(system=cold)
    table = optimize.CostTable.measure(problem, np.array([1.0, 1.4]), batch=4)
    for arm, omega in enumerate((1.0, 1.4)):
        np.testing.assert_array_equal(table.costs[:, arm], optimize.tune(problem, optimize.Fixed(omega), key=KEY).costs)
    np.testing.assert_array_equal(table.contexts, SHIFTS)


def test_contexts_out_of_the_interval_are_clipped_and_counted(table):
    narrow = optimize.ChebCB((0.25, 0.75), grid=GRID, terms=3)
    tuning = optimize.tune(table, narrow, key=KEY)
    outside = (np.asarray(table.contexts) < 0.25) | (np.asarray(table.contexts) > 0.75)
    assert tuning.stats["clipped"] == outside.sum()
    clipped = optimize.CostTable(table.costs, GRID, np.clip(table.contexts, 0.25, 0.75))
    np.testing.assert_array_equal(optimize.tune(clipped, narrow, key=KEY).values, tuning.values)


def tune(problem=None, method=TSALLIS, key=KEY, **options):
    return optimize.tune(sequence() if problem is None else problem, method, key=key, **options)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: tune(method=optimize.TsallisINF(grid=[1.0, 2.5])), "takes no value 2.5: omega"),
        (lambda: tune(method=optimize.Fixed(0.0)), "takes no value 0: omega"),
        (lambda: tune(sequence(contexts=None), CHEB), "problem must have contexts for ChebCB"),
        (lambda: sequence(contexts=np.full(6, np.nan)), "contexts must be finite"),
        (lambda: sequence(contexts=np.zeros(5)), "contexts must have shape"),
        (lambda: sequence(length=0), "length"),
        (lambda: optimize.CostTable(np.ones((3, 2)), [1.0]), "costs"),
        (lambda: optimize.CostTable(-np.ones((3, 1)), [1.0]), "costs must be >= 0"),
        (lambda: optimize.CostTable(np.ones((3, 2)), [2.0, 1.0]), "values must ascend"),
    ],
)
def test_bad_values_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: tune(key=0), "key"),
        (lambda: tune(method=optimize.TsallisINF), "method"),
        (lambda: tune(np.ones(3)), "problem"),
        (lambda: tune(resume={}), "resume"),
        (lambda: sequence(solver=1.5), "solver"),
        (lambda: optimize.SolverSequence(None, 3), "solve"),
        (lambda: optimize.CostTable.measure(optimize.SolverSequence(max, 3), [1.0]), "problem must be traceable"),
        (lambda: tune(optimize.SolverSequence(max, 3), optimize.GoldenSection()), "problem must be traceable"),
    ],
)
def test_bad_types_are_named(call, message):
    with pytest.raises(TypeError, match=message):
        call()


@pytest.mark.parametrize("cost", [np.nan, np.inf, -1.0, 0.5, "slow"])
def test_a_function_that_gives_no_cost_is_refused_with_the_instance(cost):
    problem = optimize.SolverSequence(lambda t, value: 5.0 if t < 1 else cost, 3)
    with pytest.raises((ValueError, TypeError), match="cost of instance 1 must be"):
        optimize.tune(problem, TSALLIS, key=KEY)


def test_regret_needs_as_many_instances(learned):
    short = optimize.tune(optimize.CostTable(np.ones((3, 5)), GRID), optimize.Fixed(1.0), key=KEY)
    with pytest.raises(ValueError, match="as many instances, 200, got 3"):
        learned.regret(short)
