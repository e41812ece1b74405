"""GPHM: kernels and Kronecker algebra against independent routes, solutions, compilation, bad input."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perturbax import core, pde
from perturbax.pde._gaussian_process import Unknowns, objective, process
from perturbax.pde._inner_solve import solve_whitened
from perturbax.pde._kronecker import along_axes, at_points, log_density, solve_lower, solve_upper, toeplitz
from perturbax.pde._spectral_kernels import kernel_derivatives
from perturbax.pde._tensor_rows import dense_jacobian, gram_diagonal, is_affine, linearise, place, rows, values

KERNELS = [
    pde.SpectralMixture(3, 2.0, 0.05),
    pde.StudentMixture(3, 2.0),
    pde.SquaredExponential(),
    pde.Matern52(),
]
SMALL = pde.GPHM(pde.SpectralMixture(6, 4.0, 0.05), grid=40, steps=20)


def named(value):
    return type(value).__name__ if isinstance(value, pde.AbstractSpectralKernel) else None


def mixture(kernel, key=0):
    found = kernel.start(jax.random.key(key))
    moved = jax.random.normal(jax.random.key(key + 1), found.log_scales.shape)
    return dataclasses.replace(found, log_scales=found.log_scales + 0.3 * moved)


@pytest.mark.parametrize("kernel", KERNELS[:2], ids=named)
def test_derivatives_of_kernels_are_those_of_differentiation(kernel):
    with core.float64():
        parameters = mixture(kernel)

        @jax.jit
        def routes(z, around):
            f, by_ad = lambda z: kernel_derivatives(kernel, parameters, z, 0)[0], []
            for _ in range(5):
                by_ad.append(jax.vmap(f)(z))
                f = jax.grad(f)
            return *(kernel_derivatives(kernel, parameters, some, 4) for some in (z, around)), by_ad

        # Where differentiation of |z| says nothing: at 0 the limits from both sides are the same.
        closed, limits, by_ad = routes(jnp.array([-0.7, -0.01, 0.02, 0.4]), jnp.array([-1e-12, 0.0, 1e-12]))
        for a, b, near in zip(closed, by_ad, limits, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)
            np.testing.assert_allclose(near - near[1], 0.0, atol=1e-5 * (1.0 + np.abs(near[1])))


def test_kernels_without_frequencies_are_mixtures_of_one_component():
    with core.float64():
        z = jnp.linspace(-1.0, 1.0, 5)
        for single, mixed in zip(KERNELS[2:], KERNELS[:2], strict=True):
            start = single.start(jax.random.key(0))
            for a, b in zip(
                kernel_derivatives(single, start, z, 4), kernel_derivatives(mixed, start, z, 4), strict=True
            ):
                np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_toeplitz_matrix_has_its_lags(sign):
    lags = jnp.array([0.0 if sign < 0 else 4.0, 3.0, 2.0, 1.0])
    found = np.asarray(toeplitz(lags, sign))
    for a in range(4):
        for b in range(4):
            assert found[a, b] == (lags[a - b] if a >= b else sign * lags[b - a])


def test_kronecker_products_are_those_of_the_dense_matrix():
    with core.float64():
        first, second, u = (jax.random.normal(jax.random.key(k), s) for k, s in enumerate([(6, 6), (5, 5), (6, 5)]))
        dense = np.kron(first, second)
        np.testing.assert_allclose(along_axes([first, second], u).reshape(-1), dense @ u.reshape(-1), rtol=1e-12)
        picked = at_points([first[:5], second], u)
        np.testing.assert_allclose(picked, np.diag(np.asarray(along_axes([first[:5], second], u))), rtol=1e-11)
        lowers = [jnp.tril(first) + 4.0 * jnp.eye(6), jnp.tril(second) + 4.0 * jnp.eye(5)]
        lower = np.kron(*lowers)
        np.testing.assert_allclose(solve_lower(lowers, u).reshape(-1), np.linalg.solve(lower, u.reshape(-1)), rtol=1e-9)
        up = np.linalg.solve(lower.T, u.reshape(-1))
        np.testing.assert_allclose(solve_upper(lowers, u).reshape(-1), up, rtol=1e-9)


def test_the_log_density_and_its_gradient_are_those_of_the_dense_covariance():
    kernel = KERNELS[0]
    with core.float64():
        axes = jnp.linspace(0.0, 1.0, 6), jnp.linspace(0.0, 1.0, 5)
        u = jax.random.normal(jax.random.key(3), (6, 5))

        def covariances(mixtures):
            lags = [kernel_derivatives(kernel, m, x, 0)[0] for m, x in zip(mixtures, axes, strict=True)]
            return [toeplitz(some, 1.0) + 0.1 * jnp.eye(len(some)) for some in lags]

        def by_axes(mixtures):
            lowers = [jnp.linalg.cholesky(K) for K in covariances(mixtures)]
            return log_density(lowers, solve_lower(lowers, u))

        def dense(mixtures):
            K = jnp.kron(*covariances(mixtures))
            return -0.5 * jnp.linalg.slogdet(K)[1] - 0.5 * u.reshape(-1) @ jnp.linalg.solve(K, u.reshape(-1))

        mixtures = mixture(kernel, 0), mixture(kernel, 5)
        (a, da), (b, db) = (jax.jit(jax.value_and_grad(f))(mixtures) for f in (by_axes, dense))
        np.testing.assert_allclose(a, b, rtol=1e-10)
        for left, right in zip(jax.tree.leaves(da), jax.tree.leaves(db), strict=True):
            np.testing.assert_allclose(left, right, rtol=1e-9, atol=1e-10)


def bent(x, u, params):
    return u.laplacian() + params["bend"] * u.value**2 + u.d(0, 1) - x[0]


def made(bend=0.0, grid=(7, 6)):
    """A small problem in two dimensions with conditions of several kinds, its points, and its process."""
    box = pde.Box([0.0, 0.0], [1.0, 2.0], time_axis=0)
    conditions = [pde.Initial(1.0), pde.Neumann(0.5, faces=[(1, 1)], weight=2.0), pde.Periodic(1, orders=(0,))]
    problem = core.settle_arrays(pde.PDEProblem(box, bent, conditions, params={"bend": bend}))
    axes = tuple(jnp.linspace(0.0, length, n) for n, length in zip(grid, (1.0, 2.0), strict=True))
    places = place(problem, axes, grid, jax.random.key(0), pde.Lattice())
    kernel = pde.SpectralMixture(3, 1.0)
    unknowns = Unknowns((mixture(kernel, 0), mixture(kernel, 5)), jnp.asarray(0.3), jnp.asarray(-0.2))
    return problem, places, process(problem, places, kernel, unknowns.mixtures, jnp.asarray(1e-4)), unknowns


@pytest.mark.slow
def test_the_jacobian_of_rows_is_that_of_differentiation():
    with core.float64():
        problem, places, process, _ = made(bend=0.7)
        W, change = jax.random.normal(jax.random.key(0), (2, 7, 6))
        scales = jnp.asarray(2.0), jnp.asarray(3.0)

        def scaled(found):
            return jnp.concatenate([scales[0] * found.equation, scales[1] * found.conditions])

        @jax.jit
        def routes(W, change):
            def every(W):
                return scaled(rows(problem, places, values(problem, process.tables, W)))

            jacobian = linearise(problem, places, values(problem, process.tables, W))
            return (
                jax.jacfwd(every)(W).reshape(-1, 42),
                scaled(dense_jacobian(problem, process.tables, jacobian)),
                scaled(jacobian(values(problem, process.tables, change))),
                gram_diagonal(problem, process.tables, jacobian, scales),
            )

        J, dense, product, diagonal = routes(W, change)
        np.testing.assert_allclose(dense, J, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(product, J @ change.reshape(-1), rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(diagonal.reshape(-1), jnp.sum(jnp.square(J), 0), rtol=1e-9)


def test_the_process_in_a_step_makes_the_objective_stationary_by_both_solvers(monkeypatch):
    with core.float64():
        problem, places, process, unknowns = made()

        @jax.jit
        def gradient(zeta):
            return jax.grad(lambda z: objective(problem, places, process, unknowns, z, 2.0)[0])(zeta)

        def solved(zeta):
            return solve_whitened(problem, places, process, unknowns, zeta, 2.0, 1, 400)

        start = jnp.zeros((7, 6))
        dense = jax.jit(solved)(start)
        monkeypatch.setattr("perturbax.pde._inner_solve.DENSE", 10)
        by_gradients = jax.jit(lambda zeta: solved(zeta))(start)
        size = np.abs(gradient(start)).max()
        assert np.abs(gradient(dense)).max() < 1e-8 * size
        assert np.abs(gradient(by_gradients)).max() < 1e-5 * size
        np.testing.assert_allclose(by_gradients, dense, atol=1e-4)


@pytest.mark.slow
def test_affine_equations_are_told_from_others():
    with core.float64():
        assert is_affine(*made()[:2])
        assert not is_affine(*made(bend=0.7)[:2])


@pytest.fixture(scope="module")
def wave():
    return pde.catalogue.poisson(1, frequency=7.0)


@pytest.fixture(scope="module")
def solved(wave):
    return pde.solve(wave, SMALL, key=jax.random.key(0))


def test_a_high_frequency_is_found_and_derivatives_are_those_of_the_solution(solved):
    x = np.linspace(0.0, 1.0, 50)[:, None]
    assert pde.solution_error(solved, 300).relative_l2 < 5e-3
    slope = 7.0 * np.pi
    np.testing.assert_allclose(solved.derivative(x, 0), slope * np.cos(slope * x), atol=0.02 * slope)
    np.testing.assert_allclose(solved.residual(x), 0.0, atol=0.02 * slope**2)
    with core.float64():
        on_grid = core.settle_arrays(solved.model).on_grid((jnp.asarray(x[:, 0]),))
    np.testing.assert_allclose(on_grid, solved(x)[:, 0], atol=1e-12)


def test_the_history_and_the_statistics_tell_what_was_done(solved):
    assert solved.history["step"].tolist() == [10, 20]
    assert solved.history["evaluations"].tolist() == [20, 40]
    assert solved.history["loss"][1] < solved.history["loss"][0]
    assert solved.history["error"][-1] < 5e-3
    assert solved.stats["components"][0] <= 6
    assert solved.stats["jitter"] == 1e-6
    assert solved.stats["equation_noise"] < 1.0


def test_the_spectrum_is_sorted_by_weight(solved):
    (found,) = pde.spectrum(solved)
    assert found.weights.shape == (6,)
    assert (np.diff(found.weights) <= 0.0).all()
    assert float(found.weights.sum()) == pytest.approx(np.exp(solved.model.mixtures[0].log_weights).sum())
    assert 0.5 < float(found.frequencies[0]) < 5.0


def cubic(x, u, params):
    exact = jnp.sin(6.0 * x[0])
    return u.d(0, 0) + u.value**3 - u.value + 37.0 * exact - exact**3


@pytest.mark.slow
def test_a_nonlinear_equation_is_solved():
    box, exact = pde.Box([0.0], [1.0]), lambda x, params: jnp.sin(6.0 * x[0])
    problem = pde.PDEProblem(box, cubic, [pde.Dirichlet(exact)], exact=exact)
    found = pde.solve(problem, SMALL, key=jax.random.key(0))
    assert pde.solution_error(found, 200).relative_l2 < 1e-2
    assert found.stats["evaluations"] == 20 * 4


def test_other_numbers_and_keys_do_not_compile_again(wave, solved, compilations):
    with compilations() as counted:
        pde.solve(pde.catalogue.poisson(1, frequency=6.0), SMALL, key=jax.random.key(1))
    assert not counted


@pytest.mark.slow
def test_joint_adam_climbs_the_same_objective(wave):
    method = pde.JointGPHM(SMALL.kernel, grid=40, steps=40, chunk=20)
    found = pde.solve(wave, method, key=jax.random.key(0))
    assert found.history["loss"][1] < found.history["loss"][0]
    assert found.stats["evaluations"] == 40


def test_frequencies_above_those_of_the_grid_are_told(wave):
    long = pde.PDEProblem(
        pde.Box([0.0], [10.0]), wave.residual, wave.conditions, params={"frequency": 1.0}, exact=wave.exact
    )
    with pytest.warns(UserWarning, match="start above 1.95"):
        pde.solve(long, SMALL, key=jax.random.key(0))


def explodes(x, u, params):
    return u.d(0, 0) * jnp.inf


@pytest.mark.slow
def test_what_is_not_finite_raises_or_is_told(wave):
    problem = pde.PDEProblem(wave.domain, explodes, [pde.Dirichlet()])
    with pytest.raises(core.SolverError, match="solve by GPHM: A value became NaN or infinite"):
        pde.solve(problem, SMALL, key=jax.random.key(0))
    told = pde.solve(problem, SMALL, key=jax.random.key(0), throw=False)
    assert told.result == core.Result.nonfinite
    assert told.stats["jitter"] == 1e-3


def fourth(x, u, params):
    return u.d(0, 0, 0, 0, 0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda wave: pde.GPHM(kernel="gm"), "kernel"),
        (lambda wave: pde.GPHM(grid=2), "grid must be an integer >= 3"),
        (lambda wave: pde.GPHM(steps=0), "steps must be an integer >= 1"),
        (lambda wave: pde.GPHM(newton=0), "newton must be an integer >= 1"),
        (lambda wave: pde.GPHM(jitter=1.0), "jitter must be a number"),
        (lambda wave: pde.SpectralMixture(0), "components must be an integer >= 1"),
        (lambda wave: pde.StudentMixture(frequency=-1.0), "frequency must be a number > 0"),
        (
            lambda wave: pde.solve(wave, pde.GPHM(grid=(9, 9)), key=jax.random.key(0)),
            "grid must have a number for",
        ),
        (
            lambda wave: pde.solve(
                pde.PDEProblem(wave.domain, fourth, [pde.Dirichlet()]), pde.GPHM(pde.Matern52()), key=jax.random.key(0)
            ),
            "kernel must have derivatives of order 5",
        ),
        (
            lambda wave: pde.solve(
                pde.PDEProblem(wave.domain, wave.residual, wave.conditions, unknown={"frequency": 1.0}),
                SMALL,
                key=jax.random.key(0),
            ),
            "problem must have one field, no unknown",
        ),
        (lambda wave: pde.spectrum(None), "solution"),
    ],
)
def test_bad_arguments_are_refused_by_name(wave, make, message):
    with pytest.raises((ValueError, TypeError), match=message):
        make(wave)
