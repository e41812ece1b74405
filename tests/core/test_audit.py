"""Audits of programs: no float is overlooked, and every way to a second derivative is seen."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perturbax import core

X = np.array([0.3, -1.2], np.float32)
V = np.array([1.0, 2.0], np.float32)


def loss(x):
    return jnp.sum(jnp.sin(x) ** 2)


SEEN = core.watched(loss)


@pytest.mark.parametrize(
    ("f", "order"),
    [
        (SEEN, 0),
        (jax.grad(SEEN), 1),
        (lambda x: jax.jvp(SEEN, (x,), (V,))[1], 1),
        (lambda x: x - 0.1 * jax.grad(SEEN)(x) + jax.grad(loss)(x), 1),
        (lambda x: jax.jvp(jax.grad(SEEN), (x,), (V,))[1], 2),
        (lambda x: jax.grad(lambda x: jnp.vdot(jax.grad(SEEN)(x), V))(x), 2),
        (lambda x: jax.grad(lambda x: jax.jvp(SEEN, (x,), (V,))[1])(x), 2),
        (lambda x: jax.jvp(lambda x: jax.jvp(SEEN, (x,), (V,))[1], (x,), (V,))[1], 2),
        (lambda x: jax.grad(lambda x: SEEN(x - 0.1 * jax.grad(SEEN)(x)))(x), 2),
        (jax.hessian(SEEN), 2),
        (lambda x: jax.grad(lambda x: jnp.sum(jax.hessian(SEEN)(x)))(x), 3),
        (lambda x: jax.lax.while_loop(lambda x: x[0] < 1, lambda x: x - jax.grad(SEEN)(x), x), 1),
        (jax.jit(lambda x: jax.lax.fori_loop(0, 3, lambda _, x: jax.jvp(jax.grad(SEEN), (x,), (V,))[1], x)), 2),
    ],
)
def test_the_order_of_the_derivative_is_found(f, order):
    assert core.derivative_order(f, X) == order


def test_a_derivative_that_no_result_needs_does_not_count():
    assert core.derivative_order(lambda x: (jax.hessian(SEEN)(x), SEEN(x))[1], X) == 0


@pytest.mark.parametrize("change", [lambda g: g, jax.grad, jax.hessian, lambda g: jax.jit(jax.vmap(jax.grad(g)))])
def test_a_watched_function_computes_the_same(change):
    x = np.stack([X, V])
    np.testing.assert_allclose(change(SEEN)(x), change(loss)(x), rtol=1e-6)


def test_floats_are_found_wherever_they_are():
    n = jax.ShapeDtypeStruct((3,), jnp.int32)
    assert core.find_floats(lambda n: jnp.maximum((n * 3 + 7) >> 2, 0), n) == ()
    convert, root, *_ = core.find_floats(lambda n: jnp.sqrt(n.astype(float)).astype(int), n)
    assert convert.startswith("convert_element_type at test_audit.py")
    assert root.startswith("sqrt at")
    assert core.find_floats(lambda x: x, X) == ("argument 0", "result 0")
    hidden = core.find_floats(lambda n: jax.lax.while_loop(lambda n: n[0] < 5, lambda n: (n * 1.5).astype(int), n), n)
    assert any(name.startswith("mul in while") for name in hidden)
    assert core.find_floats(lambda n: (n.astype(float).sum(), n + 1)[1], n) == ()
    assert core.find_floats(lambda n: n + jnp.round(jnp.ones(3) * 2.5).astype(int), n) != ()
