"""Plans are compiled once for equal parameters, and never handed out for different ones."""

import dataclasses
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perturbax import diffusion
from perturbax.diffusion._remember import content, frozen, remembered

VP = diffusion.VPLinear()


class Tabulated(diffusion.AbstractGrid):
    """A user's grid with its times in an array."""

    table: np.ndarray
    final: str = "zero"

    def _interior(self, process, intervals, start, end):
        return np.interp(np.linspace(0, 1, intervals + 1), np.linspace(0, 1, len(self.table)), self.table)


class Scheduled(diffusion.VPLinear):
    """A user's process that takes a part of its schedule from an object, whatever that may be."""

    schedule: object = None

    def log_alpha(self, t):
        return self.schedule(t) * super().log_alpha(t)


class Stretch:
    """A schedule that its owner may change at any time."""

    factor = 1.0

    def __call__(self, t):
        return self.factor


def test_equal_parameters_share_a_plan_in_every_spelling_of_the_method():
    first = diffusion.DPMSolverPP(steps=7, grid=diffusion.Karras(rho=6.5))
    second = dataclasses.replace(diffusion.DPMSolverPP(steps=9), steps=7, grid=diffusion.Karras(6.5))
    assert diffusion.plan(first, VP) is diffusion.plan(second, diffusion.VPLinear())


def test_a_remembered_plan_is_the_one_that_would_be_compiled(planned):
    compile_plan = diffusion.AbstractPlanned.plan.__wrapped__
    once, again = jax.tree.leaves(diffusion.plan(planned, VP)), jax.tree.leaves(compile_plan(planned, VP))
    for left, right in zip(once, again, strict=True):
        np.testing.assert_array_equal(left, right)


@pytest.mark.parametrize(
    "other",
    [
        diffusion.plan(diffusion.DPMSolverPP(steps=8), VP),
        diffusion.plan(diffusion.DPMSolver(steps=7, order=2, stepping=diffusion.Multistep()), VP),
        diffusion.plan(diffusion.DPMSolverPP(steps=7, solver_type="taylor"), VP),
        diffusion.plan(diffusion.DPMSolverPP(steps=7), diffusion.VPLinear(beta_max=19.0)),
        diffusion.plan(diffusion.DPMSolverPP(steps=7), VP, 0.9),
    ],
    ids=["steps", "expansion", "solver type", "process", "start"],
)
def test_other_parameters_have_another_plan(other):
    plan = diffusion.plan(diffusion.DPMSolverPP(steps=7), VP)
    assert plan.mix.shape != other.mix.shape or not np.array_equal(plan.mix, other.mix)


def test_parameters_in_arrays_count_by_their_content():
    def plan(table):
        return diffusion.plan(diffusion.DDIM(steps=5, grid=Tabulated(table)), VP)

    table = np.array([1.0, 0.6, 0.3, 0.001])
    first = plan(table)
    assert plan(table.copy()) is first
    table[1] = 0.7
    changed = plan(table)
    assert changed is not first
    assert changed.times[1] > first.times[1]
    table[1] = 0.6
    assert plan(table) is first


@pytest.mark.parametrize("as_array", [jnp.asarray, lambda table: table.tolist()], ids=["JAX array", "list"])
def test_what_has_no_content_on_the_host_is_compiled_every_time(as_array):
    grid = diffusion.DDIM(steps=5, grid=Tabulated(as_array(np.array([1.0, 0.5, 0.001]))))
    assert diffusion.plan(grid, VP) is not diffusion.plan(grid, VP)


def test_a_process_that_changes_in_its_owners_hands_is_never_stale():
    stretch = Stretch()
    process = Scheduled(schedule=stretch)
    before = diffusion.plan(diffusion.DDIM(steps=5), process)
    stretch.factor = 0.5
    after = diffusion.plan(diffusion.DDIM(steps=5), process)
    assert not np.array_equal(before.alphas, after.alphas)
    np.testing.assert_allclose(after.alphas, process.alpha(after.times))


@pytest.mark.parametrize("hold", [lambda function: function, lambda function: [function]], ids=["field", "list"])
def test_functions_are_not_trusted(hold: Callable):
    with pytest.raises(TypeError, match="no content that can be relied on"):
        content(Scheduled(schedule=hold(lambda t: 1.0)))


def test_traced_parameters_leave_nothing_behind():
    @jax.jit
    def times(middle):
        return diffusion.plan(diffusion.DDIM(steps=5, grid=Tabulated([1.0, middle, 0.001])), VP).times

    for _ in range(2):
        with pytest.raises((jax.errors.TracerArrayConversionError, jax.errors.ConcretizationTypeError)):
            times(0.5)
    with pytest.raises(TypeError):
        jax.jit(lambda middle: content((1.0, middle)))(0.5)


def test_types_are_content():
    pairs = [(1, 1.0), (0, False), (1.0, np.float64(1.0)), (np.float32(1.0), np.float64(1.0)), ((1, 2), (1.0, 2.0))]
    pairs += [(np.zeros(2), np.zeros((2, 1))), (np.zeros(1), np.zeros(1, np.float32)), ("1", b"1")]
    for one, other in pairs:
        assert content(one) != content(other)
        assert content(one) == content(one)


def test_nobody_can_change_a_plan_that_others_are_handed(planned):
    plan = diffusion.plan(planned, VP)
    rows = plan.rows(diffusion.Epsilon())
    for array in (*jax.tree.leaves(plan), *jax.tree.leaves(rows)):
        if isinstance(array, np.ndarray):
            with pytest.raises(ValueError, match="read-only"):
                array[...] = 0


def test_freezing_leaves_the_owners_arrays_alone():
    mine = np.zeros(2)
    theirs = frozen({"a": mine})["a"]
    mine[0] = 1.0
    assert theirs[0] == 0.0


def test_an_error_is_not_remembered():
    calls = []

    @remembered
    def once(x):
        calls.append(x)
        if len(calls) == 1:
            raise ValueError("not yet")
        return x

    with pytest.raises(ValueError, match="not yet"):
        once(2)
    assert once(2) == once(2) == 2
    assert len(calls) == 2


def test_predictions_do_not_share_their_rows():
    plan = diffusion.plan(diffusion.DDIM(steps=5), VP)
    noise, data = plan.rows(diffusion.Epsilon()), plan.rows(diffusion.Data())
    assert plan.rows(diffusion.Epsilon()) is noise
    assert not np.array_equal(noise.direct, data.direct)
