"""Every method of `linalg.solve` finds the solution of a direct method, and refuses what it cannot solve."""

import dataclasses

import jax
import jax.numpy as jnp
import lineax
import numpy as np
import pytest
import scipy.sparse
import scipy.sparse.linalg

from perturbax import linalg
from perturbax.core import Result, SolverError

METHODS = {
    "CG": linalg.CG(tol=1e-10),
    "Jacobi": linalg.PCG(linalg.Jacobi(), tol=1e-10),
    "SSOR": linalg.PCG(linalg.SSOR(omega=1.3), tol=1e-10),
    "red-black SSOR": linalg.PCG(linalg.SSOR(ordering=linalg.RedBlack()), tol=1e-10),
    "IC": linalg.PCG(linalg.IncompleteCholesky(), tol=1e-10),
    "red-black IC": linalg.PCG(linalg.IncompleteCholesky(linalg.RedBlack()), tol=1e-10),
    "AMG": linalg.PCG(linalg.AMG(max_coarse=10), tol=1e-10),
    "deflated": linalg.DeflatedPCG(ritz=4, lanczos_steps=30, tol=1e-10),
    "SOR": linalg.Stationary(linalg.SOR(omega=1.6), tol=1e-10),
    "DCDM": linalg.DCDM(jnp.tanh, tol=1e-10),
    "flexible": linalg.FlexibleCG(jnp.tanh, memory=2, tol=1e-10),
}


@pytest.mark.parametrize("name", METHODS)
def test_every_method_finds_the_solution(disk, exact, name):
    if name == "AMG":
        pytest.importorskip("pyamg")
    solved = linalg.solve(disk, METHODS[name])
    np.testing.assert_allclose(solved.x, exact, atol=1e-7 * np.abs(exact).max())
    assert solved.x.dtype == np.float64
    k = int(solved.iterations)
    norms = np.asarray(solved.residual_norms)
    assert norms[k] <= 1e-10 * np.linalg.norm(disk.b) < norms[k - 1]
    assert np.isnan(norms[k + 1 :]).all()


def test_conjugate_gradients_agree_with_scipy_step_for_step(disk):
    counted = []
    matrix, b = disk.operator.matrix(), disk.b.reshape(-1)
    scipy.sparse.linalg.cg(matrix, b, rtol=1e-8, callback=lambda x: counted.append(np.linalg.norm(b - matrix @ x)))
    solved = linalg.solve(disk, linalg.CG(tol=1e-8))
    assert int(solved.iterations) == len(counted)
    np.testing.assert_allclose(solved.residual_norms[1:21], counted[:20], rtol=1e-9)
    assert int(solved.stats["evaluations"]) == len(counted) + 2


def test_the_precision_is_that_of_b(disk):
    system = linalg.LinearSystem(disk.operator, disk.b.astype(np.float32))
    assert linalg.solve(system, linalg.CG(tol=1e-4)).x.dtype == np.float32
    with pytest.raises(SolverError, match=r"stagnated|largest number"):
        linalg.solve(system, linalg.CG(tol=1e-12))


def test_a_zero_right_side_has_the_solution_zero_from_any_start():
    system = linalg.LinearSystem(np.diag([1.0, 2.0]), np.zeros(2), x0=np.ones(2))
    solved = linalg.solve(system, linalg.CG())
    assert solved.x.tolist() == [0.0, 0.0]
    assert int(solved.iterations) == 0


def test_a_start_at_the_solution_takes_no_step(disk, exact):
    system = linalg.LinearSystem(disk.operator, disk.b, x0=exact)
    assert int(linalg.solve(system, linalg.CG(tol=1e-10)).iterations) == 0


def test_too_few_steps_raise_or_are_told(disk):
    with pytest.raises(SolverError, match=r"CG after 3 iterations.*largest number of steps"):
        linalg.solve(disk, linalg.CG(max_steps=3))
    solved = linalg.solve(disk, linalg.CG(max_steps=3), throw=False)
    assert solved.result == Result.max_steps


@pytest.mark.parametrize("method", [linalg.CG(), linalg.DCDM(lambda r: r)])
def test_an_indefinite_operator_is_told(method):
    system = linalg.LinearSystem(np.diag([1.0, -1.0]), np.array([0.5, 1.0]))
    with pytest.raises(SolverError, match="not positive definite"):
        linalg.solve(system, method)


def test_walled_in_fluid_is_solved_up_to_its_constant():
    operator = linalg.Poisson(np.ones((6, 5), bool))
    b = np.random.default_rng(0).normal(size=(6, 5))
    with pytest.raises(ValueError, match=r"b must lie in the range .* part of norm"):
        linalg.solve(linalg.LinearSystem(operator, b), linalg.CG())
    solved = linalg.solve(linalg.LinearSystem(operator, b - b.mean()), linalg.PCG(linalg.SSOR(), tol=1e-10))
    assert abs(np.asarray(solved.x).mean()) < 1e-12
    np.testing.assert_allclose(operator.matrix() @ solved.x.reshape(-1), (b - b.mean()).reshape(-1), atol=1e-8)


def test_a_nullspace_of_the_user():
    matrix = np.array([[1.0, -1.0, 0.0], [-1.0, 2.0, -1.0], [0.0, -1.0, 1.0]])
    system = linalg.LinearSystem(matrix, np.array([1.0, 0.0, -1.0]), nullspace=np.ones((1, 3)))
    np.testing.assert_allclose(linalg.solve(system, linalg.CG(tol=1e-10)).x, [1.0, 0.0, -1.0], atol=1e-9)
    with pytest.raises(ValueError, match="nullspace must hold linearly independent"):
        linalg.solve(linalg.LinearSystem(matrix, np.zeros(3), nullspace=np.ones((2, 3))), linalg.CG())


def test_operators_of_lineax_of_scipy_and_functions_are_one_problem(disk):
    dense = disk.operator.matrix().toarray()
    b = disk.b.reshape(-1)
    operators = [
        dense,
        disk.operator.matrix(),
        lineax.MatrixLinearOperator(jnp.asarray(dense, jnp.float32)),
        linalg.MatrixFree(lambda x: disk.operator(x.reshape(disk.b.shape)).reshape(-1), b.shape),
    ]
    counts = [int(linalg.solve(linalg.LinearSystem(op, b), linalg.CG(tol=1e-6)).iterations) for op in operators]
    assert counts == [int(linalg.solve(disk, linalg.CG(tol=1e-6)).iterations)] * 4


def test_a_batch_of_right_sides_and_of_shifts():
    fluid = np.ones((6, 6), bool)

    def count(b, shift):
        system = linalg.LinearSystem(linalg.Poisson(fluid, open_sides=True, shift=shift), b)
        return linalg.solve(system, linalg.CG(tol=1e-4)).iterations

    b = jnp.asarray(np.random.default_rng(0).normal(size=(6, 6)), jnp.float32)
    counts = jax.vmap(count)(jnp.stack([b, 2.0 * b]), jnp.array([0.0, 10.0]))
    assert int(counts[0]) == int(count(b, 0.0)) > int(counts[1]) > 1


@pytest.mark.parametrize("name", ["IC", *(pytest.param(name, marks=pytest.mark.slow) for name in ("AMG", "deflated"))])
def test_what_is_made_of_a_known_operator_is_made_under_jit_too(disk, name):
    if name == "AMG":
        pytest.importorskip("pyamg")
    method = dataclasses.replace(METHODS[name], tol=1e-4)
    b = jnp.asarray(disk.b, jnp.float32)

    def solve(b):
        return linalg.solve(linalg.LinearSystem(disk.operator, b), method, throw=False)

    traced, wanted = jax.jit(jax.vmap(solve))(jnp.stack([b, -b])), solve(b)
    assert traced.iterations.tolist() == [int(wanted.iterations)] * 2
    np.testing.assert_allclose(traced.x[1], -wanted.x, atol=1e-3 * float(jnp.abs(wanted.x).max()))


def test_another_right_side_or_tolerance_compiles_nothing(disk):
    from perturbax.linalg._krylov import _conjugate_gradients

    compiled = _conjugate_gradients._cached._cache_size
    linalg.solve(disk, linalg.CG(tol=1e-10))
    before = compiled()
    linalg.solve(linalg.LinearSystem(disk.operator, 3.0 * disk.b), linalg.CG(tol=1e-7))
    assert compiled() == before


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: linalg.LinearSystem(np.eye(2), np.ones(3)), "b must have shape"),
        (lambda: linalg.LinearSystem(np.eye(2), np.ones(2), x0=np.ones(3)), "x0 must have shape"),
        (lambda: linalg.LinearSystem(np.ones((2, 3)), np.ones(2)), "operator must be square"),
        (lambda: linalg.LinearSystem(np.eye(2), np.ones(2), nullspace=np.ones(2)), "nullspace must have shape"),
        (lambda: linalg.LinearSystem("matrix", np.ones(2)), "operator must be an operator"),
        (lambda: linalg.CG(tol=0.0), "tol must be a number > 0"),
        (lambda: linalg.CG(max_steps=0), "max_steps must be"),
        (lambda: linalg.PCG(linalg.SOR()), "preconditioner must be symmetric"),
        (lambda: linalg.SSOR(omega=2.0), "omega must be a number in"),
        (lambda: linalg.DCDM(lambda r: r, memory=0), "memory must be"),
        (lambda: linalg.DeflatedPCG(ritz=5, lanczos_steps=4), "lanczos_steps must be"),
        (lambda: linalg.Sparse(scipy.sparse.eye_array(3), mask=np.ones((2, 2), bool)), "mask must be True for the 3"),
        (lambda: linalg.Sparse(scipy.sparse.csr_array(np.array([[np.nan]]))), "matrix must be finite"),
        (lambda: linalg.Poisson(np.ones((2, 2))), "fluid must hold booleans"),
        (lambda: linalg.Poisson(np.ones(2, bool)), "fluid must have 2 or 3 axes"),
        (lambda: linalg.Poisson(np.ones((2, 2), bool), np.ones((2, 2), bool)), "air must not overlap fluid"),
        (lambda: linalg.Poisson(np.ones((2, 2), bool), open_sides=(True, False)), "open_sides must be"),
        (lambda: linalg.Poisson(np.zeros((2, 2), bool)), "fluid must have at least one"),
        (lambda: linalg.Poisson(np.ones((2, 2), bool), shift=-1.0), "shift must be"),
    ],
)
def test_bad_input_is_refused_by_name(make, message):
    with pytest.raises((ValueError, TypeError), match=message):
        make()


def test_what_a_method_cannot_use_is_refused():
    b = np.ones(2)
    unsymmetric = np.array([[1.0, 2.0], [0.0, 1.0]])
    with pytest.raises(ValueError, match="operator must be symmetric for CG"):
        linalg.solve(linalg.LinearSystem(unsymmetric, b), linalg.CG())
    assert linalg.solve(linalg.LinearSystem(unsymmetric, b), linalg.Stationary(linalg.SOR(1.0))).x.shape == (2,)
    free = linalg.LinearSystem(linalg.MatrixFree(lambda x: 2.0 * x, (2,)), b)
    with pytest.raises(ValueError, match="diagonal"):
        linalg.solve(free, linalg.PCG(linalg.Jacobi()))
    known = linalg.LinearSystem(linalg.MatrixFree(lambda x: 2.0 * x, (2,), np.full(2, 2.0)), b)
    with pytest.raises(ValueError, match="operator must have entries"):
        linalg.solve(known, linalg.PCG(linalg.IncompleteCholesky()))
    with pytest.raises(ValueError, match="positive pivots"):
        linalg.solve(linalg.LinearSystem(np.diag([1.0, -1.0]), b), linalg.PCG(linalg.IncompleteCholesky()))
    solid = linalg.Poisson(np.array([[True, True], [True, False]]), open_sides=True)
    with pytest.raises(ValueError, match="b must lie in the range"):
        linalg.solve(linalg.LinearSystem(solid, np.ones((2, 2))), linalg.CG())
