"""Derivatives of fields: three independent routes agree, and what a residual asks for is found."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.experimental import jet as taylor

from perturbax import core, pde
from perturbax.pde._jet import discover


def network(x):
    return jnp.stack([jnp.sin(x).sum() * jnp.exp(0.3 * x[0]), jnp.tanh(x @ jnp.arange(1.0, 1.0 + len(x)))])


@pytest.mark.parametrize("dimension", [2, pytest.param(18, marks=pytest.mark.slow)])
def test_nested_products_reverse_mode_and_taylor_mode_agree(dimension):
    with core.float64():
        x = jax.random.normal(jax.random.key(0), (dimension,))
        pairs = list(itertools.combinations_with_replacement(range(dimension), 2))
        found = pde.jet(network, x, [(), *((i,) for i in range(dimension)), *pairs])
        hessian = jax.hessian(network)(x)
        np.testing.assert_allclose(found.value, network(x), atol=1e-10)
        np.testing.assert_allclose(found.grad, jax.jacrev(network)(x), atol=1e-10)
        for i, j in pairs:
            np.testing.assert_allclose(found.d(j, i), hessian[:, i, j], atol=1e-10)
        laplacian = 0.0
        for i in range(dimension):
            _, terms = taylor.jet(network, (x,), ((jnp.eye(dimension)[i], jnp.zeros(dimension)),))
            laplacian = laplacian + terms[1]
        np.testing.assert_allclose(found.laplacian(), laplacian, atol=1e-10)


def test_third_and_mixed_derivatives_of_a_polynomial():
    found = pde.jet(lambda x: x[:1] ** 3 * x[1:] ** 2, jnp.array([2.0, 3.0]), [(0, 0, 0), (1, 0, 0)])
    assert found.d(0, 0, 0).item() == 6.0 * 9.0
    assert found.d(0, 1, 0).item() == 6.0 * 2.0 * 2.0 * 3.0


def test_a_laplacian_costs_at_most_2d_plus_1_evaluations():
    d = 8
    network = pde.Dense(d, (64, 64), 1, key=jax.random.key(0))

    def operations(f):
        return jax.jit(jax.vmap(f)).lower(jnp.ones((10, d))).compile().cost_analysis()["flops"]

    wanted = [(i, i) for i in range(d)]
    assert operations(lambda x: pde.jet(network, x, wanted).laplacian()) <= (2 * d + 1) * operations(network)


def test_what_is_asked_for_is_discovered():
    def residual(x, jets):
        u, v = jets
        return u.d(1, 0) + v.laplacian((0,)) * u.value

    answer, (first, second) = discover(residual, 2, 1, jets=2)
    assert answer.shape == (1,)
    assert first == ((), (0, 1))
    assert second == ((0, 0),)


def test_a_closed_form_is_asked_for_its_derivatives():
    class Known(pde.AbstractClosedForm):
        def __call__(self, x):
            return x[:1]

        def derivatives(self, x, indices):
            return {index: jnp.full(1, 7.0) for index in indices}

    assert pde.jet(Known(), jnp.ones(2), [(0, 0)]).d(0, 0).item() == 7.0


def test_axes_and_indices_that_are_not_there_are_refused():
    with pytest.raises(ValueError, match="axes must be an integer in"):
        pde.jet(network, jnp.ones(2), [(2,)])
    with pytest.raises(ValueError, match=r"\(0,\) was not asked for"):
        pde.jet(network, jnp.ones(2), [()]).d(0)
