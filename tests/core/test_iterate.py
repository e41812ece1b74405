"""`iterate`: stops where the rule says, tells how it went, and works under jit and vmap."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perturbax import core


def babylonian(of):
    return lambda x: (x + of / x) / 2.0


def root(of, **options):
    options = {"done": core.settled(rtol=1e-6), "max_steps": 30} | options
    return core.iterate(babylonian(of), jnp.ones_like(of), **options)


def test_it_equals_the_loop_in_python():
    x, steps = jnp.array(1.0), 0
    while True:
        previous, x, steps = x, babylonian(7.0)(x), steps + 1
        if abs(x - previous) <= 1e-6 * abs(x):
            break
    found = root(jnp.array(7.0))
    assert int(found.steps) == steps
    assert found.state == x
    assert found.result == core.Result.successful


def test_each_of_a_batch_stops_on_its_own():
    numbers = jnp.array([1.0, 2.0, 1e4])
    together = jax.jit(jax.vmap(lambda of: root(of, history=lambda x: x)))(numbers)
    for i, of in enumerate(numbers):
        alone = root(of, history=lambda x: x)
        assert together.steps[i] == alone.steps
        np.testing.assert_array_equal(together.history[i], alone.history)
    np.testing.assert_allclose(together.state, jnp.sqrt(numbers), rtol=1e-6)
    assert len(set(together.steps.tolist())) == 3


def test_the_history_holds_every_state_and_blanks_after_the_last():
    found = core.iterate(
        lambda s: {"x": s["x"] / 2, "n": s["n"] + 1},
        {"x": jnp.array([8.0, 4.0]), "n": jnp.array(0)},
        done=lambda previous, state: state["n"] >= 3,
        max_steps=6,
        history=lambda s: (s["x"].sum(), s["n"]),
    )
    sums, counts = found.history
    np.testing.assert_array_equal(sums, [12.0, 6.0, 3.0, 1.5, np.nan, np.nan, np.nan])
    np.testing.assert_array_equal(counts, [0, 1, 2, 3, 0, 0, 0])


def test_the_limit_is_kept_and_told():
    with pytest.raises(core.SolverError, match="iterate: The largest number of steps"):
        root(jnp.array(7.0), max_steps=2)
    found = root(jnp.array(7.0), max_steps=2, throw=False)
    assert found.result == core.Result.max_steps
    assert int(found.steps) == 2


def test_a_state_that_is_not_finite_ends_it_with_the_last_finite_one():
    def step(x):
        return jnp.where(x > 4.0, jnp.nan, 2.0 * x)

    options = {"done": core.settled(atol=1e-3), "max_steps": 50, "history": lambda x: x}
    found = core.iterate(step, jnp.array(1.0), **options, throw=False)
    assert found.result == core.Result.nonfinite
    assert (float(found.state), int(found.steps)) == (8.0, 3)
    np.testing.assert_array_equal(found.history[:5], [1.0, 2.0, 4.0, 8.0, np.nan])
    with pytest.raises(core.SolverError, match="NaN or infinite"):
        core.iterate(step, jnp.array(1.0), **options)
    assert core.iterate(step, jnp.array(jnp.nan), **options, throw=False).steps == 0


def test_the_state_may_be_a_module_and_hold_a_key():
    class State(eqx.Module):
        x: jax.Array
        key: jax.Array
        name: str = "walk"

    def step(state):
        key, own = jax.random.split(state.key)
        return State(state.x + jax.random.normal(own), key, state.name)

    begin = State(jnp.array(0.0), jax.random.key(0))
    found = core.iterate(step, begin, done=lambda _, state: jnp.abs(state.x) > 1.0, max_steps=200)
    assert found.state.name == "walk"
    assert abs(float(found.state.x)) > 1.0


def test_it_is_differentiable_forwards():
    slope = jax.jvp(lambda of: root(of).state, (jnp.array(4.0),), (jnp.array(1.0),))[1]
    np.testing.assert_allclose(slope, 0.25, rtol=1e-4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_steps": 0}, "max_steps must be an integer >= 1"),
        ({"step": lambda x: (x, x)}, "structure"),
        ({"step": lambda x: x[None]}, r"step must keep state as float32\[\], it returned float32\[1\]"),
        ({"step": lambda x: x > 0}, "it returned bool"),
        ({"step": 3}, "step"),
    ],
)
def test_bad_arguments_are_refused(options, message):
    options = {"step": lambda x: x, "done": core.settled(atol=1.0), "max_steps": 3} | options
    with pytest.raises((TypeError, ValueError), match=message):
        core.iterate(options.pop("step"), jnp.array(1.0), **options)


def test_a_rule_that_never_holds_is_refused():
    with pytest.raises(ValueError, match="rtol or atol must be > 0"):
        core.settled()
    with pytest.raises(ValueError, match="rtol must be a number >= 0"):
        core.settled(rtol=-1.0)
