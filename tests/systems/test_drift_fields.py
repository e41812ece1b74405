"""Drifts of populations: fixed points, conserved quantities and periods that are known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perturbax import systems

FIELDS = {
    "LotkaVolterra": (systems.LotkaVolterra(), 2),
    "Repressilator": (systems.Repressilator(), 3),
    "EllipticVortex": (systems.EllipticVortex(0.5, -1.0, 2.0, 3.0), 2),
    "LambOseen": (systems.LambOseen(0.5, -1.0, 2.0, 3.0), 2),
}
X = np.random.default_rng(0).uniform(0.5, 4.0, size=(6, 3)).astype(np.float32)


@pytest.mark.parametrize("name", FIELDS)
def test_points_are_mapped_one_by_one_and_parameters_can_be_fitted(name):
    field, size = FIELDS[name]
    x = jnp.asarray(X[:, :size])
    np.testing.assert_allclose(field(x, 0.0)[2], field(x[2], 0.0), rtol=1e-5, atol=1e-6)
    assert len(jax.tree.leaves(field)) == 4
    gradient = jax.grad(lambda field: jnp.square(field(x, 0.0)).sum())(field)
    assert all(np.isfinite(leaf) and leaf != 0.0 for leaf in jax.tree.leaves(gradient))


@pytest.mark.parametrize("name", ["Repressilator", "LambOseen"])
def test_gradients_are_finite_where_powers_and_quotients_end(name):
    field, size = FIELDS[name]
    at = -jnp.ones((1, size)) if name == "Repressilator" else jnp.array([[0.5, -1.0]])
    gradient = jax.grad(lambda field: field(at, 0.0).sum())(field)
    assert all(np.isfinite(leaf) for leaf in jax.tree.leaves(gradient))


def test_prey_and_predators_keep_their_invariant():
    """delta x - gamma log x + beta y - alpha log y is constant along orbits."""
    field = systems.LotkaVolterra(1.1, 0.5, 0.3, 0.2)

    def invariant(x):
        return 0.2 * x[0] - 0.3 * jnp.log(x[0]) + 0.5 * x[1] - 1.1 * jnp.log(x[1])

    for x in jnp.asarray(X[:, :2]):
        assert float(jax.grad(invariant)(x) @ field(x, 0.0)) == pytest.approx(0.0, abs=1e-5)


def test_the_elliptic_vortex_turns_once_in_its_period():
    field = systems.EllipticVortex(0.5, -1.0, 2.0, 3.0)
    period, x = 2 * np.pi * np.sqrt(2.0) / 3.0, jnp.array([2.0, 0.0])

    def step(x, _):
        h = period / 400
        k = field(x, 0.0)
        return x + h * field(x + 0.5 * h * k, 0.0), None

    np.testing.assert_allclose(jax.lax.scan(step, x, None, length=400)[0], x, atol=1e-3)


def test_the_vortex_with_a_core_is_a_rotation_inside_and_a_point_vortex_outside():
    field = systems.LambOseen(circulation=2.0, scale=0.5)
    near, far = field(jnp.array([[1e-2, 0.0], [30.0, 0.0]]), 0.0)
    np.testing.assert_allclose(near, [0.0, 2.0 * 1e-2 / 0.5], rtol=1e-3, atol=1e-7)
    np.testing.assert_allclose(far, [0.0, 2.0 * 0.5 / 30.0], rtol=1e-5)


def test_genes_repress_in_a_circle():
    field = systems.Repressilator(beta=3.0, n=2.0, k=0.5, gamma=0.7)
    drift = field(jnp.array([1.0, 0.0, 5.0]), 0.0)
    wanted = [3.0 / (1 + 10.0**2) - 0.7, 3.0 / (1 + 2.0**2), 3.0 - 3.5]
    np.testing.assert_allclose(drift, wanted, rtol=1e-5)


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: systems.LotkaVolterra(alpha=float("nan")), "alpha"),
        (lambda: systems.Repressilator(n="3"), "n must be"),
        (lambda: systems.EllipticVortex(rate=np.inf), "rate"),
        (lambda: systems.LambOseen(scale=None), "scale"),
    ],
)
def test_numbers_that_are_none_are_refused(call, name):
    with pytest.raises((ValueError, TypeError), match=name):
        call()
