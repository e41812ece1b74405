"""Results are values inside of jit and errors outside."""

import jax
import jax.numpy as jnp
import pytest

from perturbax import core


def outcome(good):
    return core.Result.where(good, core.Result.successful, core.Result.nonfinite)


def test_success_is_silent_and_failure_has_a_sentence():
    core.raise_if_failed(core.Result.successful, "Newton")
    with pytest.raises(core.SolverError, match="Newton: The budget of evaluations was spent"):
        core.raise_if_failed(core.Result.max_evaluations, "Newton")


def test_under_jit_the_caller_decides():
    @jax.jit
    def solve(good):
        result = outcome(good)
        core.raise_if_failed(result, "solve")
        return result

    assert solve(False) == core.Result.nonfinite


def test_of_a_batch_the_first_failure_and_the_number_are_told():
    result = jax.vmap(outcome)(jnp.array([True, False, False]))
    with pytest.raises(core.SolverError, match=r"solve: A value became NaN or infinite. \(2 of 3 failed\)"):
        core.raise_if_failed(result, "solve")
    core.raise_if_failed(jax.vmap(outcome)(jnp.array([True, True])), "solve")
