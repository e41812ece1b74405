"""`pde.solve`: closed forms, unknown coefficients, lifts, fresh points, compilation, and bad input."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from perturbax import core, pde
from perturbax.pde._field import Theta
from perturbax.pde._least_squares import rows, rows_and_jacobian


@pytest.fixture(scope="module")
def solution(string, quick):
    return pde.solve(string, dataclasses.replace(quick, optimiser=pde.LM(25, chunk=5)), key=jax.random.key(0))


def test_a_string_is_solved_and_its_derivatives_are_those_of_the_parabola(solution):
    x = np.linspace(0.0, 1.0, 7)[:, None]
    np.testing.assert_allclose(solution(x), x * (1.0 - x), atol=1e-4)
    np.testing.assert_allclose(solution.derivative(x, 0), 1.0 - 2.0 * x, atol=1e-3)
    np.testing.assert_allclose(solution.residual(x), solution.derivative(x, 0, 0) + 2.0, atol=1e-12)
    assert isinstance(solution(x), np.ndarray)
    assert solution(x).dtype == np.float64


def test_the_history_tells_steps_losses_and_errors(solution):
    history = solution.history
    assert history["step"].tolist() == [5, 10, 15, 20, 25]
    assert (np.diff(history["loss"]) < 0.0).all()
    assert history["error"][-1] == pytest.approx(pde.solution_error(solution, 2048).relative_l2)
    assert solution.stats["evaluations"] == history["evaluations"][-1] >= 50
    assert solution.stats["parameters"] == 19


def test_the_jacobian_by_points_is_that_of_all_rows(string, quick, key):
    with core.float64():
        problem = core.settle_arrays(string)
        theta = Theta(quick.network(problem, key), {})
        arrays, rest = eqx.partition(theta, eqx.is_inexact_array)
        points, _ = quick.points.start(problem, key)
        found, jacobian = eqx.filter_jit(rows_and_jacobian)(problem, arrays, rest, points)
        flat, unravel = ravel_pytree(arrays)

        @jax.jit
        def every(flat):
            return rows(problem, eqx.combine(unravel(flat), rest), points)

        np.testing.assert_allclose(found, every(flat), atol=1e-12)
        np.testing.assert_allclose(jacobian, jax.jit(jax.jacfwd(every))(flat), atol=1e-10)


def test_an_unknown_coefficient_is_found_from_data(string, quick, key):
    x = np.linspace(0.1, 0.9, 5)[:, None]
    problem = pde.PDEProblem(
        string.domain, string.residual, [pde.Dirichlet(0.0), pde.Data(x, 3.0 * x * (1.0 - x))], unknown={"force": 1.0}
    )
    found = pde.solve(problem, dataclasses.replace(quick, optimiser=pde.LM(25, chunk=5)), key=key)
    assert float(found.unknown["force"]) == pytest.approx(6.0, rel=1e-2)
    assert pde.solution_error(found, 100).residual_rms < 0.1


def test_a_lift_meets_its_conditions_exactly(string, quick, key):
    def lifted(x, N, params):
        return x[0] * (1.0 - x[0]) * N

    problem = pde.PDEProblem(string.domain, string.residual, [], params={"force": 2.0}, lift=lifted, exact=string.exact)
    found = pde.solve(problem, dataclasses.replace(quick, optimiser=pde.LM(15, chunk=5)), key=key)
    assert found([[0.0], [1.0]]).tolist() == [[0.0], [0.0]]
    assert pde.solution_error(found, 100).relative_l2 < 1e-3


@pytest.mark.parametrize("optimiser", [pde.Adam(20, 1e-2, chunk=10), pde.LBFGS(20, chunk=10)], ids=["Adam", "LBFGS"])
def test_descent_makes_the_loss_smaller(string, quick, key, optimiser):
    found = pde.solve(string, dataclasses.replace(quick, optimiser=optimiser), key=key)
    assert found.history["loss"][-1] < found.history["loss"][0]
    assert found.stats["evaluations"] >= 20


class Noting(pde.FreshPoints):
    """Fresh points that count their updates and look at the residual."""

    def start(self, problem, key):
        return super().start(problem, key)[0], (0, 0.0)

    def update(self, problem, points, state, residual, key):
        fresh, _ = super().update(problem, points, state, residual, key)
        return fresh, (state[0] + 1, float(jnp.abs(residual(points.x)).max()))

    def report(self, state):
        return {"largest": state[1]}

    def evaluations(self, state):
        return 12 * state[0]


def test_points_move_between_chunks_and_through_the_phases_of_a_chain(string, quick, key):
    optimiser = pde.Chain([pde.Adam(10, 1e-2, chunk=10), pde.LBFGS(10, chunk=10)])
    found = pde.solve(string, dataclasses.replace(quick, optimiser=optimiser, points=Noting(12, 2, every=4)), key=key)
    assert found.history["step"].tolist() == [4, 8, 10, 12, 16, 20]
    assert found.stats["sampler_evaluations"] == 5 * 12
    assert len(set(found.history["largest"])) == 5
    assert found.history["largest"][0] > 0.0


def test_other_numbers_and_keys_do_not_compile_again(string, quick, key, compilations):
    stronger = pde.PDEProblem(
        string.domain, string.residual, string.conditions, params={"force": 3.0}, exact=string.exact
    )
    pde.solve(string, quick, key=key)
    with compilations() as counted:
        pde.solve(stronger, quick, key=jax.random.key(1))
    assert not counted


def test_the_same_key_gives_the_same_solution(string, quick, key):
    a, b = (pde.solve(string, quick, key=key) for _ in range(2))
    x = np.linspace(0.0, 1.0, 5)[:, None]
    np.testing.assert_array_equal(a(x), b(x))


def test_float32_is_a_choice_and_warns_of_levenberg_and_marquardt(string, quick, key):
    with pytest.warns(UserWarning, match="LM in float32"):
        found = pde.solve(string, quick, key=key, precision="float32")
    assert found([[0.5]]).dtype == np.float32


def explodes(x, u, params):
    return u.d(0, 0) * jnp.inf


def test_what_is_not_finite_raises_or_is_told(quick, key):
    problem = pde.PDEProblem(pde.Box([0.0], [1.0]), explodes, [pde.Dirichlet()])
    with pytest.raises(core.SolverError, match="solve by PINN: A value became NaN or infinite"):
        pde.solve(problem, quick, key=key)
    assert pde.solve(problem, quick, key=key, throw=False).result == core.Result.nonfinite


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda string, quick: pde.solve(None, quick, key=jax.random.key(0)), "problem"),
        (lambda string, quick: pde.solve(string, pde.PINN, key=jax.random.key(0)), "method"),
        (lambda string, quick: pde.solve(string, quick, key=0), "key must be one JAX PRNG key"),
        (lambda string, quick: pde.PINN(hidden=()), "hidden must name"),
        (lambda string, quick: pde.PINN(hidden=(0,)), r"hidden\[0\] must be an integer >= 1"),
        (lambda string, quick: pde.LM(0), "steps must be an integer >= 1"),
        (lambda string, quick: pde.LM(damping=0.0), "damping must be a number > 0"),
        (lambda string, quick: pde.LM(trials=0), "trials must be an integer >= 1"),
        (lambda string, quick: pde.Adam(learning_rate=-1.0), "learning_rate must be a number > 0"),
        (lambda string, quick: pde.LBFGS(memory=0), "memory must be an integer >= 1"),
        (lambda string, quick: pde.Chain([]), "members must name at least one"),
        (lambda string, quick: pde.Chain([1]), "members"),
        (lambda string, quick: pde.FixedPoints(0), "interior must be an integer >= 1"),
        (lambda string, quick: pde.FreshPoints(every=0), "every must be an integer >= 1"),
        (lambda string, quick: pde.solution_error(None), "solution"),
    ],
)
def test_bad_arguments_are_refused_by_name(string, quick, make, message):
    with pytest.raises((ValueError, TypeError), match=message):
        make(string, quick)


def test_bad_points_are_refused_by_a_solution(solution):
    with pytest.raises(ValueError, match="x must have shape"):
        solution([[0.0, 1.0]])
    with pytest.raises(ValueError, match="x must be finite"):
        solution([[np.nan]])
    with pytest.raises(ValueError, match="axes must be an integer"):
        solution.derivative([[0.0]], 1)
