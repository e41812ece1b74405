"""The algebra of plane waves against values at points, and the rules that evaluate energies on it."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perturbax import core, pde
from perturbax.pde import _plane_waves
from perturbax.pde._lagrangian import curvatures, density
from perturbax.pde._plane_waves import Waves, collect, inverse_helmholtz, joined, keys, mean_product, multiply
from perturbax.pde._solve import residual_at
from perturbax.pde._sparse_waves import WaveField

SIDES = jnp.ones(2)
_values = eqx.filter_jit(lambda field, x: jax.vmap(field)(x)[:, 0])
_gradient = eqx.filter_jit(lambda space, u: space.gradient(u))
_energy_of = eqx.filter_jit(lambda space, u: space.energy(u))
_curvature = eqx.filter_jit(lambda space, u: space.curvature(u, u, 0.0))
X = np.random.default_rng(3).uniform(0.0, 1.0, (6, 2))


@pytest.fixture(autouse=True)
def _double():
    with core.float64():
        yield


def waves(seed, terms=8):
    random = np.random.default_rng(seed)
    n = random.integers(-3, 4, (terms, 2)).astype(np.int32)
    n[0] = 0
    a = random.normal(size=terms) + 1j * random.normal(size=terms)
    return collect(Waves(jnp.asarray(n), jnp.asarray(a)), terms, 0.0).waves


def at(some, x=X):
    field = WaveField(some, jnp.zeros(2), SIDES)
    return np.asarray(_values(field, jnp.asarray(x)))


def test_products_sums_and_means_are_those_of_the_functions():
    a, b = waves(0), waves(1)
    product = multiply(a, b, 128, 0.0)
    np.testing.assert_allclose(at(product.waves), at(a) * at(b), atol=1e-12)
    np.testing.assert_allclose(at(joined(a, b)), at(a) + at(b), atol=1e-12)
    assert float(product.dropped) == 0.0
    # The trapezoidal rule is exact for trigonometric polynomials.
    grid = np.stack(np.meshgrid(*[np.arange(16) / 16.0] * 2), -1).reshape(-1, 2)
    assert float(mean_product(a, b)) == pytest.approx(float(np.mean(at(a, grid) * at(b, grid))), abs=1e-12)
    assert float(product.waves.mean()) == pytest.approx(float(mean_product(a, b)), abs=1e-12)


def test_the_barron_norm_is_submultiplicative_and_bounds_values():
    a, b = waves(0), waves(1)
    product = multiply(a, b, 128, 0.0).waves
    assert float(product.barron_norm()) <= float(a.barron_norm() * b.barron_norm()) * (1.0 + 1e-12)
    assert np.abs(at(a)).max() <= float(a.absolute()) <= float(a.barron_norm())
    assert float(inverse_helmholtz(a, SIDES).barron_norm()) <= float(a.barron_norm())


@pytest.mark.parametrize(("capacity", "tolerance"), [(8, 0.1), pytest.param(128, 0.2, marks=pytest.mark.slow)])
def test_what_is_dropped_is_told_exactly(capacity, tolerance):
    a, b = waves(0), waves(1)
    whole, cut = multiply(a, b, 128, 0.0).waves, multiply(a, b, capacity, tolerance)
    missing = collect(joined(whole, cut.waves.scaled(-1.0)), 256, 0.0).waves
    assert float(missing.barron_norm() / whole.barron_norm()) == pytest.approx(float(cut.dropped), abs=1e-12)
    assert (float(cut.dropped) <= tolerance) == (capacity == 128)
    assert int(cut.waves.live()) <= capacity


@pytest.mark.slow
def test_blocks_and_candidates_give_the_same_product(monkeypatch):
    a, b = waves(0, 9), waves(1, 12)
    whole = multiply(a, b, 140, 0.0).waves
    monkeypatch.setattr(_plane_waves, "_PAIRS", 40)
    monkeypatch.setattr(_plane_waves, "_LEAST", 1)
    monkeypatch.setattr(_plane_waves, "_CANDIDATES", 1)
    blocks = eqx.filter_jit(multiply.__wrapped__)(a, b, 140, 0.0)
    np.testing.assert_allclose(at(blocks.waves), at(whole), atol=1e-12)
    few = eqx.filter_jit(multiply.__wrapped__)(a, b, 20, 0.0)
    assert float(few.dropped) > 0.0


def test_keys_are_linear_and_tell_waves_apart():
    n = np.random.default_rng(0).integers(-4, 5, (2000, 20)).astype(np.int32)
    n = np.unique(n, axis=0)
    found = np.asarray(keys(jnp.asarray(n)))
    assert len(np.unique(found)) == len(n)
    np.testing.assert_array_equal(keys(jnp.asarray(n[:-1] - n[1:])), found[:-1] - found[1:])


@pytest.fixture(scope="module", params=["cubic", pytest.param("quartic", marks=pytest.mark.slow)])
def stated(request):
    maker = pde.catalogue.semilinear_waves if request.param == "cubic" else pde.catalogue.quartic_waves
    with core.float64():
        problem = core.settle_arrays(maker(2, amplitudes=(0.3, 0.2, 0.1)))
        space = pde.PlaneWaves(max_terms=128, tolerance=0.0).space(problem)
        n = jnp.zeros((128, 2), jnp.int32).at[:3].set(jnp.array([[0, 0], [1, 0], [1, -1]], jnp.int32))
        a = jnp.zeros(128, complex).at[:3].set(jnp.array([0.1, 0.2 + 0.1j, -0.1j]))
        return space, Waves(n, a, distinct=True)


def test_the_gradient_of_an_energy_is_the_residual_of_its_equation(stated):
    space, u = stated
    problem = space.problem
    g, dropped = _gradient(space, u)
    np.testing.assert_allclose(at(g), residual_at(space.model(u), problem, jnp.asarray(X))[:, 0], atol=1e-10)
    assert float(dropped) < 1e-14


@pytest.mark.slow
def test_the_energy_is_the_mean_of_its_density(stated):
    space, u = stated
    grid = pde.SpectralGrid(16).space(space.problem)
    nodes = np.arange(grid.points) / grid.points
    x = np.stack(np.meshgrid(nodes, nodes, indexing="ij"), -1).reshape(-1, 2)
    assert float(_energy_of(space, u)) == pytest.approx(float(grid.energy(jnp.asarray(at(u, x).reshape(33, 33)))))


@pytest.mark.slow
def test_the_curvature_bounds_that_of_every_point(stated):
    space, u = stated
    matrix = curvatures(space.problem)
    model = space.model(u)
    bound = float(_curvature(space, u))
    largest = 0.0
    for x in jnp.asarray(X):
        found = model.derivatives(x, ((), (0,), (1,)))
        second = matrix(x, found[()][0], jnp.concatenate([found[(0,)], found[(1,)]]))
        largest = max(largest, float(np.linalg.eigvalsh(second)[-1]))
    assert 1.0 < largest <= bound < 100.0


def _energy(kind):
    def energy(x, u, params):
        v = u.value[0]
        if kind == "not a polynomial":
            return jnp.sum(jnp.square(u.grad)) + jnp.cos(v)
        if kind == "not periodic":
            return jnp.sum(jnp.square(u.grad)) + x[0] * v
        if kind == "another period":
            return jnp.sum(jnp.square(u.grad)) + jnp.sin(3.0 * x[0]) * v
        return 0.5 * jnp.sum(jnp.square(u.grad)) + (1.0 + 0.5 * jnp.cos(2.0 * jnp.pi * (x[0] - x[1]))) * v**2 - v

    return energy


def _plain(x, u, params):
    return u.value


@pytest.mark.parametrize(
    ("kind", "error", "message"),
    [
        ("not a polynomial", ValueError, "must be a polynomial, it has cos of the solution"),
        ("not periodic", ValueError, "periodic in x"),
        ("another period", ValueError, "periodic on the domain"),
    ],
)
def test_what_waves_cannot_do_is_said(kind, error, message, key):
    conditions = [pde.Periodic(0), pde.Periodic(1)]
    problem = pde.PDEProblem(pde.Box([0, 0], [1, 1]), _plain, conditions, energy=_energy(kind))
    with pytest.raises(error, match=message):
        pde.solve(problem, pde.BarronFlow(iterations=1), key=key)


@pytest.mark.slow
def test_coefficients_may_vary_in_space():
    conditions = [pde.Periodic(0), pde.Periodic(1)]
    problem = pde.PDEProblem(pde.Box([0, 0], [1, 1]), _plain, conditions, energy=_energy("varying"))
    space = pde.PlaneWaves(max_terms=64).space(core.settle_arrays(problem))
    u = waves(0)
    g, _ = _gradient(space, u)
    by_ad = [
        jax.grad(lambda v, x=x: density(space.problem)(x, v, jnp.zeros(2)))(v) for x, v in zip(X, at(u), strict=True)
    ]
    laplacian = -u.scaled(jnp.sum(jnp.square(2.0 * jnp.pi * u.frequencies), -1)).amplitudes
    np.testing.assert_allclose(at(g), np.asarray(by_ad) - at(u.like(laplacian)), atol=1e-10)
