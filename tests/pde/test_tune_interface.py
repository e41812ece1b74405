"""Families, sets of interface conditions trained together, the environment and the policy."""

import dataclasses

import jax
import numpy as np
import pytest

from perturbax import core, optimize, pde
from perturbax.pde._interface_environment import reward_of
from perturbax.pde._jet import jet

POINTS = pde.FixedPoints(24, 8)
SOLVER = pde.XPINN(pde.Split(0, 0.5), pde.CPINN_CONDITIONS, (4,), pde.LM(3, chunk=3), POINTS, interface_points=3)
TWO = dataclasses.replace(SOLVER, optimiser=pde.Chain([pde.LM(3, chunk=3), pde.LM(3, chunk=3)]))
FAMILY = pde.catalogue.poisson_family()
KEY = jax.random.key(0)


@pytest.mark.parametrize(
    ("family", "axis"),
    [
        (pde.catalogue.poisson_family(), 0),
        (pde.catalogue.burgers_family(3e-2), 1),
        (pde.catalogue.advection_family(), 0),
        (pde.catalogue.reaction_family(), 0),
    ],
)
def test_the_exact_solution_of_a_family_leaves_no_residual(family, axis):
    context = 0.5 * (np.asarray(family.lower) + np.asarray(family.upper))
    with core.float64():
        problem = core.settle_arrays(family.problem(context))
        x = problem.domain.sample(KEY, 20)

        def left(y):
            field = lambda z: np.atleast_1d(1.0) * problem.exact(z, problem.params)  # noqa: E731
            return problem.evaluate(y, jet(field, y, problem.indices), problem.params)

        assert np.abs(np.asarray(jax.jit(jax.vmap(left))(x))).max() < 1e-8
    assert family.partition.axis == axis
    drawn = family.draw(KEY, 50)
    assert ((drawn >= family.lower) & (drawn <= family.upper)).all()


@pytest.fixture(scope="module")
def errors():
    actions = [[0, 0], [0, 1], [1, 0], [1, 1]]
    return pde.interface_errors(FAMILY.problem([2.0]), SOLVER, actions, key=KEY)


@pytest.mark.slow
def test_all_sets_together_end_where_each_by_itself_does(errors):
    solution = pde.solve(FAMILY.problem([2.0]), SOLVER, key=KEY)
    assert errors.shape == (4,)
    assert errors[3] == pytest.approx(solution.history["error"][-1], rel=1e-6)
    assert len(set(errors.round(8))) == 4


@pytest.mark.slow
def test_another_problem_of_the_family_compiles_nothing(errors, compilations):
    with compilations() as seen:
        pde.interface_errors(FAMILY.problem([3.0]), SOLVER, [[0, 0], [0, 1], [1, 0], [1, 1]], key=KEY)
    assert seen == []


@pytest.mark.slow
def test_an_action_for_each_phase(errors):
    staged = pde.interface_errors(FAMILY.problem([2.0]), TWO, [[[1, 1], [0, 1]], [[0, 1], [1, 1]]], key=KEY)
    assert staged.shape == (2, 2)
    np.testing.assert_allclose(staged[:, 0], errors[[3, 1]], rtol=1e-6)


def test_the_reward_is_the_logarithm_of_the_error_and_failures_have_the_lowest():
    np.testing.assert_allclose(reward_of(np.array([1e-3, 1.0, 1e5, np.inf])), [3.0, 0.0, -2.0, -2.0])


@pytest.fixture(scope="module")
def policy():
    method = pde.METALIC(SOLVER, optimize.GPBandit(warmup=2), plays=3)
    return pde.tune_interface(FAMILY, method, key=KEY, progress=False)


@pytest.mark.slow
def test_a_policy_names_conditions_and_makes_a_solver(policy):
    assert policy.plays.rewards.shape == (3, 1)
    action = policy([2.0])
    chosen = policy.conditions([2.0])
    assert len(chosen) == action.sum()
    assert policy.method([2.0]).interface == chosen
    assert policy.failures.size == 0
    lower, upper = FAMILY.lower[0], FAMILY.upper[0]
    assert ((policy.plays.contexts >= lower) & (policy.plays.contexts <= upper)).all()


@pytest.mark.slow
def test_outside_of_the_range_it_warns_and_asks_for_value_and_flux(policy):
    with pytest.warns(UserWarning, match="outside of the range of the family"):
        assert policy([60.0]).tolist() == [1.0, 1.0]


@pytest.mark.slow
def test_the_second_phase_sees_the_reward_of_the_first_one():
    method = pde.SequentialMETALIC(TWO, optimize.SequentialGPBandit(warmup=2), plays=2)
    policy = pde.tune_interface(FAMILY, method, key=KEY, progress=False)
    second = policy.plays.state[1]
    np.testing.assert_allclose(second.contexts[:, 1], policy.plays.rewards[:, 0])
    assert policy([2.0], rewards=[1.0]).shape == (2,)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: pde.METALIC(dataclasses.replace(SOLVER, interface=())), "interface of solver must name"),
        (lambda: pde.METALIC(pde.PINN()), "solver must be an XPINN"),
        (lambda: pde.METALIC(SOLVER, plays=0), "plays must be an integer >= 1"),
        (lambda: pde.SequentialMETALIC(SOLVER), "optimiser of solver must be a Chain"),
        (lambda: pde.tune_interface(None, pde.METALIC(SOLVER), key=KEY), "family must be a pde.Family"),
        (lambda: pde.Family(3, [0.0], [1.0], SOLVER.partition), "make must be a function"),
        (lambda: pde.Family(pde.catalogue.poisson_box, [1.0], [1.0], SOLVER.partition), "upper must be > lower"),
        (lambda: FAMILY.problem([np.nan]), "context"),
        (lambda: pde.interface_errors(FAMILY.problem([2.0]), SOLVER, [[0, 2]], key=KEY), "actions must be of zeros"),
        (lambda: pde.interface_errors(FAMILY.problem([2.0]), SOLVER, [[0, 1, 1]], key=KEY), "actions"),
    ],
)
def test_bad_arguments_are_refused_by_name(make, message, without_type_checks):
    with pytest.raises((TypeError, ValueError), match=message):
        make()
