"""Conjugate gradients: exact after as many steps as eigenvalues, complex, batched, and safe where nothing is left."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perturbax.core import float64
from perturbax.linalg import conjugate_gradients

VALUES = np.array([1.0, 1.0, 1.0, 4.0, 4.0, 9.0])


def hermitian(values, complex_=False, seed=0):
    random = np.random.default_rng(seed)
    n = len(values)
    basis = random.normal(size=(n, n)) + (1j * random.normal(size=(n, n)) if complex_ else 0.0)
    basis, _ = np.linalg.qr(basis)
    return (basis * values) @ basis.conj().T


@pytest.mark.parametrize("complex_", [False, True])
def test_exact_after_as_many_steps_as_there_are_different_eigenvalues(complex_):
    with float64():
        H = jnp.asarray(hermitian(VALUES, complex_))
        b = jnp.asarray(np.random.default_rng(1).normal(size=6) + (1j if complex_ else 0.0))
        found = conjugate_gradients(lambda x: H @ x, b, max_steps=3)
        np.testing.assert_allclose(found.x, np.linalg.solve(H, b), rtol=1e-10)
        short = conjugate_gradients(lambda x: H @ x, b, max_steps=2)
    assert int(found.steps) == 3
    assert np.linalg.norm(short.x - found.x) > 1e-3


def test_each_system_of_a_batch_stops_by_itself():
    H = jnp.asarray(np.stack([hermitian(np.full(6, 2.0)), hermitian(VALUES)]), jnp.float32)
    b = jnp.ones((2, 6))
    found = jax.vmap(lambda H, b: conjugate_gradients(lambda x: H @ x, b, max_steps=20, atol=1e-4))(H, b)
    assert found.steps.tolist() == [1, 3]
    assert found.applications.tolist() == [1, 3]
    alone = conjugate_gradients(lambda x: H[1] @ x, b[1], max_steps=20, atol=1e-4)
    np.testing.assert_allclose(found.x[1], alone.x, rtol=1e-5)


def test_a_singular_consistent_system_and_a_start_that_solves_it():
    H = jnp.diag(jnp.array([2.0, 0.0]))
    found = conjugate_gradients(lambda x: H @ x, jnp.array([2.0, 0.0]), max_steps=5)
    assert found.x.tolist() == [1.0, 0.0]
    solved = conjugate_gradients(lambda x: H @ x, jnp.array([2.0, 0.0]), x0=jnp.array([1.0, 7.0]), max_steps=5)
    assert solved.x.tolist() == [1.0, 7.0]
    assert int(solved.steps) == 0


def test_an_inconsistent_system_ends_finite():
    H = jnp.diag(jnp.array([2.0, 0.0]))
    found = conjugate_gradients(lambda x: H @ x, jnp.array([2.0, 1.0]), max_steps=50)
    assert bool(jnp.isfinite(found.x).all())


def test_the_residual_norm_is_that_of_the_solution():
    H = jnp.asarray(hermitian(VALUES), jnp.float32)
    b = jnp.arange(6.0)
    found = conjugate_gradients(lambda x: H @ x, b, max_steps=2)
    assert float(found.residual_norm) == pytest.approx(float(jnp.linalg.norm(b - H @ found.x)), rel=1e-3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(max_steps=0), "max_steps must be"),
        (dict(max_steps=1, rtol=-1.0), "rtol must be"),
        (dict(max_steps=1, x0=jnp.ones(3)), "x0 must have the shape of b"),
    ],
)
def test_bad_input_is_refused_by_name(options, message):
    with pytest.raises(ValueError, match=message):
        conjugate_gradients(lambda x: x, jnp.ones(2), **options)
    with pytest.raises(ValueError, match="operator must keep shape"):
        conjugate_gradients(lambda x: x[:1], jnp.ones(2), max_steps=1)


def test_applications_are_counted_as_they_are_made():
    made = []

    def operator(H):
        def apply(x):
            jax.debug.callback(lambda: made.append(1))
            return H @ x

        return apply

    H = jnp.asarray(hermitian(VALUES), jnp.float32)
    cases = [
        (H, jnp.ones(6), None),
        (H, jnp.ones(6), jnp.zeros(6)),
        (jnp.diag(jnp.array([2.0, 0.0])), jnp.array([0.0, 1.0]), None),  # no curvature in the first direction
    ]
    for matrix, b, start in cases:
        made.clear()
        found = conjugate_gradients(operator(matrix), b, x0=start, max_steps=3)
        jax.effects_barrier()
        assert int(found.applications) == len(made)


def test_a_pytree_is_the_array_of_its_parts():
    H = jnp.asarray(hermitian(VALUES), jnp.float32)
    b = jnp.arange(1.0, 7.0)

    def apply(parts):
        whole = H @ jnp.concatenate([parts["left"], parts["right"].ravel()])
        return {"left": whole[:2], "right": whole[2:].reshape(2, 2)}

    split = {"left": b[:2], "right": b[2:].reshape(2, 2)}
    found = jax.jit(lambda b: conjugate_gradients(apply, b, max_steps=2))(split)
    whole = conjugate_gradients(lambda x: H @ x, b, max_steps=2)
    np.testing.assert_allclose(jnp.concatenate([found.x["left"], found.x["right"].ravel()]), whole.x, rtol=1e-4)
    assert int(found.steps) == int(whole.steps)
    with pytest.raises(ValueError, match="x0 must have the structure"):
        conjugate_gradients(apply, split, x0=b, max_steps=1)


def test_a_complex_start_of_a_real_system_is_refused():
    with pytest.raises(TypeError, match="x0 is complex"):
        conjugate_gradients(lambda x: x, jnp.ones(2), x0=1j * jnp.ones(2), max_steps=1)
