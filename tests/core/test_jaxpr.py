"""A function as a flat list of equations, and the interpreter of such lists."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perturbax import core

MATRIX = np.arange(6.0, dtype=np.float32).reshape(2, 3)


def evaluate(program, *values):
    """Plain evaluation is the simplest set of rules."""
    rules = core.Rules("evaluation", "register it")
    for equation in program.equations:
        rules.register(equation.name)(lambda equation, *values: equation.bind(*values))
    known = core.interpret(program, rules, values)
    return [v.value if isinstance(v, core.Constant) else known[v] for v in program.outputs]


def names(f, *examples):
    return [equation.name for equation in core.flatten(f, *examples).equations]


@jax.custom_vjp
def squared(x):
    return x * x


squared.defvjp(lambda x: (x * x, x), lambda x, g: (g * x,))


def calls(x):
    return jax.jit(jax.nn.relu)(jax.checkpoint(jnp.sin)(x)) + squared(x)


def recurrent(xs):
    def step(carry, x):
        h, i = carry
        h = jnp.tanh(h + x) * jnp.where(i > 0, 1.0, 0.5)
        return (h, i + 1), (h, i)

    (h, _), (hs, i) = jax.lax.scan(step, (jnp.zeros(xs.shape[1:]), 0), xs, reverse=True)
    return h + (hs * i[:, None]).sum(0)


def branching(x):
    return jax.lax.cond(MATRIX.sum() > 1, jnp.sin, jnp.cos, x) + jax.lax.switch(2, [jnp.exp, jnp.cos, jnp.tanh], x)


@pytest.mark.parametrize("f", [calls, recurrent, branching])
def test_a_program_is_the_function_without_calls(f):
    x = np.linspace(-1.0, 1.0, 6, dtype=np.float32).reshape(3, 2)
    program = core.flatten(f, x)
    assert not {"jit", "scan", "cond", "custom_jvp_call", "custom_vjp_call", "remat2"} & {
        equation.name for equation in program.equations if equation.varying
    }
    np.testing.assert_allclose(evaluate(program, x)[0], f(x), rtol=1e-6)


def test_what_no_output_needs_is_dropped():
    assert names(lambda x: (jnp.cos(x), jax.lax.stop_gradient(jnp.sin(x)))[1], np.float32(1.0)) == ["sin"]


def test_equations_that_do_not_vary_are_evaluated_without_rules():
    program = core.flatten(lambda x: x * jnp.exp(MATRIX).sum(), np.float32(2.0))
    assert [equation.varying for equation in program.equations] == [False, False, True]
    rules = core.Rules("doubling", "register it")
    rules.register("mul")(lambda equation, x, y: (2 * x * y,))
    known = core.interpret(program, rules, [np.float32(1.0)])
    np.testing.assert_allclose(known[program.outputs[0]], 2 * np.exp(MATRIX).sum(), rtol=1e-6)


def test_programs_of_traced_constants_work_inside_of_jit():
    @jax.jit
    def call(weight, x):
        return evaluate(core.flatten(lambda x: jnp.tanh(weight @ x), x), x)[0]

    np.testing.assert_allclose(call(MATRIX, np.ones(3, np.float32)), np.tanh(MATRIX.sum(1)), rtol=1e-6)


def test_splice_puts_other_equations_in_place():
    program = core.flatten(lambda x: jnp.sin(x), np.float32(1.0))
    equations, (output,) = core.splice(lambda x, y: x + y, [program.outputs[0], core.Constant(np.float32(3.0))], "here")
    longer = core.Program(program.inputs, (*program.equations, *equations), (output,))
    assert equations[-1].source == "here"
    np.testing.assert_allclose(evaluate(longer, np.float32(1.0))[0], np.sin(1.0) + 3.0, rtol=1e-6)


def test_a_missing_rule_names_primitive_line_and_remedy():
    def f(x):
        return jnp.sin(x)

    rules = core.Rules("counting", "call rules.register")
    with pytest.raises(
        core.MissingRuleError, match=r"no counting rule for the primitive 'sin' at test_jaxpr.py:\d+ \(f\); call"
    ):
        core.interpret(core.flatten(f, np.float32(1.0)), rules, [0])


def test_loops_on_values_stay_and_have_no_rule():
    def f(x):
        return jax.lax.while_loop(lambda x: x < 3.0, lambda x: x + 1.0, x)

    assert names(f, np.float32(1.0)) == ["while"]
    assert names(lambda x: jax.lax.fori_loop(0, 3, lambda i, x: x + 1.0, x), np.float32(1.0)) == ["add", "add", "add"]
